package control_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// made is an order of now that is one until then.
func made(seq int64, to int, lasts time.Duration) record.Decided {
	d := order(1, seq, 10, to)
	d.Decision.At = clock.System.Now()
	d.ObeyUntil = d.Decision.At.Add(lasts)
	return d
}

// timely runs an executor that knows the time; stop ends it.
func timely(t *testing.T, b bus.Bus, w *kept, file string, lines *strings.Builder) (stop func()) {
	t.Helper()
	return executes(t, b, file, &control.Executor{Target: w, Log: slog.New(slog.NewTextHandler(lines, nil)), Clock: clock.System})
}

// What a planner decided in the night is no order any more when the executor is
// back at noon: it is answered why, once in the log, and does not come again.
func TestAnOrderOfLongAgoIsNotCarriedOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	synctest.Test(t, func(t *testing.T) {
		b, w := memory.New(), &kept{world: newWorld(10)}
		var lines strings.Builder
		answers, err := control.Changes(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		timely(t, b, w, file, &lines)()
		publish(t, control.Decisions(b, "web"), made(1, 4, 45*time.Second))
		<-clock.System.After(3 * time.Hour)
		stop := timely(t, b, w, file, &lines)
		if a := receive(t, answers); a.Seq != 1 || !strings.Contains(a.Error, "refused: too old") {
			t.Errorf("answered %+v, want that it is too old", a)
		}
		if len(w.told) != 0 {
			t.Errorf("the target was told %v of keeping its count by an order that is over", w.told)
		}
		publish(t, control.Decisions(b, "web"), made(2, 5, -time.Second)) // clocks that differ: each one
		if a := receive(t, answers); a.Seq != 2 || a.Error == "" {
			t.Errorf("answered %+v, want that it is too old", a)
		}
		stop()
		if n := strings.Count(lines.String(), "too old"); n != 1 {
			t.Errorf("%d lines, want 1: %s", n, lines.String())
		}
		stop = timely(t, b, w, file, &lines)
		defer stop()
		publish(t, control.Decisions(b, "web"), made(3, 9, 45*time.Second))
		if a := receive(t, answers); a.Seq != 3 || a.Error != "" {
			t.Errorf("answered %+v, want that of the new order alone", a)
		}
		if want := []int{9}; !slices.Equal(w.orders(), want) {
			t.Errorf("the target was told %v, want %v", w.orders(), want)
		}
	})
}

// One that was obeyed before the executor was killed is announced however late:
// the planner must know of it.
func TestAnOrderThatWasObeyedIsAnnouncedHoweverLate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.fence")
	synctest.Test(t, func(t *testing.T) {
		b, w := &cut{Bus: memory.New()}, &kept{world: newWorld(10)}
		var lines strings.Builder
		stop := timely(t, b, w, file, &lines)
		b.set(true)
		publish(t, control.Decisions(b, "web"), made(1, 4, 45*time.Second))
		synctest.Wait()
		stop()
		b.set(false)
		<-clock.System.After(3 * time.Hour)
		answers, err := control.Changes(b, "web").Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer timely(t, b, w, file, &lines)()
		if a := receive(t, answers); a.To != 4 || a.Error != "" {
			t.Errorf("announced %+v, want the change to 4", a)
		}
	})
}

// Planners of several say how long; where there is one, in the same process, no
// time is named.
func TestHowLongAnOrderIsOne(t *testing.T) {
	for sync, want := range map[time.Duration]time.Duration{15 * time.Second: 45 * time.Second, time.Minute: 3 * time.Minute, time.Second: 45 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(2)
			p := plan(t, scale.Apply, 2)
			p.Sync = sync
			decisions := startLeased(t, w, p, &turns{term: 1, held: true})
			pass(2 * time.Minute)
			all := decisions()
			if len(all) == 0 {
				t.Fatal("nothing was decided")
			}
			for _, d := range all {
				if got := d.ObeyUntil.Sub(d.Decision.At); got != want {
					t.Errorf("sync %v: an order for %v, want %v", sync, got, want)
				}
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		decisions := startLeased(t, w, plan(t, scale.Apply, 2), nil)
		pass(time.Minute)
		for _, d := range decisions() {
			if !d.ObeyUntil.IsZero() {
				t.Errorf("in one process: an order until %v, want no such time", d.ObeyUntil)
			}
		}
	})
}
