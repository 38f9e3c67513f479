package pace_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/load/pace"
	"github.com/flyball-io/flyball/workload"
)

// taken are turns as they were taken.
type taken struct {
	mu      sync.Mutex // guards what follows
	late    []time.Duration
	numbers []int
	dropped int
}

func (d *taken) take(takes time.Duration) func(pace.Turn) {
	return func(t pace.Turn) {
		d.mu.Lock()
		d.late, d.numbers = append(d.late, time.Since(t.Intended)), append(d.numbers, t.Number)
		d.mu.Unlock()
		time.Sleep(takes)
	}
}

func (d *taken) drop(pace.Turn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropped++
}

func evenly(rps float64, length time.Duration) *workload.Arrivals {
	return workload.NewArrivals(workload.Constant{RPS: rps, For: length}, workload.Uniform, 1)
}

// Ten turns a second, each of which takes five: an open loop waits for none.
func TestAnOpenLoopWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, begun := &taken{}, time.Now()
		pace.Options{Clock: clock.System, Arrivals: evenly(10, 10*time.Second), MaxInFlight: 100}.Run(t.Context(), d.take(5*time.Second), d.drop)
		if len(d.late) != 100 || slices.Max(d.late) > 0 || d.dropped != 0 {
			t.Errorf("got %d turns, the latest by %v, %d dropped, want 100 in time", len(d.late), slices.Max(d.late), d.dropped)
		}
		if took := time.Since(begun); took != 14950*time.Millisecond {
			t.Errorf("took %v, want until the last has ended, 14.95 s", took)
		}
	})
}

// With room for 20, a turn of 5 s each 0.1 s finds it full after two seconds, for
// three; those are dropped, and none is late.
func TestWhatFindsNoRoomIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &taken{}
		pace.Options{Clock: clock.System, Arrivals: evenly(10, 10*time.Second), MaxInFlight: 20}.Run(t.Context(), d.take(4990*time.Millisecond), d.drop)
		if len(d.late) != 40 || d.dropped != 60 || slices.Max(d.late) > 0 {
			t.Errorf("got %d turns and %d dropped, want 40 and 60", len(d.late), d.dropped)
		}
	})
}

// Three users whose turns take 2 s begin 15 in the first ten seconds.
func TestUsersBeginAnewWhenTheyAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &taken{}
		pace.Options{Clock: clock.System, Users: 3, For: 10 * time.Second}.Run(t.Context(), d.take(2*time.Second), d.drop)
		slices.Sort(d.numbers)
		if len(d.numbers) != 15 || d.numbers[0] != 0 || d.numbers[14] != 14 {
			t.Errorf("got turns %v, want 0 to 14", d.numbers)
		}
	})
}

func TestTurnsAreBounded(t *testing.T) {
	for name, o := range map[string]pace.Options{"open": {Arrivals: evenly(10, 0), MaxInFlight: 10}, "closed": {Users: 3}} {
		synctest.Test(t, func(t *testing.T) {
			d := &taken{}
			o.Clock, o.Most = clock.System, 7
			o.Run(t.Context(), d.take(time.Millisecond), d.drop)
			if len(d.numbers) != 7 {
				t.Errorf("%s: got %d turns, want 7", name, len(d.numbers))
			}
		})
	}
}

func TestNoTurnBeginsAfterTheEnd(t *testing.T) {
	for name, o := range map[string]pace.Options{"open": {Arrivals: evenly(10, 0), MaxInFlight: 10}, "closed": {Users: 1}} {
		synctest.Test(t, func(t *testing.T) {
			d := &taken{}
			ctx, cancel := context.WithTimeout(t.Context(), 980*time.Millisecond)
			defer cancel()
			o.Clock = clock.System
			o.Run(ctx, d.take(100*time.Millisecond), d.drop)
			if n := len(d.numbers); n != 10 {
				t.Errorf("%s: got %d turns in a second, want 10", name, n)
			}
		})
	}
}
