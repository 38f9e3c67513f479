package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestNumbersAsPeopleWriteThem(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{number(0), "0"}, {number(1234567), "1,234,567"}, {number(1234.4), "1,234"}, {number(99.95), "100"}, {number(0.012345), "0.0123"},
		{number(-0.5), "−0.5"}, {number(999.6), "1,000"}, {number(1e-9), "0"},
		{percent(0.00012), "0.012 %"}, {percent(1), "100 %"}, {percent(math.NaN()), unknown},
		{change(-0.31), "31 % less"}, {change(0.042), "4.2 % more"}, {change(1.36), "136 % more"}, {change(14), "×15"}, {change(0.0001), "0 %"}, {change(-0.0001), "0 %"},
		{seconds(0.0801), "80.1 ms"}, {seconds(1.5), "1.5 s"}, {seconds(600), "10 min"}, {seconds(3600), "1 h"}, {seconds(43200), "12 h"},
		{multiple(1.4249), "1.42 ×"}, {multiple(math.Inf(1)), unknown},
		{Percentage.write(62.5, ""), "62.5 %"}, {Money.write(69.814, "$"), "$69.81"}, {ReplicaHours.write(1745.3, ""), "1,745 h"}, {plural(1, "trace"), "1 trace"}, {plural(12, "trace"), "12 traces"},
	} {
		if got := strings.ReplaceAll(tc.got, space, " "); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestImprovementIsTowardsTheGood(t *testing.T) {
	for _, tc := range []struct {
		key                       string
		baseline, candidate, want float64
	}{
		{"replica_hours", 100, 69, 0.31},
		{"replica_hours", 100, 130, -0.3},
		{"accuracy_within_one", 0.5, 0.6, 0.2}, // more is better
		{"failed_requests", 0, 0, 0},
	} {
		if got := metric(tc.key).Improvement(tc.baseline, tc.candidate); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s from %v to %v: got %v, want %v", tc.key, tc.baseline, tc.candidate, got, tc.want)
		}
	}
}

// A change and the ends of its interval are read together, so they have one unit.
func TestAChangeHasOneUnit(t *testing.T) {
	for _, tc := range []struct {
		row  Row
		want string
	}{
		{Row{Key: "replica_hours", Baseline: 100, Candidate: 69, Improvement: &Estimate{0.31, 0.24, 0.37}}, "31 % less, 24 % … 37 % less"},
		{Row{Key: "replica_hours", Baseline: 100, Candidate: 236, Improvement: &Estimate{-1.36, -2.1, 0.7}}, "136 % more, 70 % less … 210 % more"},
		{Row{Key: "replica_hours", Baseline: 100, Candidate: 236, Improvement: &Estimate{-1.36, -2.1, -0.7}}, "136 % more (worse), 70 % … 210 % more"},
		{Row{Key: "latency_p95_seconds", Baseline: 1, Candidate: 4, Improvement: &Estimate{-3, -19, -0.5}}, "×4 (worse), ×1.5 … ×20"},
		{Row{Key: "accuracy_within_one", Baseline: 0.5, Candidate: 0.4, Improvement: &Estimate{-0.2, -0.3, -0.1}}, "20 % less (worse), 10 % … 30 % less"},
		{Row{Key: "failed_requests", Baseline: 2, Candidate: 3, Improvement: &Estimate{-0.5, math.Inf(-1), 0.5}}, "50 % more, unbounded"},
		{Row{Key: "failed_requests", Baseline: 0, Candidate: 3}, "from 0 (worse), –"},
		{Row{Key: "failed_requests", Baseline: 1, Candidate: 24}, "×24 (worse), –"},
	} {
		text, interval := tc.row.change(metric(tc.row.Key))
		if got := strings.ReplaceAll(text+", "+interval, space, " "); got != tc.want {
			t.Errorf("%s from %v to %v: got %q, want %q", tc.row.Key, tc.row.Baseline, tc.row.Candidate, got, tc.want)
		}
	}
}

// Every field of the catalogue has a group that the table shows, and words.
func TestEveryMetricIsExplained(t *testing.T) {
	keys := map[string]bool{}
	for _, m := range Metrics() {
		if keys[m.Key] {
			t.Errorf("%s is listed twice", m.Key)
		}
		keys[m.Key] = true
		if m.Name == "" || !strings.HasSuffix(m.Text, ".") && !strings.HasSuffix(m.Text, ").") {
			t.Errorf("%s has no name or no sentence", m.Key)
		}
		if !slices.Contains([]Group{Latency, Stability, Cost, Responsiveness, SLA}, m.Group) {
			t.Errorf("%s is in group %q, which the table does not show", m.Key, m.Group)
		}
	}
}

