package predictive

import (
	"testing"
	"time"
)

// A start costs 45 s here: what was needed within the last 45 s stays.
func TestAReplicaStaysForAsLongAsItsNextStartCosts(t *testing.T) {
	const breakEven = 45 * time.Second
	for name, tc := range map[string]struct{ needed, held []int }{
		"up at once, down after three decisions":     {[]int{2, 9, 3, 3, 3, 3, 3}, []int{2, 9, 9, 9, 9, 3, 3}},
		"down to the highest that came since":        {[]int{9, 3, 5, 4, 2, 2, 2}, []int{9, 9, 9, 9, 5, 5, 4}},
		"needed again in time, it is kept all along": {[]int{9, 3, 3, 9, 3, 3, 9}, []int{9, 9, 9, 9, 9, 9, 9}},
		"to nothing": {[]int{1, 0, 0, 0, 0}, []int{1, 1, 1, 1, 0}},
	} {
		var n needs
		for i, need := range tc.needed {
			at := time.Unix(1000, 0).Add(time.Duration(i) * 15 * time.Second)
			if got := n.take(at, need, breakEven); got != tc.held[i] {
				t.Errorf("%s: after %v %d are held, want %d", name, tc.needed[:i+1], got, tc.held[i])
			}
		}
	}
}

// A need of tomorrow, by a clock that was then set back, is one of now.
func TestNeedsWhenTheClockIsSetBack(t *testing.T) {
	var n needs
	at := time.Unix(100_000, 0)
	n.take(at, 9, time.Minute)
	back := at.Add(-24 * time.Hour)
	if got := n.take(back, 2, time.Minute); got != 9 {
		t.Errorf("at once: %d held, want 9", got)
	}
	if got := n.take(back.Add(61*time.Second), 2, time.Minute); got != 2 {
		t.Errorf("a minute later: %d held, want 2", got)
	}
}
