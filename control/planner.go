package control

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Plan is what a planner decides with; it can be replaced while it runs.
type Plan struct {
	Mode scale.Mode
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
func (p Plan) ModeAt(at time.Time) scale.Mode {
	if p.Mode == scale.Paused && p.PausedUntil != nil && !at.Before(*p.PausedUntil) {
		return scale.Apply
	}
	return p.Mode
}

// Planner assembles the observations of one target and decides. It alone
// calls the deciders.
type Planner struct {
	Name      string
	Reports   bus.Topic[Report]
	Decisions bus.Topic[record.Decided]
	Changes   bus.Topic[record.Applied]
	Clock     clock.Clock
	Log       *slog.Logger
	// Plans brings the first plan and each that replaces it.
	Plans <-chan Plan

	plan   Plan
	seen   *assembler
	at     time.Time // of the last decision
	logged decisionLine
}

// decisionLine is what a log line says of a decision.
type decisionLine struct {
	from, to int
	setBy    string
	mode     scale.Mode
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

func (p *Planner) loop(ctx context.Context, reports <-chan Report, changes <-chan record.Applied) error {
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

// adopt takes over a new plan. What is of unchanged configuration keeps its
// memory.
func (p *Planner) adopt(next Plan) {
	if afresh := next.Decider.Adopt(p.plan.Decider); len(afresh) > 0 {
		p.Log.Info("changed parts start without memory", slog.String("target", p.Name), slog.String("parts", strings.Join(afresh, ", ")))
	}
	for _, shadow := range next.Shadows {
		for _, old := range p.plan.Shadows {
			if old.Name() == shadow.Name() {
				shadow.Adopt(old)
			}
		}
	}
	p.plan = next
	p.seen.maxAge = next.MaxAge
}

// decide makes and publishes one decision; false when nothing is known yet.
func (p *Planner) decide(ctx context.Context) bool {
	if !p.seen.ready(p.Clock.Now()) {
		return false
	}
	p.at = p.instant()
	obs := p.seen.observe(p.at)
	out := record.Decided{Decision: p.plan.Decider.Decide(obs).Clone(), Mode: p.plan.ModeAt(obs.At)}
	for _, shadow := range p.plan.Shadows {
		out.Shadows = append(out.Shadows, shadow.Decide(obs).Clone())
	}
	p.log(out)
	if err := p.Decisions.Publish(ctx, out); err != nil && ctx.Err() == nil {
		p.Log.Error("decision lost", slog.String("target", p.Name), slog.Any("error", err))
	}
	return true
}

// instant is the time of the next decision: exactly one Sync after the last
// one where that is about now. A timer that fires a microsecond early must not
// decide whether a rule's period is over.
func (p *Planner) instant() time.Time {
	now := p.Clock.Now()
	due := p.at.Add(p.plan.Sync)
	if off := now.Sub(due).Abs(); off < p.plan.Sync/8 {
		return due
	}
	return now
}

// log writes one line per decision that changes something and says something
// new.
func (p *Planner) log(d record.Decided) {
	line := decisionLine{d.Decision.CurrentReplicas, d.Decision.DesiredReplicas, d.Decision.SetBy, d.Mode}
	if !d.Decision.Changes() || line == p.logged {
		return
	}
	p.logged = line
	p.Log.Info("decision", slog.String("target", p.Name), slog.String("mode", string(d.Mode)),
		slog.Int("from", d.Decision.CurrentReplicas), slog.Int("to", d.Decision.DesiredReplicas),
		slog.String("set_by", d.Decision.SetBy), slog.String("reason", d.Decision.Reason.String()))
}

// applied tells the active decider and every shadow what was really done.
func (p *Planner) applied(c record.Applied) {
	p.seen.respecify(c.To)
	for _, d := range append([]*decide.Decider{p.plan.Decider}, p.plan.Shadows...) {
		d.Applied(c.At, c.From, c.To)
	}
}
