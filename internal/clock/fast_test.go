package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

var start = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

func TestAnHourPassesInAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewFast(start, 60)
		before := time.Now()
		now := <-c.After(time.Hour)
		if took := time.Since(before); took != time.Minute {
			t.Errorf("an hour took %v, want a minute", took)
		}
		if want := start.Add(time.Hour); !now.Equal(want) || !c.Now().Equal(want) {
			t.Errorf("got %v and %v, want %v", now, c.Now(), want)
		}
		ticker := c.NewTicker(time.Minute)
		defer ticker.Stop()
		for range 3 {
			<-ticker.C
		}
		if got, want := c.Now(), start.Add(63*time.Minute); !got.Equal(want) {
			t.Errorf("after three ticks of a minute: got %v, want %v", got, want)
		}
	})
}

// The time for which two hold it at once counts once, and who waits waits on.
func TestAHeldClockStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewFast(start, 60)
		before, waited := time.Now(), c.After(time.Minute)
		first := c.Hold()
		time.Sleep(10 * time.Second)
		second := c.Hold()
		time.Sleep(10 * time.Second)
		first()
		time.Sleep(10 * time.Second)
		if !c.Now().Equal(start) {
			t.Errorf("held: got %v, want %v", c.Now(), start)
		}
		second()
		<-waited
		if took := time.Since(before); took != 31*time.Second {
			t.Errorf("a minute, held for 30 s, took %v, want 31 s", took)
		}
		if got, want := c.Now(), start.Add(time.Minute); !got.Equal(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// Who follows every minute is never left further behind than two; who stops
// following stops the clock.
func TestTheClockWaitsForWhoFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewFast(start, 60)
		lead := c.Lead(2 * time.Minute)
		for range 3 {
			time.Sleep(time.Second)
			lead.Follow()
		}
		if got, want := c.Now(), start.Add(3*time.Minute); !got.Equal(want) {
			t.Errorf("followed: got %v, want %v", got, want)
		}
		waited := c.After(3 * time.Minute)
		time.Sleep(time.Hour)
		if got, want := c.Now(), start.Add(5*time.Minute); !got.Equal(want) {
			t.Errorf("not followed for an hour: got %v, want %v", got, want)
		}
		time.Sleep(time.Hour)
		before := time.Now()
		lead.Release()
		<-waited
		if took := time.Since(before); took > 2*time.Second || !c.Now().Equal(start.Add(6*time.Minute)) {
			t.Errorf("the last minute took %v, to %v, want a second, to %v", took, c.Now(), start.Add(6*time.Minute))
		}
	})
}
