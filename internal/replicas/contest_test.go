package replicas

import (
	"testing"
	"time"
)

func TestWhoSetsTheCountAgainAndAgainIsWaitedForLongerAndLonger(t *testing.T) {
	var c Contest
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, want := range []time.Duration{0, time.Second, 4 * time.Second, 16 * time.Second, 64 * time.Second, 256 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		if !c.Disturb(now) || c.Disturb(now) {
			t.Errorf("round %d: is to begin once", i)
		}
		if wait := max(0, c.Next().Sub(now)); wait != want {
			t.Errorf("round %d: waits %v, want %v", i, wait, want)
		}
		if now = now.Add(want); c.Again() != (i > 1) {
			t.Errorf("round %d: again is %v", i, c.Again())
		}
		c.Restore(now)
	}
	now = now.Add(ContestPeace + time.Second)
	if c.Disturb(now); c.Next().After(now) || c.Again() {
		t.Error("after a while of peace it is not put back at once")
	}
}

func TestWhatIsTakenBackIsNoRound(t *testing.T) {
	var c Contest
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.Disturb(now)
	if c.Withdraw(); c.Disturbed() || c.Next().After(now) {
		t.Error("it is waited although nothing was put back")
	}
	c.Disturb(now)
	c.Restore(now)
	c.Disturb(now)
	if c.Insist(); c.Next().After(now) {
		t.Error("a new count has to wait")
	}
}
