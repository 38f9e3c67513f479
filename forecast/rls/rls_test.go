package rls_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/rls"
	"github.com/flyball-io/flyball/scale"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return rls.New(rls.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := rls.Default()
		cfg.Period = 288
		return rls.New(cfg)
	})
}

func Example() {
	m := rls.New(rls.Default())
	for step := range int64(600) { // a job every second step
		m.Update(step, []float64{100, 400}[step%2])
	}
	next := make([]float64, 4)
	m.Predict(next)
	fmt.Printf("%.0f\n", next)
	// Output: [100 400 100 400]
}

func predict(m forecast.Model, n int) []float64 {
	out := make([]float64, n)
	m.Predict(out)
	return out
}

// coefficients reads them from a snapshot: the lags, the mean, the season.
func coefficients(t *testing.T, m *rls.Model) []float64 {
	t.Helper()
	var sealed scale.Snapshot
	var state struct{ Coefficients forecast.Numbers[float64] }
	data, err := m.Snapshot()
	if err == nil {
		err = json.Unmarshal(data, &sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed.State, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state.Coefficients
}

// second is an autoregression of second order around a mean of 100, which
// swings and comes back: y(t) = 1.4·y(t−1) − 0.6·y(t−2) + noise.
func second(n int, seed uint64) []float64 {
	rng, out := rand.New(rand.NewPCG(seed, 2)), make([]float64, n)
	a, b := 0.0, 0.0
	for i := range out {
		a, b = 1.4*a-0.6*b+2*rng.NormFloat64(), a
		out[i] = 100 + a
	}
	return out
}

func plain(order int) rls.Config {
	cfg := rls.Default()
	cfg.Order, cfg.Root, cfg.Forgetting = order, false, 0.9995
	return cfg
}

func TestTheCoefficientsOfAnAutoregressionAreFound(t *testing.T) {
	m := rls.New(plain(2))
	for step, value := range second(6000, 1) {
		m.Update(int64(step), value)
	}
	got := coefficients(t, m)
	for i, want := range []float64{1.4, -0.6, 0.2} { // 1.4 − 0.6 leave 0.2 for the mean
		if math.Abs(got[i]-want) > 0.06 {
			t.Errorf("coefficient %d: got %.3f, want %.3f", i+1, got[i], want)
		}
	}
	if far := predict(m, 100)[99]; math.Abs(far-100) > 3 {
		t.Errorf("in 100 steps: got %v, want about the mean 100", far)
	}
}

func TestAnotherBehaviourIsLearntWithinAFewHundredSteps(t *testing.T) {
	cfg := plain(2)
	cfg.Forgetting = 0.99
	m, rng := rls.New(cfg), rand.New(rand.NewPCG(7, 7))
	deviation := 0.0
	for step := range int64(3000) {
		phi := 0.9
		if step >= 2000 {
			phi = -0.8
		}
		deviation = phi*deviation + rng.NormFloat64()
		m.Update(step, 100+deviation)
		if step == 1999 {
			if got := coefficients(t, m)[0]; math.Abs(got-0.9) > 0.2 {
				t.Errorf("before: got φ1 = %.3f, want 0.9", got)
			}
		}
	}
	if got := coefficients(t, m)[0]; math.Abs(got+0.8) > 0.2 {
		t.Errorf("after: got φ1 = %.3f, want -0.8", got)
	}
}

func TestGapsDoNotConfuseTheCoefficients(t *testing.T) {
	m := rls.New(plain(2))
	for step, value := range second(8000, 3) {
		if step%50 >= 40 {
			continue
		}
		m.Update(int64(step), value)
	}
	got := coefficients(t, m)
	for i, want := range []float64{1.4, -0.6} {
		if math.Abs(got[i]-want) > 0.1 {
			t.Errorf("coefficient %d: got %.3f, want %.3f", i+1, got[i], want)
		}
	}
}

func TestAGapIsFilledWithWhatWouldHaveBeenSaid(t *testing.T) {
	m := rls.New(rls.Default())
	job := func(step int64) float64 { return []float64{100, 100, 400}[step%3] }
	for step := range int64(900) {
		m.Update(step, job(step))
	}
	m.Update(902, job(902)) // 900 and 901 were not measured
	for i, got := range predict(m, 3) {
		if want := job(903 + int64(i)); math.Abs(got/want-1) > 0.05 {
			t.Errorf("in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestWithNothingNewForLongItStaysCalm(t *testing.T) {
	cfg := plain(4)
	cfg.Forgetting = 0.98
	m, rng := rls.New(cfg), rand.New(rand.NewPCG(9, 9))
	for step := range int64(1000) { // 0.98^-1000 is 600 million
		m.Update(step, 100)
	}
	worst := 0.0
	for step := range int64(50) {
		m.Update(1000+step, 100+5*rng.NormFloat64())
		worst = max(worst, math.Abs(predict(m, 1)[0]-100))
	}
	if worst > 15 {
		t.Errorf("noise of 5 after long constancy: is off by up to %v, want at most 15", worst)
	}
}

func TestOneSpikeDoesNotUndoWhatWasLearnt(t *testing.T) {
	m := rls.New(plain(2))
	for step, value := range second(3000, 4) {
		if step == 2900 {
			value = 1e6
		}
		m.Update(int64(step), value)
	}
	for i, got := range predict(m, 20) {
		if math.Abs(got-100) > 25 {
			t.Errorf("in %d steps: got %v, want about 100", i+1, got)
		}
	}
}

func TestWhatExplodesIsBounded(t *testing.T) {
	m, value := rls.New(rls.Default()), 1.0
	for step := range int64(100) {
		value *= 1.3
		m.Update(step, value)
	}
	for i, got := range predict(m, 1000) {
		if !(got <= 4*1.001*value) {
			t.Fatalf("in %d steps: got %v, want at most four times the last, %v", i+1, got, value)
		}
	}
}

func TestAnOutageIsOverWhenTheLoadIsBack(t *testing.T) {
	m := rls.New(rls.Default())
	for step, value := range second(2000, 5) {
		if step > 1500 && step < 1600 {
			value = 0
		}
		m.Update(int64(step), value)
	}
	if got := predict(m, 5)[4]; math.Abs(got-100) > 20 {
		t.Errorf("got %v, want about 100", got)
	}
}

func TestALoadOfAnySizeIsLearntAlike(t *testing.T) {
	small, large := rls.New(rls.Default()), rls.New(rls.Default())
	for step, value := range second(1000, 6) {
		small.Update(int64(step), value)
		large.Update(int64(step), value*4096)
	}
	a, b := predict(small, 5), predict(large, 5)
	for i := range a {
		if math.Abs(b[i]/a[i]/4096-1) > 1e-6 {
			t.Errorf("in %d steps: %v and %v, want 4096 times as much", i+1, a[i], b[i])
		}
	}
}

func TestTheSeasonHelps(t *testing.T) {
	cfg := rls.Default()
	cfg.Period = 288
	with, without := rls.New(cfg), rls.New(rls.Default())
	rng := rand.New(rand.NewPCG(8, 8))
	missed, blind := 0.0, 0.0
	for step := range int64(288 * 12) {
		load := 100 + 5*rng.NormFloat64()
		if p := step % 288; p >= 144 && p < 156 { // a job every day at noon, for an hour
			load += 300
		}
		if step > 288*6 {
			missed += math.Abs(predict(with, 1)[0] - load)
			blind += math.Abs(predict(without, 1)[0] - load)
		}
		with.Update(step, load)
		without.Update(step, load)
	}
	if missed > 0.9*blind {
		t.Errorf("with the season %.2f of the error without, want at most 0.9", missed/blind)
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	if err := rls.Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	if err := (rls.Config{Order: 99, Period: -1}).Validate(); err == nil || len(err.Error()) < 200 {
		t.Errorf("got %v, want six faults", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	cfg := rls.Default()
	cfg.Period = 288
	m, out, step := rls.New(cfg), make([]float64, 20), int64(0)
	values := second(4096, 1)
	for b.Loop() {
		step++
		m.Update(step, values[step%4096])
		if step%16 == 0 {
			m.Predict(out)
		}
	}
}
