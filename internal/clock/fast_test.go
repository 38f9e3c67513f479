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
