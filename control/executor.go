package control

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Executor carries out the decisions of one target.
//
// With a fence it consumes them: each is obeyed at least once, also when the
// executor is killed in the middle, and the order to a target is absolute, so
// that once more does no harm.
type Executor struct {
	Name      string
	Target    target.Target
	Decisions bus.Topic[record.Decided]
	Changes   bus.Topic[record.Applied]
	Log       *slog.Logger
	// Fence keeps planners apart where there may be several; nil: there is one,
	// in this process.
	Fence *Fence
	// Lease says whether this executor is the one that carries out; nil: there
	// is no other. What comes while it is not is left to that.
	Lease bus.Lease
	// Clock says which decisions are too old to be obeyed; nil: none is.
	Clock clock.Clock

	refusing bool // the last order was too old
}

// consumer is the executor's name on the bus.
const consumer = "executor"

// Run applies decisions until ctx is done: where it falls behind, the newest
// alone.
func (e *Executor) Run(ctx context.Context) error {
	if e.Fence != nil {
		return e.consume(ctx)
	}
	decisions, err := e.Decisions.SubscribeLatest(ctx, func(record.Decided) bool { return true })
	if err != nil {
		return err
	}
	for d := range decisions {
		e.keep(ctx, &d)
		if changes(&d) {
			e.announce(ctx, e.apply(ctx, &d))
		}
	}
	return nil
}