func TestReducedLinesKeepTheirPeaks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		points := make([]point, 1+random.IntN(5000))
		for i := range points {
			points[i] = point{float64(i), random.Float64()}
		}
		points[random.IntN(len(points))].v = 50
		points[random.IntN(len(points))].v = -50
		most := 8 + random.IntN(400)
		got := reduce(points, most)
		if len(got) > most && len(points) > most {
			t.Fatalf("%d points of %d are left, want at most %d", len(got), len(points), most)
		}
		byValue := func(a, b point) int { return int(math.Copysign(1, a.v-b.v)) }
		if slices.MaxFunc(got, byValue).v != slices.MaxFunc(points, byValue).v || slices.MinFunc(got, byValue).v != slices.MinFunc(points, byValue).v {
			t.Fatal("the highest or lowest point is lost")
		}
		if got[0] != points[0] || got[len(got)-1] != points[len(points)-1] {
			t.Fatal("the line begins or ends elsewhere")
		}
		if !slices.IsSortedFunc(got, func(a, b point) int { return int(a.t - b.t) }) {
			t.Fatal("the line runs backwards")
		}
	}
}

func TestShortLinesKeepAllTheirPoints(t *testing.T) {
	if got := share([]int{100, 100, 5000}, 3200); got != 3000 {
		t.Errorf("the long line may keep %d points, want the 3,000 that the short ones leave", got)
	}
	if got := share([]int{10, 20}, 1000); got < 20 {
		t.Errorf("where there is room for all, lines may keep %d, want all 20", got)
	}
}

func TestNoPointBelowTheHull(t *testing.T) {
	f := Frontier{Curves: []Curve{
		{Policy: "a", Points: []Point{{Ratio: 1.2, Avoidable: 0.05}, {Ratio: 1.5, Avoidable: 0.001}, {Ratio: 2.5, Avoidable: 0}}},
		{Policy: "b", Points: []Point{{Ratio: 1.3, Avoidable: 0.06}, {Ratio: 1.6, Avoidable: 0.0009}, {Ratio: 3, Avoidable: 0}}},
	}}
	want := []spot{{1.2, 0.05}, {1.5, 0.001}, {2.5, 0}}
	if got := f.hull(); !slices.Equal(got, want) {
		t.Errorf("the hull is %v, want %v: b's 1.6 × lies over the line between a's", got, want)
	}
}

func TestNamesDoNotCoverEachOther(t *testing.T) {
	room := names{right: 400, bottom: 300}
	for i := range 12 {
		room.take(200, float64(100+8*i))
	}
	marks := len(room.taken)
	placed := 0
	for i := range 12 {
		if _, ok := room.place(200, float64(100+8*i), "hpa:cpuUtilization"); ok {
			placed++
		}
	}
	if placed < 4 || len(room.taken) != marks+placed {
		t.Errorf("%d of 12 names found room, want at least those left and right", placed)
	}
	for i, a := range room.taken[marks:] {
		for _, b := range room.taken[:marks+i] {
			if a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1 {
				t.Errorf("a name at %v covers what is at %v", a, b)
			}
		}
	}
}

func TestWhatIsWrittenAsNothingIsNoDifference(t *testing.T) {
	for _, tc := range []struct {
		name                string
		baseline, candidate float64
		improvement         *Estimate
		want                verdict
	}{
		{"dust", 0.1 + 0.2, 0.3, nil, equal},
		{"all of the interval is under 0.05 %", 1, 1.0003, &Estimate{-0.0003, -0.0004, -0.0002}, same},
		{"the interval holds 0", 1, 0.9, &Estimate{0.1, -0.01, 0.2}, same},
		{"better", 1, 0.9, &Estimate{0.1, 0.01, 0.2}, better},
		{"worse", 1, 1.1, &Estimate{-0.1, -0.2, -0.01}, worse},
	} {
		row := Row{Key: "replica_hours", Baseline: tc.baseline, Candidate: tc.candidate, Improvement: tc.improvement}
		if got := row.verdict(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got.Word, tc.want.Word)
		}
	}
}
