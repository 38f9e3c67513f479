package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// run runs the phase until ctx is done, and undoes what it changed.
func (p *phase) run(ctx, hurry context.Context) (rows []experiment.Row, err error) {
	undo, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	p.file, err = experiment.Create(p.f.output, p.mode, clock.System.Now())
	if err != nil {
		return nil, cli.UsageError{Err: fmt.Errorf("--output-dir: %w", err)}
	}
	defer func() { err = errors.Join(err, p.file.Close()) }()
	fmt.Fprintf(p.f.says, "%s: %s, a row every %v in %s; Ctrl-C ends it\n", p.mode, p.spec.Target.Facts().Description, scale.Duration(p.f.interval), p.file.Path)
	return p.decide(ctx, hurry)
}

// decide runs the controller and writes rows until ctx is done.
func (p *phase) decide(ctx, hurry context.Context) ([]experiment.Row, error) {
	deps := app.Deps{Bus: memory.New(), Clock: clock.System, Log: p.f.log(), StateDir: p.state}
	decided, err := control.Decisions(deps.Bus, p.spec.Name).Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := control.Reports(deps.Bus, p.spec.Name).Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	exchanges, err := control.Exchanges(deps.Bus, p.spec.Name).Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	controller, err := app.NewController(ctx, app.Options{
		Deps: deps, Specs: []app.Spec{p.spec}, Open: openerOf(deps), Version: programVersion(),
		Ending: app.Ending{StopReplicas: true, Hurry: hurry},
	})
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer end() // without a controller there is nothing to be seen
		ended <- controller.Run(running)
	}()
	rows, err := p.watch(running, decided, reports, exchanges)
	end()
	return rows, errors.Join(err, unlessInterrupted(ctx, <-ended))
}

// begin refuses a phase that changes what rests for a running Flyball. It undoes
// what a phase that was killed has left, makes the live HPA what it
// is to be, and returns what undoes that.
func (p *phase) begin(ctx context.Context) (undo func() error, err error) {
	nothing := func() error { return nil }
	if p.live == nil {
		return nothing, nil
	}
	if p.mode != experiment.Comparison {
		if err := p.left.free(ctx); err != nil {
			return nothing, err
		}
	}
	if p.mode != experiment.AIScaler { // there it would be taken over again at once
		if err := p.says(p.left.handBack(ctx)); err != nil {
			return nothing, err
		}
	}
	if p.mode != experiment.HPAOnly {
		return nothing, p.says(p.live.Restore(ctx))
	}
	undo = func() error {
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return p.says(p.live.Restore(patient))
	}
	err = p.says(p.live.Install(ctx))
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, undo()) // a request that is given up may have been carried out
	}
	return undo, err
}

// says passes on what was done.
func (p *phase) says(what string, err error) error {
	if what != "" {
		fmt.Fprintln(p.f.says, what)
	}
	return err
}

// watch writes a row for each interval until ctx is done.
func (p *phase) watch(ctx context.Context, decided <-chan record.Decided, reports <-chan control.Report, exchanges <-chan control.Exchange) ([]experiment.Row, error) {
	var rows []experiment.Row
	var samples []scale.Sample
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return rows, nil
		case r := <-reports:
			if r.Measured {
				samples = r.Samples
			}
		case x := <-exchanges:
			p.said(x)
		case d, open := <-decided:
			if !open {
				return rows, nil
			}
			p.follows(&d)
			if d.Decision.At.Before(next) {
				continue // it also decides when something happens in between
			}
			next = d.Decision.At.Add(p.f.interval - p.f.interval/4)
			row := p.row(ctx, d, samples)
			if err := p.file.Append(row); err != nil {
				return rows, err
			}
			rows = append(rows, row)
			p.tell(row)
		}
	}
}

// follows notes whether the policy is obeyed, as the executor does: from the first
// decision that has data on.
func (p *phase) follows(d *record.Decided) {
	p.obeyed = d.Mode == scale.Apply && (p.obeyed || !d.Decision.NoData)
}

func (p *phase) row(ctx context.Context, d record.Decided, samples []scale.Sample) experiment.Row {
	seen := experiment.Seen{Mode: p.mode, Decided: d, HPA: hpaName, AI: p.f.policy(), Asked: p.f.ai == llmAI, Advised: p.advised, Targets: p.f.targets, Applied: p.obeyed, Samples: samples}
	if p.live != nil {
		status, err := p.live.Status(ctx)
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(p.f.says, "the live HPA cannot be read: %v\n", err)
		}
		seen.Live = status
	}
	return seen.Row()
}

// tell prints a row for people.
func (p *phase) tell(r experiment.Row) {
	wish := func(n *int) string {
		if n == nil {
			return "–"
		}
		return fmt.Sprint(*n)
	}
	line := fmt.Sprintf("%s  replicas %d  hpa %s (live %s)  %s %s", r.Timestamp.Local().Format(time.TimeOnly), r.CurrentReplicas,
		wish(r.HPASimDesired), wish(r.HPADesiredReplicas), p.f.ai, wish(r.AIRecommendedReplicas))
	if r.CPUMillicores != nil {
		line += fmt.Sprintf("  CPU %.0fm", *r.CPUMillicores)
	}
	fmt.Fprintf(p.f.says, "%s  %s\n", line, cmp.Or(r.AIReasoning, "no reason"))
}
