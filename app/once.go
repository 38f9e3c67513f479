package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
)

// DecideOnce says what a document would decide now, from what runs now. It
// starts, changes and remembers nothing. plane is the balancer that runs
// already, nil when none does: then there are no measurements.
func DecideOnce(ctx context.Context, spec Spec, plane Measured, clk clock.Clock, stateDir string) (record.Decided, error) {
	plan, err := spec.Plan()
	if err != nil {
		return record.Decided{}, err
	}
	report := control.Report{Target: spec.Name, At: clk.Now()}
	t, err := process.New(spec.Name, spec.Process, process.Options{Clock: clk, Log: slog.New(slog.DiscardHandler), StateDir: stateDir})
	if err != nil {
		return record.Decided{}, err
	}
	status, err := t.Status(ctx)
	if err != nil {
		return record.Decided{}, err
	}
	if plane != nil {
		if report.Samples, err = plane.Collect(ctx); err != nil {
			return record.Decided{}, fmt.Errorf("balancer: %w", err)
		}
		backends, err := plane.Backends(ctx)
		if err != nil {
			return record.Decided{}, fmt.Errorf("balancer: %w", err)
		}
		believe(&status, backends)
	}
	report.Status = &status
	obs, err := control.Observe(report, plan.MaxAge)
	if err != nil {
		return record.Decided{}, err
	}
	out := record.Decided{Decision: plan.Decider.Decide(obs), Mode: plan.ModeAt(obs.At)}
	for _, shadow := range plan.Shadows {
		out.Shadows = append(out.Shadows, shadow.Decide(obs))
	}
	return out, nil
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
