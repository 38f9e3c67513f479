package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Once is one decision and what could not be read for it.
type Once struct {
	record.Decided
	Memory Recalled        `json:"memory"`
	Faults []control.Fault `json:"faults,omitempty"`
}

// DecideOnce says what a document would decide now, from what runs now. It
// starts, changes and keeps nothing. plane is the balancer that runs already, nil
// when none does: then it measures nothing. What memory remembers is taken over as
// by a controller that starts; nil: nothing is.
func DecideOnce(ctx context.Context, spec Spec, plane balancer.Measured, memory Remembered, deps Deps) (Once, error) {
	plan, err := spec.Plan()
	if err != nil {
		return Once{}, err
	}
	var was Recalled
	if memory != nil {
		if was, err = recall(ctx, memory, spec.Name, &plan); err != nil {
			return Once{}, err
		}
	}
	t, err := spec.Look(deps)
	if err != nil {
		return Once{}, err
	}
	status, err := t.Status(ctx)
	if err != nil {
		return Once{}, err
	}
	report := control.Report{Target: spec.Name, At: deps.Clock.Now(), Measured: true}
	if plane != nil {
		if report.Samples, err = (without{plane, spec.named()}).Collect(ctx); err != nil {
			return Once{}, fmt.Errorf("balancer: %w", err)
		}
		backends, err := plane.Backends(ctx)
		if err != nil {
			return Once{}, fmt.Errorf("balancer: %w", err)
		}
		believe(&status, backends)
	} else if spec.proxy() == nil && len(spec.front().Signals) > 0 {
		report.Faults = append(report.Faults, control.Fault{From: "balancer", Error: "it measures over time, while flyball run looks at it"})
	}
	report.Status = &status
	spec.usage(ctx, t, &report)
	if err := spec.sample(ctx, &report, deps); err != nil {
		return Once{}, err
	}
	report.At = deps.Clock.Now()
	obs, err := plan.Observe(report)
	if err != nil {
		return Once{}, err
	}
	if obs.Advice, err = askOnce(ctx, &spec, deps, &obs); err != nil {
		return Once{}, err
	}
	decided := record.Decided{Decision: plan.Decider.Decide(obs), Mode: plan.ModeUnder(was.override, obs.At), Seen: record.See(&obs)}
	out := Once{Decided: decided, Memory: was, Faults: report.Faults}
	for _, shadow := range plan.Shadows {
		out.Shadows = append(out.Shadows, shadow.Decide(obs))
	}
	return out, nil
}

// usage asks the target once what its replicas use. One that measures over time
// has nothing to say yet; a cluster has.
func (s *Spec) usage(ctx context.Context, t target.Managed, report *control.Report) {
	ctx, cancel := context.WithTimeoutCause(ctx, source.Patience, source.ErrPatience)
	defer cancel()
	samples, err := (without{t, s.named()}).Collect(ctx)
	report.Samples = append(report.Samples, samples...)
	if err != nil {
		report.Faults = append(report.Faults, control.Fault{From: "target usage", Error: err.Error()})
	}
}

// firstSample is how long a source that works between calls may take until it
// has something to deliver. Others have the time that they have when they run.
const firstSample = 5 * time.Second

// sample reads the document's own sources once, all at the same time.
func (s *Spec) sample(ctx context.Context, report *control.Report, deps Deps) error {
	env := source.Env{Target: s.Name, Clock: deps.Clock, Log: slog.New(slog.DiscardHandler), Interval: s.interval(),
		Replicas: func(context.Context) ([]scale.Replica, error) { return report.Status.Replicas, nil }}
	var mu sync.Mutex // guards report
	var reading sync.WaitGroup
	defer reading.Wait()
	for _, spec := range s.Sources {
		src, err := spec.build(env)
		if err != nil {
			return err
		}
		reading.Go(func() {
			samples, err := source.Once(ctx, src, deps.Clock, firstSample)
			mu.Lock()
			defer mu.Unlock()
			report.Samples = append(report.Samples, samples...)
			if err != nil {
				report.Faults = append(report.Faults, control.Fault{From: spec.name(), Error: err.Error()})
			}
		})
	}
	return nil
}

// believe takes the readiness of replicas from the balancer: nobody probes
// them here.
func believe(status *target.Status, backends []balancer.BackendStatus) {
	for i := range status.Replicas {
		for _, b := range backends {
			if b.ID == status.Replicas[i].ID && b.State == balancer.Active {
				status.Replicas[i].Readiness = scale.Readiness{Known: true, Ready: true}
			}
		}
	}
}
