package control_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// kept is a target whose count others can set, too.
type kept struct {
	*world
	told []bool
}

var _ target.Keeper = (*kept)(nil)

func (k *kept) Keep(_ context.Context, on bool) error {
	k.told = append(k.told, on)
	return nil
}

// A count that somebody sets by hand is put back, but not while the service is
// paused or only recommended for.
func TestATargetIsToldWhetherItsCountIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New()
		k := &kept{world: newWorld(2)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- (&control.Executor{Name: "web", Target: k, Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"),
				Log: slog.New(slog.DiscardHandler)}).Run(ctx)
		}()
		for _, mode := range []scale.Mode{scale.Recommend, scale.Apply, scale.Apply, scale.Paused, scale.Paused, scale.Apply} {
			synctest.Wait()
			publish(t, control.Decisions(b, "web"), record.Decided{Mode: mode, Decision: scale.Decision{Target: "web", CurrentReplicas: 2, DesiredReplicas: 2}})
		}
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := []bool{false, true, false, true}; !slices.Equal(k.told, want) {
			t.Errorf("told %v, want %v", k.told, want)
		}
	})
}
