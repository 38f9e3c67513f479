package control

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// Planner assembles the observations of one target and decides. It alone
// calls the deciders.
type Planner struct {
	Name      string
	Reports   bus.Topic[Report]
	Decisions bus.Topic[record.Decided]
	Changes   bus.Topic[record.Applied]
	Memories  bus.Topic[Memory]
	Clock     clock.Clock
	Log       *slog.Logger
	// Plans brings the first plan and each that replaces it.
	Plans <-chan Plan
	// Overrides brings what an operator sets by hand; nil takes it back.
	Overrides <-chan *record.Override
	// Lease says whether this planner is the one whose decisions count; nil:
	// there is no other. One that does not hold it decides all the same, in
	// silence, so that it knows what to do when it does.
	Lease bus.Lease
	// Counsel is who is asked beside the loop; nil: nobody.
	Counsel Counsel

	plan     Plan
	replaced []byte           // memory of the plan before this one
	hand     *record.Override // set by hand; nil: nothing
	seen     *assembler
	at       time.Time     // of the last decision
	late     bool          // a decision is due and waits for a newer report
	reported time.Time     // when the newest report with measurements came
	pause    time.Duration // between it and the one before
	logged   decisionLine
	memory   remembering
	mark     record.Mark // of the last decision
	heard    record.Mark // of the last change
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
	p.seen.adopt(&p.plan)
	defer p.rememberLast(ctx)
	return p.loop(ctx, reports, changes)
}

func (p *Planner) loop(ctx context.Context, reports <-chan Report, changes <-chan record.Applied) error {
	decided := false
	due := p.Clock.After(p.plan.Sync)
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-p.Plans:
			if next.Sync != p.plan.Sync {
				due = p.Clock.After(p.rest(next.Sync))
			}
			p.adopt(next)
		case p.hand = <-p.Overrides:
		case r, open := <-reports:
			if !open {
				return nil
			}
			p.seen.take(r)
			if r.Measured {
				p.pause, p.reported = p.Clock.Now().Sub(p.reported), p.Clock.Now()
				p.consult(ctx)
			}
			late := p.late
			if first := !decided && len(r.Samples) > 0; (first || late || p.seen.waiting()) && p.decide(ctx) {
				decided = true
				if late {
					due = p.Clock.After(p.rest(p.plan.Sync))
				}
			}
		case <-due:
			if patience, soon := p.coming(); soon && !p.late {
				p.late, due = true, p.Clock.After(patience)
				continue
			}
			wait := p.plan.Sync
			if p.decide(ctx) {
				decided, wait = true, p.rest(p.plan.Sync)
			}
			due = p.Clock.After(wait)
		case c, open := <-changes:
			if open && c.Error == "" {
				p.applied(c)
				p.remember(ctx)
			}
		}
	}
}

// coming reports whether the next report is so near that it is worth waiting
// for, and how long at most: both loops keep time, and where they keep the same
// time, chance would decide whether a decision sees what was just measured or
// what was measured an interval ago.
func (p *Planner) coming() (patience time.Duration, soon bool) {
	patience = min(p.pause/8, p.plan.Sync/16)
	off := p.reported.Add(p.pause).Sub(p.Clock.Now())
	return patience, off.Abs() < patience
}

// rest is how long the next decision is off: many reloads in a row must not
// keep putting it off, and a clock that jumps not for longer than sync.
func (p *Planner) rest(sync time.Duration) time.Duration {
	if p.at.IsZero() {
		return sync
	}
	return min(max(0, p.at.Add(sync).Sub(p.Clock.Now())), sync)
}

// adopt takes over a new plan. Parts whose memory does not depend on what was
// changed keep it; what is as it was before the plan that is replaced has that back, as
// when a reload is taken back.
func (p *Planner) adopt(next Plan) {
	memory, err := p.plan.Snapshot()
	if err != nil {
		p.Log.Error("memory lost", slog.String("target", p.Name), slog.Any("error", err))
	}
	older := next.Recall(p.replaced)
	afresh := slices.DeleteFunc(next.Recall(memory), func(part string) bool { return !slices.Contains(older, part) })
	if len(afresh) > 0 {
		p.Log.Info("changed parts start without memory", slog.String("target", p.Name), slog.String("parts", strings.Join(afresh, ", ")))
	}
	p.plan, p.replaced = next, memory
	p.seen.adopt(&p.plan)
}

