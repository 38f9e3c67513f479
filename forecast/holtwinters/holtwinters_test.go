package holtwinters_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/holtwinters"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return holtwinters.New(holtwinters.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return holtwinters.New(daily(288)) })
}

func TestConformanceOfTheMultiplicativeDay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := daily(288)
		cfg.Additive = false
		return holtwinters.New(cfg)
	})
}

func Example() {
	cfg := holtwinters.Default()
	cfg.Period = 4
	m := holtwinters.New(cfg)
	for step := range int64(200) {
		m.Update(step, []float64{50, 100, 150, 100}[step%4])
	}
	next := make([]float64, 4)
	m.Predict(next)
	fmt.Printf("%.1f\n", next)
	// Output: [50.0 100.0 150.0 100.0]
}

func daily(period int64) holtwinters.Config {
	cfg := holtwinters.Default()
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

func TestADampedTrendIsContinuedToItsEnd(t *testing.T) {
	cfg := holtwinters.Default()
	cfg.Damping = 0.99
	m := holtwinters.New(cfg)
	load := func(step int64) float64 { return 1000 - 900*math.Pow(0.99, float64(step)) }
	for step := range int64(150) {
		m.Update(step, load(step))
	}
	for _, h := range []int64{1, 20, 100} {
		got, want := predict(m, 100)[h-1], load(149+h)
		if math.Abs(got/want-1) > 0.001 {
			t.Errorf("in %d steps: got %v, want %v", h, got, want)
		}
	}
}

func TestOverAGapTheTrendGoesOn(t *testing.T) {
	cfg := holtwinters.Default()
	cfg.Damping = 0.99
	m := holtwinters.New(cfg)
	load := func(step int64) float64 { return 1000 - 900*math.Pow(0.99, float64(step)) }
	for step := range int64(100) {
		m.Update(step, load(step))
	}
	m.Update(130, load(130))
	if got, want := predict(m, 10)[9], load(140); math.Abs(got/want-1) > 0.005 {
		t.Errorf("thirty steps later, in 10: got %v, want %v", got, want)
	}
}

func TestSeasonsAreRecovered(t *testing.T) {
	for _, additive := range []bool{false, true} {
		cfg := daily(48)
		cfg.Additive = additive
		m := holtwinters.New(cfg)
		load := func(step int64) float64 {
			if additive {
				return 200 + wave(step, 48)
			}
			return wave(step, 48) * (1 + float64(step)/4800)
		}
		for step := range int64(48 * 10) {
			m.Update(step, load(step))
		}
		for i, got := range predict(m, 48) {
			if want := load(480 + int64(i)); math.Abs(got/want-1) > 0.03 {
				t.Errorf("additive %v, in %d steps: got %v, want %v", additive, i+1, got, want)
			}
		}
	}
}

func TestWhereThereIsNoSeasonItIsLeftOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	with, without := holtwinters.New(daily(288)), holtwinters.New(holtwinters.Default())
	worse, better := 0.0, 0.0
	for step := range int64(288 * 6) {
		value := 100 * math.Exp(0.5*rng.NormFloat64())
		if step > 2*288 {
			worse += math.Abs(predict(with, 1)[0] - value)
			better += math.Abs(predict(without, 1)[0] - value)
		}
		with.Update(step, value)
		without.Update(step, value)
	}
	if worse > 1.03*better {
		t.Errorf("noise with a season to find: %.3f of the error without", worse/better)
	}
}

func TestAnOutageDoesNotSpoilTheSeason(t *testing.T) {
	for _, additive := range []bool{false, true} {
		cfg := daily(288)
		cfg.Additive = additive
		m := holtwinters.New(cfg)
		for step := range int64(288*4 + 150) {
			value := wave(step, 288)
			if step >= 288*3 && step < 288*3+100 {
				value = 0
			}
			m.Update(step, value)
		}
		for i, got := range predict(m, 20) {
			if want := wave(288*4+150+int64(i), 288); math.Abs(got/want-1) > 0.05 {
				t.Errorf("additive %v, a day after eight hours of zeros, in %d steps: got %v, want %v", additive, i+1, got, want)
			}
		}
	}
}

func TestAGapIsCrossedAlongTheSeason(t *testing.T) {
	m := holtwinters.New(daily(288))
	for step := range int64(288 * 5) {
		m.Update(step, wave(step, 288))
	}
	m.Update(288*5+60, wave(60, 288)) // five hours later
	for i, got := range predict(m, 20) {
		if want := wave(61+int64(i), 288); math.Abs(got/want-1) > 0.1 {
			t.Errorf("in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	if err := holtwinters.Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	bad := holtwinters.Config{Period: -1, Bins: 0, Damping: 2, SeasonRate: -1, ErrorMemory: 0}
	if err := bad.Validate(); err == nil || len(err.Error()) < 150 {
		t.Errorf("got %v, want five faults", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	m, out, step := holtwinters.New(daily(288)), make([]float64, 20), int64(0)
	for b.Loop() {
		step++
		m.Update(step, wave(step, 288))
		if step%16 == 0 {
			m.Predict(out)
		}
	}
}
