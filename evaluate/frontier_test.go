package evaluate

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func points(vh ...float64) []Point {
	var all []Point
	for i := 0; i < len(vh); i += 2 {
		all = append(all, Point{Violations: vh[i], ReplicaHours: vh[i+1]})
	}
	return all
}

func TestFrontierIsTheLowerLeftHull(t *testing.T) {
	for name, tc := range map[string]struct{ in, want []Point }{
		"a point above the line between two others is left out": {
			points(0.001, 300, 0.01, 200, 0.005, 260), points(0.001, 300, 0.01, 200)},
		"a point below the line stays": {
			points(0.001, 300, 0.01, 200, 0.005, 250), points(0.001, 300, 0.005, 250, 0.01, 200)},
		"more violations at the same cost are worth nothing": {
			points(0.001, 300, 0.01, 300), points(0.001, 300)},
		"dearer with more violations": {
			points(0.001, 300, 0.01, 320), points(0.001, 300)},
		"of two without violations the cheaper": {
			points(0, 400, 0, 300, 0.1, 100), points(0, 300, 0.1, 100)},
		"no numbers": {points(math.NaN(), 1, 0.1, math.NaN()), nil},
		"nothing":    {nil, nil},
	} {
		got := NewFrontier(tc.in)
		if len(got) != len(tc.want) {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: got %v, want %v", name, got, tc.want)
			}
		}
	}
}

func TestCostAtEqualViolations(t *testing.T) {
	f := NewFrontier(points(0.0001, 300, 0.01, 200))
	for name, tc := range map[string]struct{ v, hours float64 }{
		// log10: 0.001 lies in the middle of 0.0001 and 0.01.
		"half way in logarithms":                    {0.001, 250},
		"at a point":                                {0.01, 200},
		"at the first point":                        {0.0001, 300},
		"the cheapest where every setting holds it": {0.1, 200},
	} {
		if got, ok := f.CostAt(tc.v); !ok || math.Abs(got-tc.hours) > 1e-9 {
			t.Errorf("%s: got %v, %v; want %v", name, got, ok, tc.hours)
		}
	}
	if got, ok := f.CostAt(0.00005); ok {
		t.Errorf("no setting holds 0.005 %%: got %v, want none", got)
	}
	if _, ok := NewFrontier(nil).CostAt(0.1); ok {
		t.Error("without any point: got a cost, want none")
	}
	// None counts as one in a million: 0.001 is half way to 1.
	whole := NewFrontier(points(0, 300, 1, 100))
	if got, ok := whole.CostAt(0.001); !ok || math.Abs(got-200) > 1e-9 {
		t.Errorf("from no violations: got %v, want 200", got)
	}
	if got, ok := whole.CostAt(0); !ok || got != 300 {
		t.Errorf("at no violations: got %v, want 300", got)
	}
	hardly := NewFrontier(points(2e-7, 300, 8e-7, 290, 1e-3, 200))
	if got, ok := hardly.CostAt(0); !ok || math.Abs(got-290) > 1e-9 {
		t.Errorf("at none, of settings with hardly any: got %v (%v), want the cheaper one's 290", got, ok)
	}
}

// More violations never cost more, whatever the points.
func TestCostFallsWithViolations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share, hours := rapid.Float64Range(0, 1), rapid.Float64Range(1, 100)
		var all []Point
		for range rapid.IntRange(0, 12).Draw(t, "points") {
			all = append(all, Point{Violations: share.Draw(t, "violations"), ReplicaHours: hours.Draw(t, "hours")})
		}
		f := NewFrontier(all)
		a, b := share.Draw(t, "a"), share.Draw(t, "b")
		dear, held := f.CostAt(min(a, b))
		cheap, heldToo := f.CostAt(max(a, b))
		if held && (!heldToo || cheap > dear+1e-9) {
			t.Fatalf("%v at %v costs %v, at %v %v (%v)", f, min(a, b), dear, max(a, b), cheap, heldToo)
		}
	})
}

func TestHypervolume(t *testing.T) {
	// From 1e-6 to 1 are six decades. One point at 1e-3 that costs half of the
	// most dominates three of them by half.
	f := NewFrontier(points(0.001, 50))
	if got := f.Hypervolume(1, 100); math.Abs(got-0.25) > 1e-12 {
		t.Errorf("one point: got %v, want 0.25", got)
	}
	// A second at 1e-1 that costs a quarter adds a quarter of the last decade.
	f = NewFrontier(points(0.001, 50, 0.1, 25))
	if got, want := f.Hypervolume(1, 100), 0.25+0.25/6; math.Abs(got-want) > 1e-12 {
		t.Errorf("two points: got %v, want %v", got, want)
	}
	// Only what is better than the reference counts.
	if got := NewFrontier(points(0.5, 10, 0.001, 120)).Hypervolume(0.1, 100); got != 0 {
		t.Errorf("beyond the reference: got %v, want 0", got)
	}
}

func TestPoolWeighsViolationsByRequests(t *testing.T) {
	got := Pool([]Run{
		{Policy: "hpa", Knob: 60, Requests: 100, AvoidableViolationRatio: 0.1, ReplicaHours: 4},
		{Policy: "kpa", Requests: 10, ReplicaHours: 1},
		{Policy: "hpa", Knob: 60, Requests: 300, AvoidableViolationRatio: 0.02, ReplicaHours: 6},
	})
	want := []Point{{Policy: "hpa", Knob: 60, Violations: 0.04, ReplicaHours: 5}, {Policy: "kpa", ReplicaHours: 1}}
	if len(got) != 2 || math.Abs(got[0].Violations-0.04) > 1e-12 || got[0].ReplicaHours != 5 || got[1] != want[1] {
		t.Errorf("got %+v, want %+v: (10 + 6) of 400 requests", got, want)
	}
}
