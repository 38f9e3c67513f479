package ridge_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/ridge"
	"github.com/flyball-io/flyball/scale"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return ridge.New(ridge.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return ridge.New(daily(288)) })
}

func Example() {
	m := ridge.New(ridge.Default())
	for step := range int64(3000) { // around 100, now and then a burst that halves each step
		load := 100.0
		if since := step % 100; since < 10 {
			load += 900 / math.Pow(2, float64(since))
		}
		m.Update(step, load)
	}
	next := make([]float64, 20)
	for step := range int64(2) { // the burst begins
		m.Update(3000+step, 100+900/math.Pow(2, float64(step)))
	}
	m.Predict(next)
	fmt.Printf("in 1 step %.0f, in 3 steps %.0f, in 20 steps %.0f\n", next[0], next[2], next[19])
	// Output: in 1 step 400, in 3 steps 258, in 20 steps 101
}

func daily(period int64) ridge.Config {
	cfg := ridge.Default()
	cfg.Period = period
	return cfg
}

func predict(m forecast.Model, n int) []float64 {
	out := make([]float64, n)
	m.Predict(out)
	return out
}

func wave(step int64, period float64) float64 {
	return 100 + 50*math.Sin(2*math.Pi*float64(step)/period)
}

// against says which part of the error of the last value a model makes, for
// the values of a load at a horizon, after so many steps to learn.
func against(m forecast.Model, load func(int64) float64, learn, n int64, horizon int) float64 {
	said, last := make([]float64, n), make([]float64, n)
	missed, naive := 0.0, 0.0
	for step := range n {
		value := load(step)
		if from := step - int64(horizon); from >= learn {
			missed += math.Abs(said[from] - value)
			naive += math.Abs(last[from] - value)
		}
		m.Update(step, value)
		said[step], last[step] = predict(m, horizon)[horizon-1], value
	}
	return missed / naive
}

func TestNoiseAroundALevelIsSmoothedAway(t *testing.T) {
	for _, horizon := range []int{1, 5, 20} {
		rng := rand.New(rand.NewPCG(1, 1))
		noise := func(int64) float64 { return 100 + 10*rng.NormFloat64() }
		if got := against(ridge.New(ridge.Default()), noise, 1000, 4000, horizon); got > 0.73 { // 1/√2 is the best there is
			t.Errorf("in %d steps: got %.3f of the error of the last value, want at most 0.73", horizon, got)
		}
	}
}

func TestARandomWalkIsLeftWhereItIs(t *testing.T) {
	for _, horizon := range []int{1, 5, 20} {
		rng, at := rand.New(rand.NewPCG(2, 2)), 1000.0
		walk := func(int64) float64 { at = max(0, at+10*rng.NormFloat64()); return at }
		if got := against(ridge.New(ridge.Default()), walk, 1000, 6000, horizon); got > 1.06 {
			t.Errorf("in %d steps: got %.3f of the error of the last value, want about 1", horizon, got)
		}
	}
}

func TestEachHorizonLearnsHowFarALoadGoesBackToItsMean(t *testing.T) {
	rng, deviation := rand.New(rand.NewPCG(3, 3)), 0.0
	back := func(int64) float64 { deviation = 0.9*deviation + 5*rng.NormFloat64(); return 200 + deviation }
	m := ridge.New(ridge.Default())
	for step := range int64(5000) {
		m.Update(step, back(step))
	}
	now := 200 + deviation
	got := predict(m, 20)
	for _, h := range []int{1, 6, 12} {
		want := 200 + (now-200)*math.Pow(0.9, float64(h))
		if math.Abs(got[h-1]-want) > 5 {
			t.Errorf("now %.1f, in %d steps: got %.1f, want %.1f", now, h, got[h-1], want)
		}
	}
}

func TestTheSeasonHelps(t *testing.T) {
	load := func(seed uint64) func(int64) float64 {
		rng := rand.New(rand.NewPCG(seed, 4))
		return func(step int64) float64 { return max(0, wave(step, 144)+4*rng.NormFloat64()) }
	}
	with := against(ridge.New(daily(144)), load(1), 144*4, 144*14, 20)
	without := against(ridge.New(ridge.Default()), load(1), 144*4, 144*14, 20)
	if with > 0.35 || with > 0.8*without {
		t.Errorf("with the season %.3f of the error of the last value, without %.3f", with, without)
	}
}

func TestOneSpikeDoesNotUndoWhatWasLearnt(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	m, calm := ridge.New(ridge.Default()), ridge.New(ridge.Default())
	for step := range int64(3000) {
		value := 100 + 10*rng.NormFloat64()
		calm.Update(step, value)
		if step == 2000 {
			value = 1e6
		}
		m.Update(step, value)
	}
	a, b := predict(m, 20), predict(calm, 20)
	for i := range a {
		if math.Abs(a[i]-b[i]) > 15 {
			t.Errorf("a thousand steps after a spike, in %d: got %v, want about %v", i+1, a[i], b[i])
		}
	}
}

func TestAnOutageIsOverWhenTheLoadIsBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	m := ridge.New(ridge.Default())
	for step := range int64(2200) {
		value := 100 + 5*rng.NormFloat64()
		if step >= 1500 && step < 1600 {
			value = 0
		}
		m.Update(step, value)
	}
	for i, got := range predict(m, 20) {
		if math.Abs(got-100) > 20 {
			t.Errorf("in %d steps: got %v, want about 100", i+1, got)
		}
	}
}

func TestOnlyWhatWasMeasuredAtItsDistanceIsLearnt(t *testing.T) {
	m := ridge.New(ridge.Default())
	level := 100.0
	for step := range int64(21 * 200) { // five steps measured, then sixteen not
		if step%26 == 0 {
			level = 500 - level
		}
		if step%26 < 5 {
			m.Update(step, level)
		}
	}
	// No two measurements are twelve steps apart, and those within five are
	// alike: what is said for then is still the smoothing of the beginning.
	if got, want := predict(m, 12)[11], level; math.Abs(got/want-1) > 0.65 {
		t.Errorf("in 12 steps: got %v, want nearer to %v", got, want)
	}
}

func TestALoadOfAnySizeIsLearntAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	small, large := ridge.New(ridge.Default()), ridge.New(ridge.Default())
	for step := range int64(1000) {
		value := 100 * math.Exp(0.3*rng.NormFloat64())
		small.Update(step, value)
		large.Update(step, value*4096)
	}
	a, b := predict(small, 20), predict(large, 20)
	for i := range a {
		if math.Abs(b[i]/a[i]/4096-1) > 1e-6 {
			t.Errorf("in %d steps: %v and %v, want 4096 times as much", i+1, a[i], b[i])
		}
	}
}

func TestASnapshotWithEquationsAtOtherStepsIsRefused(t *testing.T) {
	m := ridge.New(ridge.Default())
	data, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, every := range []string{"0", "-1", "2"} {
		damaged := strings.Replace(string(data), `"Every":1,`, `"Every":`+every+`,`, 1)
		if err := m.Restore([]byte(damaged)); !errors.Is(err, scale.ErrSnapshot) {
			t.Errorf("an equation every %s steps: got %v, want ErrSnapshot", every, err)
		}
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	if err := ridge.Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	if err := (ridge.Config{Period: -1}).Validate(); err == nil || len(err.Error()) < 120 {
		t.Errorf("got %v, want four faults", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	m, out, step := ridge.New(daily(288)), make([]float64, 20), int64(0)
	for b.Loop() {
		step++
		m.Update(step, wave(step*step%997, 288))
		if step%16 == 0 {
			m.Predict(out)
		}
	}
}