// early reports whether counts are from before the plan's target took it over.
// Those from long before are of a clock that was set back since.
func (p *Planner) early(at time.Time) bool {
	before := p.plan.Since.Sub(at)
	return before > 0 && before <= 3*p.plan.MaxAge
}

// settle takes what has been told and not been heard yet: a decision is never
// made under a mode or a plan that is over.
func (p *Planner) settle() {
	for {
		select {
		case next := <-p.Plans:
			p.adopt(next)
		case p.hand = <-p.Overrides:
		default:
			return
		}
	}
}

// decide makes and publishes one decision; false when nothing is known yet. In
// a simulation it takes no time, however long this machine thinks.
func (p *Planner) decide(ctx context.Context) bool {
	defer clock.Hold(p.Clock)()
	p.settle()
	p.late = p.early(p.seen.statusAt)
	if p.late || !p.seen.ready(p.Clock.Now()) {
		return false
	}
	p.at = p.instant()
	p.plan.Decided = p.at
	obs := p.seen.observe(p.at)
	p.advised(&obs)
	out := record.Decided{Decision: p.plan.Decider.Decide(obs).Clone(), Mode: p.plan.ModeUnder(p.hand, obs.At), Seen: record.See(&obs)}
	out.Outlook, out.Budget = p.foreseen(), p.spent()
	for _, shadow := range p.plan.Shadows {
		out.Shadows = append(out.Shadows, shadow.Decide(obs).Clone())
	}
	if p.authorize(&out) {
		p.log(out)
		if err := p.Decisions.Publish(ctx, out); err != nil && ctx.Err() == nil {
			p.Log.Error("decision lost", slog.String("target", p.Name), slog.Any("error", err))
		}
	}
	p.inquire(ctx, &obs)
	p.remember(ctx)
	return true
}

// foreseen is what the policy expects, where it says until when.
func (p *Planner) foreseen() *record.Outlook {
	o, sees := p.plan.Decider.Outlook()
	if !sees || o.Horizon <= 0 || !series.Finite(o.Load) {
		return nil
	}
	for _, peak := range o.Peak {
		if !series.Finite(peak) {
			return nil // JSON has no words for it
		}
	}
	return &record.Outlook{Signal: o.Signal, Load: o.Load, Peak: o.Peak, Horizon: o.Horizon}
}

// spent is what replicas have cost today.
func (p *Planner) spent() *record.Budget {
	today, perDay, counted := p.plan.Decider.Spent()
	if !counted {
		return nil
	}
	return &record.Budget{Spent: today, PerDay: perDay}
}

// authorize marks a decision as that of the planner whose turn it is; false
// when it is another's.
func (p *Planner) authorize(d *record.Decided) bool {
	if p.Lease == nil {
		return true
	}
	term, held := p.Lease.Term()
	if !held {
		return false
	}
	if term != p.mark.Term {
		p.mark = record.Mark{Term: term}
	}
	p.mark.Seq++
	d.Mark = p.mark
	// Another decision follows each Sync: one that is three of them old has found
	// nobody to carry it out.
	d.ObeyUntil = p.at.Add(max(3*p.plan.Sync, orderLasts))
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

// known reports whether the deciders know of a change: where it is handed over
// at least once it may come again, also after a restart.
func (p *Planner) known(c record.Applied) bool {
	first := p.heard == record.Mark{}
	switch {
	case c.Mark == record.Mark{}:
		return false
	case first && !c.At.After(p.plan.Done), c.Compare(p.heard) <= 0:
		return true
	}
	p.heard = c.Mark
	return false
}

// applied tells the deciders what was really done.
func (p *Planner) applied(c record.Applied) {
	if p.known(c) {
		return
	}
	p.seen.respecify(c.To, p.Clock.Now())
	p.plan.Applied(c)
}
