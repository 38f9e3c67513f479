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

// Who else scales is to go on until there is something to decide on, and once it has
// made way it is not to come back for each gap in the data.
func TestATargetIsNotOursBeforeTheFirstDecisionWithData(t *testing.T) {
	const apply, recommend = scale.Apply, scale.Recommend
	for name, tc := range map[string]struct {
		decided []record.Decided
		want    []bool
	}{
		"no data yet":                {[]record.Decided{decidedBy(apply, true), decidedBy(apply, true)}, nil},
		"then data":                  {[]record.Decided{decidedBy(apply, true), decidedBy(apply, false)}, []bool{true}},
		"a gap":                      {[]record.Decided{decidedBy(apply, false), decidedBy(apply, true), decidedBy(apply, false)}, []bool{true, true}},
		"recommended for, no data":   {[]record.Decided{decidedBy(recommend, true)}, []bool{false}},
		"not paused any more, a gap": {[]record.Decided{decidedBy(recommend, false), decidedBy(apply, true), decidedBy(apply, false)}, []bool{false, true}},
	} {
		if got := toldOf(t, tc.decided); !slices.Equal(got, tc.want) {
			t.Errorf("%s: told %v, want %v", name, got, tc.want)
		}
	}
}

func decidedBy(mode scale.Mode, noData bool) record.Decided {
	return record.Decided{Mode: mode, Decision: scale.Decision{Target: "web", CurrentReplicas: 2, DesiredReplicas: 2, NoData: noData}}
}

// A count that somebody sets by hand is put back, but not while the service is
// paused or only recommended for. It is told with each decision: the object may be
// another one than that of the decision before.
func TestATargetIsToldWhetherItsCountIsKept(t *testing.T) {
	var decided []record.Decided
	for _, mode := range []scale.Mode{scale.Recommend, scale.Apply, scale.Apply, scale.Paused, scale.Paused, scale.Apply} {
		decided = append(decided, decidedBy(mode, false))
	}
	if got, want := toldOf(t, decided), []bool{false, true, true, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// toldOf is what a target is told of keeping its count as these are decided.
func toldOf(t *testing.T, decided []record.Decided) []bool {
	t.Helper()
	k := &kept{world: newWorld(2)}
	synctest.Test(t, func(t *testing.T) {
		b := memory.New()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- (&control.Executor{Name: "web", Target: k, Decisions: control.Decisions(b, "web"), Changes: control.Changes(b, "web"),
				Log: slog.New(slog.DiscardHandler)}).Run(ctx)
		}()
		for _, d := range decided {
			synctest.Wait()
			publish(t, control.Decisions(b, "web"), d)
		}
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return k.told
}
