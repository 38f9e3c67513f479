package learned_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy/learned"
)

func TestWhatActionsStandFor(t *testing.T) {
	a := learned.StandardActions()
	for _, tc := range []struct {
		rule              string
		base, least, most int
		want              []int // −1: not allowed
	}{
		{"in proportion where that makes a difference", 100, 1, 1000, []int{70, 80, 90, 100, 110, 125, 150, 200}},
		{"a replica apart where it does not", 3, 0, 50, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"at a bound the one nearest to the base", 3, 2, 5, []int{-1, -1, 2, 3, 4, 5, -1, -1}},
		{"at the least nothing below", 2, 2, 3, []int{-1, -1, -1, 2, 3, -1, -1, -1}},
		{"no way at all", 4, 4, 4, []int{-1, -1, -1, 4, -1, -1, -1, -1}},
		{"the bound cuts a factor", 100, 75, 120, []int{75, 80, 90, 100, 110, 120, -1, -1}},
	} {
		allowed, got := make([]bool, len(a)), make([]int, len(a))
		a.Allow(allowed, a.Base(), tc.base, tc.least, tc.most)
		for i := range a {
			got[i] = -1
			if allowed[i] {
				got[i] = min(max(a.Count(i, a.Base(), tc.base), tc.least), tc.most)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %d between %d and %d (-want +got):\n%s", tc.rule, tc.base, tc.least, tc.most, diff)
		}
	}
}

// Whatever base and bounds: what is allowed are different counts within them, and
// the base's own is among them.
func TestAllowedActionsAreDifferentCounts(t *testing.T) {
	a := learned.StandardActions()
	allowed := make([]bool, len(a))
	for least := range 6 {
		for most := least; most < 40; most++ {
			for base := max(1, least); base <= most; base++ {
				a.Allow(allowed, a.Base(), base, least, most)
				last := -1
				for i := range a {
					if !allowed[i] {
						continue
					}
					n := min(max(a.Count(i, a.Base(), base), least), most)
					if n <= last || i == a.Base() && n != base {
						t.Fatalf("base %d within %d and %d: action %d stands for %d after %d", base, least, most, i, n, last)
					}
					last = n
				}
				if !allowed[a.Base()] {
					t.Fatalf("base %d within %d and %d: doing as the base is not allowed", base, least, most)
				}
			}
		}
	}
}

func TestTablesOfActionsThatAreRefused(t *testing.T) {
	for name, a := range map[string]learned.Actions{
		"none": {}, "one": {1}, "without the base": {0.9, 1.1}, "falling": {1, 0.9}, "twice": {1, 1}, "0": {0, 1}, "far": {1, 101},
	} {
		if a.Validate() == nil {
			t.Errorf("%s: %v is accepted", name, a)
		}
	}
	if err := learned.StandardActions().Validate(); err != nil {
		t.Error(err)
	}
}