// keep says to a target whose count others can set whether it is to be put
// back: not while somebody has paused the service, or wants only to see. It begins
// with a decision that has data: until there is something to decide on, who else
// scales it is not asked to make way. Each decision says it anew: a document that
// names another object has the target forget what it was told of the one before.
func (e *Executor) keep(ctx context.Context, d *record.Decided) {
	on := d.Mode == scale.Apply
	keeper, ok := e.Target.(target.Keeper)
	if !ok || on && d.Decision.NoData {
		return
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := keeper.Keep(call, on); err != nil {
		e.Log.Debug("the target was not told whether to keep its count", slog.String("target", e.Name), slog.Any("error", err))
	}
}

// changes reports whether a decision is an order.
func changes(d *record.Decided) bool { return d.Mode == scale.Apply && d.Decision.Changes() }

// consume obeys what is handed over. What could not be answered is not
// acknowledged, and comes again.
func (e *Executor) consume(ctx context.Context) error {
	handed, err := e.Decisions.Consume(ctx, consumer)
	if err != nil {
		return err
	}
	for batch := range handed {
		if !e.carriesOut() {
			continue
		}
		newest := e.newest(ctx, batch)
		if !e.tooOld(&newest.Message) {
			e.keep(ctx, &newest.Message)
		}
		if e.obey(ctx, &newest.Message) {
			e.acknowledge(ctx, newest)
		}
	}
	return nil
}

// carriesOut reports whether decisions are this executor's.
func (e *Executor) carriesOut() bool {
	if e.Lease == nil {
		return true
	}
	_, held := e.Lease.Term()
	return held
}

// newest returns the newest decision of a batch; the others need not come again.
func (e *Executor) newest(ctx context.Context, batch []bus.Handed[record.Decided]) bus.Handed[record.Decided] {
	newest := batch[0]
	for _, d := range batch[1:] {
		if d.Message.Compare(newest.Message.Mark) >= 0 {
			newest, d = d, newest
		}
		e.acknowledge(ctx, d)
	}
	return newest
}

func (e *Executor) acknowledge(ctx context.Context, d bus.Handed[record.Decided]) {
	if err := d.Ack(ctx); err != nil && ctx.Err() == nil {
		e.Log.Warn("decision not acknowledged: it will come again", slog.String("target", e.Name), slog.Any("error", err))
	}
}

// obey reports whether a decision has been dealt with.
//
// It is on disk after the target was told and before that is announced: who is
// killed before tells the target again, who is killed after announces again.
func (e *Executor) obey(ctx context.Context, d *record.Decided) bool {
	switch e.Fence.judge(d.Mark) {
	case outdated:
		e.Log.Warn("decision refused: another planner has taken over", slog.String("target", e.Name), slog.Int64("term", d.Term), slog.Int64("current", e.Fence.last.Term))
		if !changes(d) {
			return true
		}
		refused := answer(e.Name, d)
		refused.Error = fmt.Sprintf("refused: the planner of term %d has been replaced by that of term %d", d.Term, e.Fence.last.Term)
		return e.announce(ctx, refused)
	case stale:
		return true
	case repeated:
		return !changes(d) || e.announce(ctx, answer(e.Name, d))
	}
	if !changes(d) {
		e.passed(d, false)
		return true
	}
	if e.tooOld(d) {
		return e.announce(ctx, e.refuse(d))
	}
	e.refusing = false
	done := e.apply(ctx, d)
	if done.Error == "" {
		e.passed(d, true)
	}
	return e.announce(ctx, done)
}

// tooOld reports whether a decision is no order any more: what waited for an
// executor that was away was decided for a load that is over, and whoever has
// paused the service since could not take it back.
func (e *Executor) tooOld(d *record.Decided) bool {
	return e.Clock != nil && !d.ObeyUntil.IsZero() && e.Clock.Now().After(d.ObeyUntil)
}

// refuse answers why an order that is too old is not carried out. With clocks
// that differ each one is: the log says it once.
func (e *Executor) refuse(d *record.Decided) record.Applied {
	refused := answer(e.Name, d)
	refused.Error = fmt.Sprintf("refused: too old: decided at %s, an order until %s, and it is %s; the executor was away, or clocks differ",
		instant(d.Decision.At), instant(d.ObeyUntil), instant(e.Clock.Now()))
	if !e.refusing {
		e.Log.Warn("decision refused: too old", slog.String("target", e.Name), slog.Time("decided", d.Decision.At), slog.Time("until", d.ObeyUntil))
	}
	e.refusing = true
	return refused
}

func instant(at time.Time) string { return at.UTC().Format(time.DateTime) }

func (e *Executor) passed(d *record.Decided, changed bool) {
	if err := e.Fence.pass(d.Mark, changed); err != nil {
		e.Log.Error("a restart may repeat this decision", slog.String("target", e.Name), slog.Any("error", err))
	}
}

// orderLasts is how long a decision is an order at least. A consumer that is
// busy with the one before, for as long as a call may take, is in time, and so
// is one that was just restarted.
const orderLasts = callTimeout + 15*time.Second

// callTimeout is how long one order to a target or balancer may take.
const callTimeout = 30 * time.Second

// answer is what is told of a decision that was carried out.
func answer(name string, d *record.Decided) record.Applied {
	return record.Applied{Target: name, At: d.Decision.At, From: d.Decision.CurrentReplicas, To: d.Decision.DesiredReplicas, Mark: d.Mark}
}

// apply tells the target its count.
func (e *Executor) apply(ctx context.Context, d *record.Decided) record.Applied {
	done := answer(e.Name, d)
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := e.Target.SetReplicas(call, done.To); err != nil {
		done.Error = err.Error()
		if ctx.Err() == nil {
			e.Log.Error("cannot scale", slog.String("target", e.Name), slog.Int("from", done.From), slog.Int("to", done.To), slog.Any("error", err))
		}
	}
	return done
}

// announce tells what was done, although the loop may be ending: the record and
// the next controller must know of it. What the end has kept from being done is
// not told: whoever comes next does it.
func (e *Executor) announce(ctx context.Context, done record.Applied) bool {
	if done.Error != "" && ctx.Err() != nil {
		return false
	}
	err := e.Changes.Publish(context.WithoutCancel(ctx), done)
	if err != nil {
		e.Log.Error("change not announced", slog.String("target", e.Name), slog.Any("error", err))
	}
	return err == nil
}
