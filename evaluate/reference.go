package evaluate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Reference returns one of the contestants that no document can name, for they
// are yardsticks and not policies, as it is written after --policy:
//
//	static:replicas=N     always so many
//	sqrt:beta=B           square-root staffing on the exact rate of the moment
//	oracle                meets the demand at every step, knowing the future
//	oracle:theta=T        what is cheapest when a violation costs T replica-seconds
//
// It is false when the text names none of them.
func Reference(text string) (Contestant, bool, error) {
	kind, params, _ := strings.Cut(text, ":")
	key := map[string]string{"static": "replicas", "sqrt": "beta", "oracle": "theta"}[kind]
	if key == "" {
		return Contestant{}, false, nil
	}
	if kind == "oracle" && params == "" {
		return EveryStep(), true, nil
	}
	name, text, _ := strings.Cut(params, "=")
	value, err := strconv.ParseFloat(text, 64)
	whole := kind != "static" || value == math.Trunc(value) && value >= 1 && value < 1e6
	if name != key || err != nil || !(value >= 0) || math.IsInf(value, 1) || !whole {
		return Contestant{}, true, fmt.Errorf("--policy %s: needs %s=NUMBER and nothing else (static: a whole number from 1; others: from 0), got %q", kind, key, params)
	}
	switch kind {
	case "static":
		return Static(int(value)), true, nil
	case "sqrt":
		return SquareRoot(value), true, nil
	}
	return AtPrice(value), true, nil
}

// Static asks for the same count all the time.
func Static(replicas int) Contestant {
	return Contestant{Policy: "static", Params: fmt.Sprintf("replicas=%d", replicas), Knob: float64(replicas),
		New: func(s *sim.Scenario) (sim.Decider, error) {
			n := min(max(replicas, s.Replicas.Min), s.Replicas.Max)
			return chooser(func(time.Duration) int { return n }).decider(s), nil
		}}
}

// SquareRoot staffs for the exact expected rate of the moment, which nobody
// really knows, and does not look ahead: with a slots busy on average it asks
// for a + β·√a of them, the rule of Erlang's that Halfin and Whitt proved (1981).
func SquareRoot(beta float64) Contestant {
	return Contestant{Policy: "sqrt", Params: "beta=" + strconv.FormatFloat(beta, 'g', -1, 64), Knob: beta,
		New: func(s *sim.Scenario) (sim.Decider, error) {
			return chooser(func(t time.Duration) int {
				a := s.Load.Rate(t) * s.Service.Law.Mean()
				n := math.Ceil((a + beta*math.Sqrt(a)) / float64(s.Service.Slots))
				return min(max(int(n), s.Replicas.Min), s.Replicas.Max)
			}).decider(s), nil
		}}
}

// EveryStep is the oracle that meets the demand at every step.
func EveryStep() Contestant {
	return Contestant{Policy: "oracle", Plan: func(o *Oracle) (Schedule, error) { return o.EveryStep().Schedule, nil }}
}

// AtPrice is the oracle for which a violation costs so many replica-seconds.
func AtPrice(theta float64) Contestant {
	return Contestant{Policy: "oracle", Params: "theta=" + strconv.FormatFloat(theta, 'g', -1, 64), Knob: theta,
		Plan: func(o *Oracle) (Schedule, error) { return o.AtPrice(theta).Schedule, nil }}
}

// chooser says how many there should be at an instant of the load.
type chooser func(t time.Duration) int

func (c chooser) decider(s *sim.Scenario) sim.Decider { return chosen{c, s.Start} }

// chosen decides what a chooser says.
type chosen struct {
	choose chooser
	start  time.Time
}

// Decide implements [sim.Decider].
func (c chosen) Decide(obs scale.Observation) scale.Decision {
	return scale.Decision{At: obs.At, CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: c.choose(obs.At.Sub(c.start))}
}

// Applied implements [sim.Decider].
func (chosen) Applied(time.Time, int, int) {}
