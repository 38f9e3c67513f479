package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/internal/clock"
)

// Plan is what a planner decides with; it can be replaced while it runs.
type Plan struct {
	Mode Mode
	// PausedUntil is when a paused plan goes on by itself; nil: never.
	PausedUntil *time.Time
	Decider     *decide.Decider
	Shadows     []*decide.Decider
	// Sync is the time between two decisions.
	Sync time.Duration
	// MaxAge is how old a signal may be before it is stale.
	MaxAge time.Duration
}

// ModeAt is what becomes of a decision made at an instant.
func (p Plan) ModeAt(at time.Time) Mode {
	if p.Mode == Paused && p.PausedUntil != nil && !at.Before(*p.PausedUntil) {
		return Apply
	}
	return p.Mode
}

// Planner assembles the observations of one target and decides. It alone
// calls the deciders.
type Planner struct {
	Name      string
	Reports   bus.Topic[Report]
	Decisions bus.Topic[Decided]
	Changes   bus.Topic[Applied]
	Clock     clock.Clock
	Log       *slog.Logger
	// Plans brings the first plan and each that replaces it.
	Plans <-chan Plan

	plan Plan
	seen *assembler
}

// Run decides every Sync until ctx is done. The first decision comes with the
// first report, and one at once when requests wait for a target of no
// replicas.
func (p *Planner) Run(ctx context.Context) error {
	reports, err := p.Reports.Subscribe(ctx)
	if err != nil {
		return err
	}
	changes, err := p.Changes.Subscribe(ctx)
	if err != nil {
		return err
	}
	select {
	case p.plan = <-p.Plans:
	case <-ctx.Done():
		return nil
	}
	p.seen = newAssembler(p.Name, p.plan.MaxAge)
	return p.loop(ctx, reports, changes)
}

func (p *Planner) loop(ctx context.Context, reports <-chan Report, changes <-chan Applied) error {
	ticker := p.Clock.NewTicker(p.plan.Sync)
	defer ticker.Stop()
	decided := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-p.Plans:
			// Many reloads in a row must not keep putting the decision off.
			if next.Sync != p.plan.Sync {
				ticker.Reset(next.Sync)
			}
			p.adopt(next)
		case r, open := <-reports:
			if !open {
				return nil
			}
			p.seen.take(r)
			if first := !decided && len(r.Samples) > 0; first || p.seen.waiting() {
				decided = p.decide(ctx) || decided
			}
		case <-ticker.C:
			decided = p.decide(ctx) || decided
		case c, open := <-changes:
			if open && c.Error == "" {
				p.applied(c)
			}
		}
	}
}

// adopt takes over a new plan. A decider of unchanged configuration keeps its
// memory; a changed one starts afresh.
func (p *Planner) adopt(next Plan) {
	if data, err := p.plan.Decider.Snapshot(); err == nil {
		if err := next.Decider.Restore(data); err != nil {
			p.Log.Info("policy or rules changed: their memory starts afresh", slog.String("target", p.Name))
		}
	}
	p.plan = next
	p.seen.maxAge = next.MaxAge
}

// decide makes and publishes one decision; false when nothing is known yet.
func (p *Planner) decide(ctx context.Context) bool {
	if !p.seen.ready() {
		return false
	}
	obs := p.seen.observe(p.Clock.Now())
	out := Decided{Decision: p.plan.Decider.Decide(obs).Clone(), Mode: p.plan.ModeAt(obs.At)}
	for _, shadow := range p.plan.Shadows {
		out.Shadows = append(out.Shadows, shadow.Decide(obs).Clone())
	}
	p.log(out)
	if err := p.Decisions.Publish(ctx, out); err != nil && ctx.Err() == nil {
		p.Log.Error("decision lost", slog.String("target", p.Name), slog.Any("error", err))
	}
	return true
}

// log writes one line per decision that changes something.
func (p *Planner) log(d Decided) {
	if !d.Decision.Changes() {
		return
	}
	p.Log.Info("decision", slog.String("target", p.Name), slog.String("mode", string(d.Mode)),
		slog.Int("from", d.Decision.CurrentReplicas), slog.Int("to", d.Decision.DesiredReplicas),
		slog.String("set_by", d.Decision.SetBy), slog.String("reason", d.Decision.Reason.String()))
}

// applied tells the active decider and every shadow what was really done.
func (p *Planner) applied(c Applied) {
	p.seen.respecify(c.To)
	for _, d := range append([]*decide.Decider{p.plan.Decider}, p.plan.Shadows...) {
		d.Applied(c.At, c.From, c.To)
	}
}
