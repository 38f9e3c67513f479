package learned_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy/learned"
)

// steady is a service with ten replicas that has all it needs.
func steady() learned.State {
	return learned.State{
		Now:  learned.Moment{Load: 0.8, Utilization: 0.8, Latency: 0.5, Late: 0.1},
		Base: 10, Ready: 10, Current: 10, Least: 1, Most: 100, Raised: 600, Lowered: 60,
		Foreseen: true, Peak: [3]float32{8, 8.5, 9}, Far: [3]float32{8, 9, 9.5}, Need: 10,
		Calendar: learned.Calendar(time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC)),
		Missed:   0.2, Stale: 5, Sync: 15, Startup: 30, Carried: 25, Allowed: 0.001,
	}
}

func encoded(s learned.State) []float32 {
	row := make([]float32, learned.Width)
	s.Encode(row, true)
	return row
}

// What an observation says, number by number.
func TestWhatAnObservationSays(t *testing.T) {
	s := steady()
	s.Starting = [4]float32{0, 10, 0, 0}
	row := encoded(s)
	got := map[string]float32{}
	for i, name := range learned.Names() {
		got[name] = row[i]
	}
	for name, want := range map[string]float64{
		"load": -0.2 / 1.8, "load-7": -0.2 / 1.8, "delay": 0, "utilization": 0.8, "latency": -0.5 / 1.5, "late": 0.1 / 1.1,
		"ready": 0, "current": 0, "starting<1/4": 0, "starting<1/2": 0.5, "raised": 600. / 645, "lowered": 60. / 105,
		"position": 9. / 99, "granularity": 0.1, "peak50": -2. / 18, "peak99": -1. / 19, "far99": -0.5 / 19.5, "need": 0, "foreseen": 1,
		"day sin": 1, "day cos": 0, "week sin": math.Sin(2 * math.Pi / 28), "week cos": math.Cos(2 * math.Pi / 28),
		"missed": 0.2 / 1.2, "stale": 0.25, "sync": 1. / 3, "carried": 25. / 35, "allowed": 0.001 / 0.011, "load of base": -0.2 / 1.8,
	} {
		value, named := got[name]
		if !named || math.Abs(float64(value)-want) > 1e-6 {
			t.Errorf("%s: got %v, want %v", name, value, want)
		}
	}
	if len(got) != learned.Width {
		t.Errorf("%d names for %d numbers", len(got), learned.Width)
	}
}

// A service ten times as large, with everything in proportion, looks the same but for how coarse a replica is.
func TestAnObservationDoesNotKnowTheSize(t *testing.T) {
	small, large := steady(), steady()
	large.Base, large.Ready, large.Current, large.Need = 100, 100, 100, 100
	large.Least, large.Most = 10, 1000
	for i := range large.Peak {
		large.Peak[i], large.Far[i] = 10*small.Peak[i], 10*small.Far[i]
	}
	a, b := encoded(small), encoded(large)
	for i, name := range learned.Names() {
		if math.Abs(float64(a[i]-b[i])) > 1e-6 != (name == "granularity") {
			t.Errorf("%s: %v of ten, %v of a hundred", name, a[i], b[i])
		}
	}
}

// The newest step pushes the others back, and the oldest out.
func TestAnObservationRemembersEightSteps(t *testing.T) {
	row := make([]float32, learned.Width)
	for i := range 10 {
		s := steady()
		s.Now.Utilization = float32(i)
		s.Encode(row, i == 0)
	}
	var got []float32
	for at := 2; at < 40; at += 5 {
		got = append(got, row[at])
	}
	if diff := cmp.Diff([]float32{2, 3, 4, 5, 6, 7, 8, 9}, got); diff != "" {
		t.Errorf("utilizations (-want +got):\n%s", diff)
	}
}

// Whatever a service does, numbers stay within what a net can read; what is no
// number does not become one.
func TestAnObservationStaysWithinBounds(t *testing.T) {
	wild := []float32{0, 1e-9, 1, 1e6, 1e30, float32(math.Inf(1))}
	for _, v := range wild {
		for _, base := range []float32{1, 1000} {
			s := steady()
			s.Now = learned.Moment{Load: v, Delay: v, Latency: v, Late: v}
			s.Base, s.Ready, s.Current, s.Most, s.Missed = base, base, base, base, v
			s.Peak, s.Far, s.Need = [3]float32{v, v, v}, [3]float32{v, v, v}, v
			s.Starting = [4]float32{v, v, v, v}
			for i, x := range encoded(s) {
				if !(x >= -1.000001 && x <= 1.000001) {
					t.Errorf("%s of %v is %v", learned.Names()[i], v, x)
				}
			}
		}
	}
	s := steady()
	s.Now.Load = float32(math.NaN())
	if row := encoded(s); row[35] == row[35] {
		t.Errorf("a load that is no number became %v", row[35])
	}
}

func BenchmarkEncode(b *testing.B) {
	s, row := steady(), make([]float32, learned.Width)
	for b.Loop() {
		s.Encode(row, false)
	}
}

// What a model may take away is what the base keeps for later.
func TestTheLowestCountAModelMayChoose(t *testing.T) {
	for rule, tc := range map[string]struct {
		change func(*learned.State)
		want   int
	}{
		"what the present load requires":  {func(*learned.State) {}, 7},
		"the least there may be":          {func(s *learned.State) { s.Least = 9 }, 9},
		"no more than the base":           {func(s *learned.State) { s.Required = 20 }, 10},
		"nothing while too many are late": {func(s *learned.State) { s.Now.Late = 1.5 }, 10},
		"nothing while requests wait":     {func(s *learned.State) { s.Now.Delay = 0.2 }, 10},
	} {
		s := steady()
		s.Required = 7
		tc.change(&s)
		if got := s.Lowest(); got != tc.want {
			t.Errorf("%s: got %d, want %d", rule, got, tc.want)
		}
	}
}
