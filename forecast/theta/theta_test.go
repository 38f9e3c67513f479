package theta_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/theta"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return theta.New(theta.Default()) })
}

func Example() {
	cfg := theta.Default()
	cfg.Damping = 1
	m := theta.New(cfg)
	for step := range int64(200) {
		m.Update(step, 100+10*float64(step))
	}
	next := make([]float64, 3)
	m.Predict(next)
	fmt.Printf("%.1f\n", next) // half the slope of the ramp, from its newest value
	// Output: [2095.0 2100.0 2104.9]
}

func predict(m forecast.Model, n int) []float64 {
	out := make([]float64, n)
	m.Predict(out)
	return out
}

func TestNoiseAroundALevelIsSmoothedAway(t *testing.T) {
	m, rng := theta.New(theta.Default()), rand.New(rand.NewPCG(1, 1))
	missed, last, n := 0.0, 0.0, 0
	before := 0.0
	for step := range int64(3000) {
		value := 100 + 10*rng.NormFloat64()
		if step > 500 {
			missed += math.Abs(predict(m, 1)[0] - value)
			last += math.Abs(before - value)
			n++
		}
		m.Update(step, value)
		before = value
	}
	if got := missed / last; got > 0.78 { // 1/√2 is the best there is
		t.Errorf("got %.3f of the error of the last value, want at most 0.78", got)
	}
}

func TestARampIsFollowedAndTheDriftEnds(t *testing.T) {
	m := theta.New(theta.Default())
	for step := range int64(200) {
		m.Update(step, 100+10*float64(step))
	}
	got := predict(m, 400)
	if got[9] < 2090+30 || got[9] > 2190 {
		t.Errorf("in 10 steps: got %v, want between 2120 and the 2190 of the ramp", got[9])
	}
	if most := 2090 + 5*0.95/0.05 + 10; got[399] > most {
		t.Errorf("in 400 steps: got %v, want at most %v: the drift is damped", got[399], most)
	}
}

func TestAGapDoesNotChangeTheSlope(t *testing.T) {
	whole, holed := theta.New(theta.Default()), theta.New(theta.Default())
	for step := range int64(200) {
		value := 1000 + 3*float64(step)
		whole.Update(step, value)
		if step%3 != 1 {
			holed.Update(step, value)
		}
	}
	rise := func(m forecast.Model) float64 { p := predict(m, 11); return p[10] - p[0] }
	if got, want := rise(holed), rise(whole); math.Abs(got/want-1) > 0.05 {
		t.Errorf("with a third left out: rises by %v in ten steps, whole by %v", got, want)
	}
}

func TestAnOutageIsOverWhenTheLoadIsBack(t *testing.T) {
	m := theta.New(theta.Default())
	for step := range int64(400) {
		value := 100.0
		if step >= 200 && step < 260 {
			value = 0
		}
		m.Update(step, value)
	}
	if got := predict(m, 20)[19]; math.Abs(got-100) > 5 {
		t.Errorf("got %v, want 100", got)
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	if err := theta.Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	if err := (theta.Config{Memory: 1, Damping: 2, ErrorMemory: 0}).Validate(); err == nil || len(err.Error()) < 90 {
		t.Errorf("got %v, want three faults", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	m, out, step := theta.New(theta.Default()), make([]float64, 20), int64(0)
	for b.Loop() {
		step++
		m.Update(step, float64(100+step%7))
		if step%16 == 0 {
			m.Predict(out)
		}
	}
}
