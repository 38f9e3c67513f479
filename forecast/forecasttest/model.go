// Package forecasttest holds the promises of forecast.Model and
// forecast.Forecaster as tests that every one of them runs.
package forecasttest

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/scale"
)

// ahead is how many steps the tests look into the future.
const ahead = 20

// Model checks the model that newModel returns; each call returns a new one of
// the same configuration. A model with a season has a day of 288 steps of five
// minutes.
func Model(t *testing.T, newModel func(t *testing.T) forecast.Model) {
	t.Run("whatever comes, predictions are finite and at least 0", func(t *testing.T) {
		for name, points := range hostile() {
			m := newModel(t)
			for _, p := range points {
				m.Update(p.step, p.value)
				for i, v := range predict(m) {
					if !(v >= 0) || math.IsInf(v, 0) {
						t.Fatalf("%s: after %v at step %d it expects %v in %d steps", name, p.value, p.step, v, i+1)
					}
				}
			}
		}
	})
	t.Run("predicting changes nothing", func(t *testing.T) {
		asked, quiet := newModel(t), newModel(t)
		for _, p := range daily(1) {
			asked.Update(p.step, p.value)
			quiet.Update(p.step, p.value)
			predict(asked)
		}
		if got, want := predict(asked), predict(quiet); !slices.Equal(got, want) {
			t.Errorf("asked often: %v, asked once: %v", got, want)
		}
	})
	t.Run("looking further does not change what is near", func(t *testing.T) {
		m, near := newModel(t), make([]float64, 3)
		for _, p := range daily(2) {
			m.Update(p.step, p.value)
		}
		m.Predict(near)
		if far := predict(m); !slices.Equal(near, far[:3]) {
			t.Errorf("3 steps: %v, the first of %d steps: %v", near, ahead, far[:3])
		}
	})
	t.Run("restored in the middle it goes on as if never stopped", func(t *testing.T) {
		for name, points := range hostile() {
			running := newModel(t)
			for i, p := range points {
				if i%17 == 0 {
					running = restored(t, newModel, running, name)
				}
				running.Update(p.step, p.value)
			}
			never := newModel(t)
			for _, p := range points {
				never.Update(p.step, p.value)
			}
			if got, want := predict(running), predict(never); !slices.Equal(got, want) {
				t.Errorf("%s: restored %v, never stopped %v", name, got, want)
			}
		}
	})
	t.Run("a snapshot that does not fit is refused and changes nothing", func(t *testing.T) {
		m := newModel(t)
		for _, p := range daily(3)[:300] {
			m.Update(p.step, p.value)
		}
		before := predict(m)
		for name, data := range misfits(t, m) {
			if err := m.Restore(data); !errors.Is(err, scale.ErrSnapshot) {
				t.Errorf("%s: got %v, want ErrSnapshot", name, err)
			}
		}
		if after := predict(m); !slices.Equal(before, after) {
			t.Errorf("a refused snapshot changed %v to %v", before, after)
		}
	})
	t.Run("a new level is believed within two days of five minutes", func(t *testing.T) {
		m := newModel(t)
		for step := range int64(4 * day) {
			value := 100.0
			if step >= 2*day {
				value = 1000
			}
			m.Update(first+step, value)
		}
		if got := predict(m)[0]; got < 900 || got > 1100 {
			t.Errorf("two days after a shift from 100 to 1000 it expects %v", got)
		}
	})
	t.Run("no allocation in steady state", func(t *testing.T) {
		m, out, points := newModel(t), make([]float64, ahead), daily(4)
		for _, p := range points {
			m.Update(p.step, p.value)
		}
		next := points[len(points)-1].step
		if n := testing.AllocsPerRun(2*day, func() {
			next++
			m.Update(next, 100)
			m.Predict(out)
		}); n != 0 {
			t.Errorf("got %v allocations per step, want none", n)
		}
	})
}

func predict(m forecast.Model) []float64 {
	out := make([]float64, ahead)
	m.Predict(out)
	return out
}

func restored(t *testing.T, newModel func(*testing.T) forecast.Model, from forecast.Model, name string) forecast.Model {
	t.Helper()
	data, err := from.Snapshot()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	to := newModel(t)
	if err := to.Restore(data); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got, want := predict(to), predict(from); !slices.Equal(got, want) {
		t.Fatalf("%s: restored %v, before %v", name, got, want)
	}
	return to
}

// snapshotter is what models and forecasters have in common.
type snapshotter interface{ Snapshot() ([]byte, error) }

func misfits(t *testing.T, of snapshotter) map[string][]byte {
	t.Helper()
	data, err := of.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"empty":               nil,
		"garbage":             []byte("{]"),
		"cut short":           data[:len(data)/2],
		"other kind":          edited(t, data, func(s *scale.Snapshot) { s.Kind = "forecast/other" }),
		"other version":       edited(t, data, func(s *scale.Snapshot) { s.Version += 100 }),
		"other configuration": edited(t, data, func(s *scale.Snapshot) { s.Config = "another" }),
		"state of a stranger": edited(t, data, func(s *scale.Snapshot) { s.State = []byte(`"stranger"`) }),
	}
}

// first is the step at which the tests begin, 19 December 2023 in steps of
// five minutes; day is how many of them a day has.
const (
	first = int64(5_676_480)
	day   = 288
)

type point struct {
	step  int64
	value float64
}

// daily is a noisy day after another, nine of them.
func daily(seed uint64) []point {
	rng := rand.New(rand.NewPCG(seed, 1))
	points := make([]point, 9*day)
	for i := range points {
		level := 100 + 60*math.Sin(2*math.Pi*float64(i)/day)
		points[i] = point{first + int64(i), math.Max(0, level+8*rng.NormFloat64())}
	}
	return points
}

// hostile are series that break what was not thought of.
func hostile() map[string][]point {
	series := map[string][]point{"daily": daily(5)}
	add := func(name string, n int, value func(i int) float64) {
		for i := range n {
			series[name] = append(series[name], point{first + int64(i), value(i)})
		}
	}
	add("zeros", day, func(int) float64 { return 0 })
	add("constant", day, func(int) float64 { return 42 })
	add("huge", day, func(i int) float64 { return forecast.Largest * float64(i%2) })
	add("tiny", day, func(i int) float64 { return 5e-324 * float64(i%3) })
	add("growing without end", day, func(i int) float64 { return math.Min(math.Pow(1.5, float64(i)), forecast.Largest) })
	add("falling to nothing", day, func(i int) float64 { return 1e9 * math.Pow(0.5, float64(i)) })
	add("on and off", day, func(i int) float64 { return 100 * float64(i/7%2) })
	add("level shift", 3*day, func(i int) float64 { return math.Pow(10, float64(i/day)) })
	add("one spike", 2*day, func(i int) float64 {
		if i == day {
			return 1e12
		}
		return 10
	})
	add("not numbers", day, func(i int) float64 {
		return []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), -5, math.MaxFloat64, 2}[i%7]
	})
	series["gaps"] = withGaps(daily(6))
	return series
}

// withGaps leaves out single steps, half days and, in the end, a year.
func withGaps(points []point) []point {
	var kept []point
	for i, p := range points {
		if i%5 == 3 || i%(2*day) > day/2*3 {
			continue
		}
		if i > 8*day {
			p.step += 365 * day
		}
		kept = append(kept, p)
	}
	return kept
}
