package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Executor carries out the decisions of one target.
type Executor struct {
	Name      string
	Target    target.Target
	Decisions bus.Topic[record.Decided]
	Changes   bus.Topic[record.Applied]
	Log       *slog.Logger
}

// Run applies decisions until ctx is done: where it falls behind, the newest
// alone.
func (e *Executor) Run(ctx context.Context) error {
	decisions, err := e.Decisions.SubscribeLatest(ctx, func(record.Decided) bool { return true })
	if err != nil {
		return err
	}
	for d := range decisions {
		if d.Mode == scale.Apply && d.Decision.Changes() {
			e.apply(ctx, d.Decision)
		}
	}
	return nil
}

// callTimeout is how long one order to a target or balancer may take.
const callTimeout = 30 * time.Second

func (e *Executor) apply(ctx context.Context, d scale.Decision) {
	done := record.Applied{Target: e.Name, At: d.At, From: d.CurrentReplicas, To: d.DesiredReplicas}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := e.Target.SetReplicas(call, d.DesiredReplicas); err != nil {
		if ctx.Err() != nil {
			return
		}
		done.Error = err.Error()
		e.Log.Error("cannot scale", slog.String("target", e.Name), slog.Int("from", done.From), slog.Int("to", done.To), slog.Any("error", err))
	}
	// What was done is told although the loop may be ending: the record and the
	// next controller must know of it.
	if err := e.Changes.Publish(context.WithoutCancel(ctx), done); err != nil {
		e.Log.Error("change not announced", slog.String("target", e.Name), slog.Any("error", err))
	}
}
