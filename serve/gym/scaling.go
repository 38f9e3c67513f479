package gym

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/scaling"
)

// ScalingOptions are what a client may say of the environment of scaling.
type ScalingOptions struct {
	// Families of loads; none: those to train on. HeldOut: those to evaluate on.
	Families []string `json:"families,omitempty"`
	HeldOut  bool     `json:"heldOut,omitempty"`
	// Workloads are how many are drawn, from a seed of their own, so that other
	// seeds of episodes play on the same.
	Workloads     int    `json:"workloads"`
	WorkloadsSeed uint64 `json:"workloadsSeed"`
	// Episode is how many decisions one has, and Noise how much less or more a
	// replica carries than is believed.
	Episode int     `json:"episode"`
	Noise   float32 `json:"noise"`
}

// mostWorkloads bounds what one client may have prepared.
const mostWorkloads = 2000

func defaultScaling() ScalingOptions {
	d := scaling.Default()
	return ScalingOptions{Workloads: 24, WorkloadsSeed: 1, Episode: d.Episode, Noise: d.Noise}
}

func (o *ScalingOptions) validate() error {
	switch {
	case o.HeldOut && len(o.Families) > 0:
		return errors.New("options: state families or heldOut, not both")
	case o.Workloads < 1 || o.Workloads > mostWorkloads:
		return fmt.Errorf("options: workloads: must be 1 to %d, got %d", mostWorkloads, o.Workloads)
	}
	if len(o.Families) == 0 {
		o.Families = scaling.Families(o.HeldOut)
	}
	return nil
}

// Scaling is the environment of scaling a service ([scaling.Environment]). What was
// prepared is kept for the next client, of the newest few.
func Scaling() Environment {
	var kept preparations
	var actions []string
	for _, factor := range learned.StandardActions() {
		actions = append(actions, fmt.Sprintf("× %v", factor))
	}
	return Environment{
		Name: "scaling", Description: "replicas of a service relative to what the predictive policy wants, on drawn loads and services; reward: cost below the oracle's, negative",
		Observations: learned.Names(), Actions: actions, Low: -1, High: 2,
		Model: modelOf{learned.Schema, learned.StandardActions()},
		Make: func(ctx context.Context, copies int, seed uint64, options json.RawMessage) (rl.Environment, error) {
			o := defaultScaling()
			if err := decodeOptions(options, &o); err != nil {
				return nil, err
			}
			if err := o.validate(); err != nil {
				return nil, err
			}
			workloads, err := kept.of(ctx, o)
			if err != nil {
				return nil, err
			}
			cfg := scaling.Default()
			cfg.Copies, cfg.Seed, cfg.Episode, cfg.Noise = copies, seed, o.Episode, o.Noise
			return scaling.New(workloads, cfg)
		},
	}
}

// modelOf is of the header of a model's file what the environment decides.
type modelOf struct {
	Schema  int             `json:"schema"`
	Actions learned.Actions `json:"actions"`
}

// decodeOptions reads strictly over defaults.
func decodeOptions(data json.RawMessage, into any) error {
	if len(data) == 0 || string(data) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("options: must be one object")
	}
	return nil
}

// preparations are the newest sets of workloads.
type preparations struct {
	mu  sync.Mutex // guards all; held while workloads are prepared, once for all who want them
	all []preparation
}

type preparation struct {
	key       string
	workloads []*scaling.Workload
}

// mostKept is how many sets are kept.
const mostKept = 4

func (p *preparations) of(ctx context.Context, o ScalingOptions) ([]*scaling.Workload, error) {
	key := fmt.Sprint(o.Families, o.Workloads, o.WorkloadsSeed)
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.all, func(q preparation) bool { return q.key == key }); i >= 0 {
		return p.all[i].workloads, nil
	}
	tasks, err := scaling.Draw(o.Families, o.Workloads, o.WorkloadsSeed)
	if err != nil {
		return nil, err
	}
	workloads, err := scaling.Prepare(ctx, tasks)
	if err != nil {
		return nil, err
	}
	p.all = append(p.all, preparation{key, workloads})
	p.all = p.all[max(0, len(p.all)-mostKept):]
	return workloads, nil
}
