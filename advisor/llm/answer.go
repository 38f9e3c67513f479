package llm

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

// Thresholds of an [scale.Advice] by signal: the p95 latency, in seconds, above
// which more replicas are needed and below which fewer suffice.
const (
	Up   = scale.Latency + "P95.up"
	Down = scale.Latency + "P95.down"
)

// read makes advice of what a model said, or says why that is none. Whatever the
// server promised about its form is checked again.
func (a *Advisor) read(reply *advisor.Reply) (scale.Advice, error) {
	if reply.Cut {
		return scale.Advice{}, errors.New("answer refused: cut off, for it was too long")
	}
	answer, err := object(reply.Text)
	if err == nil {
		err = conforms(a.schema, answer)
	}
	if err != nil {
		return scale.Advice{}, fmt.Errorf("answer refused: %w", err)
	}
	advice := scale.Advice{Reason: reasoning(answer["reasoning"].(string))}
	advice.Confidence, err = answer["confidence"].(json.Number).Float64()
	if err == nil && a.cfg.Question == advised.Thresholds {
		err = thresholds(&advice, answer)
	} else if err == nil {
		err = replicas(&advice, answer)
	}
	if err != nil {
		return scale.Advice{}, fmt.Errorf("answer refused: %w", err)
	}
	return advice, nil
}

// replicas reads a count. To a schema 4.0 is one too; here it is not, for who
// writes it so did not mean to count.
func replicas(advice *scale.Advice, answer map[string]any) error {
	written := answer["replicas"].(json.Number)
	n, err := written.Int64()
	if err != nil {
		return fmt.Errorf("replicas: must be an integer, got %s", excerpt(written.String(), 40))
	}
	count := int(n)
	advice.Replicas = &count
	return nil
}

// thresholds reads a direction, and from which latencies on.
func thresholds(advice *scale.Advice, answer map[string]any) error {
	up, upErr := answer["up_ms"].(json.Number).Float64()
	down, downErr := answer["down_ms"].(json.Number).Float64()
	if err := errors.Join(upErr, downErr); err != nil {
		return err
	}
	if down >= up {
		return fmt.Errorf("down_ms: must be below up_ms, got %v and %v", down, up)
	}
	advice.Direction = map[string]int{"scale_up": 1, "noop": 0, "scale_down": -1}[answer["action"].(string)]
	advice.Thresholds = map[string]float64{Up: up / 1000, Down: down / 1000}
	return nil
}
