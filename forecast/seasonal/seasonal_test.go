package seasonal_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/seasonal"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return seasonal.New(seasonal.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := seasonal.Default()
		cfg.Period = 288
		return seasonal.New(cfg)
	})
}

func TestConformanceOfTheYardstickByTheWeek(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return seasonal.New(seasonal.Plain(7)) })
}

func Example() {
	m := seasonal.New(seasonal.Plain(4))
	for step, value := range []float64{10, 20, 30, 20, 11, 21} {
		m.Update(int64(step), value)
	}
	next := make([]float64, 6)
	m.Predict(next)
	fmt.Println(next)
	// Output: [30 20 11 21 30 20]
}

func predict(m forecast.Model, n int) []float64 {
	out := make([]float64, n)
	m.Predict(out)
	return out
}

func wave(step int64, period float64) float64 {
	return 100 + 50*math.Sin(2*math.Pi*float64(step)/period)
}

func TestBeforeAWholeSeasonItIsTheLastValue(t *testing.T) {
	m := seasonal.New(seasonal.Plain(10))
	for step := range int64(9) {
		m.Update(step, float64(step))
		if got := predict(m, 3)[2]; got != float64(step) {
			t.Fatalf("after %d steps: got %v, want the last value %d", step+1, got, step)
		}
	}
	m.Update(9, 9)
	if got := predict(m, 3)[2]; got != 2 {
		t.Errorf("after the season: got %v, want 2, the value ten steps before", got)
	}
}

func TestAStepThatWasNotMeasuredIsAsTheSeasonBefore(t *testing.T) {
	m := seasonal.New(seasonal.Plain(4))
	for step := range int64(12) {
		if step != 9 { // in the third season
			m.Update(step, float64(step))
		}
	}
	if got := predict(m, 4)[1]; got != 5 {
		t.Errorf("the step after the gap of a season ago: got %v, want 5, of two seasons ago", got)
	}
}

func TestFineStepsOfADayShareBins(t *testing.T) {
	const day = 5760 // of 15 s
	cfg := seasonal.Default()
	cfg.Period = day
	m := seasonal.New(cfg)
	for step := range int64(2*day + 700) {
		m.Update(step, wave(step, day))
	}
	for i, got := range predict(m, 20) {
		if want := wave(int64(2*day+700+i), day); math.Abs(got-want) > 2 {
			t.Errorf("in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestTenTimesTheLoadOfYesterdayIsFollowed(t *testing.T) {
	cfg := seasonal.Default()
	cfg.Period = 288
	m, plain := seasonal.New(cfg), seasonal.New(seasonal.Plain(288))
	for step := range int64(2*288 + 100) {
		value := wave(step, 288)
		if step >= 2*288 {
			value *= 10
		}
		m.Update(step, value)
		plain.Update(step, value)
	}
	want := 10 * wave(2*288+104, 288)
	if got := predict(m, 5)[4]; math.Abs(got/want-1) > 0.05 {
		t.Errorf("with the level: got %v, want %v", got, want)
	}
	if got := predict(plain, 5)[4]; math.Abs(got/want-0.1) > 0.01 {
		t.Errorf("plain: got %v, want a tenth of %v", got, want)
	}
}

func TestAnOutageIsOverWhenTheLoadIsBack(t *testing.T) {
	cfg := seasonal.Default()
	cfg.Period = 288
	m := seasonal.New(cfg)
	for step := range int64(3*288 + 200) {
		value := wave(step, 288)
		if step >= 2*288 && step < 2*288+100 {
			value = 0
		}
		m.Update(step, value)
	}
	want := wave(3*288+204, 288)
	if got := predict(m, 5)[4]; math.Abs(got/want-1) > 0.1 {
		t.Errorf("the day after: got %v, want %v", got, want)
	}
}

func TestASeasonThatIsFoundLaterIsLearntFromThenOn(t *testing.T) {
	m := seasonal.New(seasonal.Default())
	for step := range int64(50) {
		if step == 20 {
			m.SetPeriod(10)
		}
		m.Update(step, float64(step%10))
	}
	for i, got := range predict(m, 10) {
		if got != float64(i) {
			t.Errorf("in %d steps: got %v, want %d", i+1, got, i)
		}
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	if err := seasonal.Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	if err := (seasonal.Config{Period: -1, Bins: 0, Memory: math.NaN()}).Validate(); err == nil || len(err.Error()) < 80 {
		t.Errorf("got %v, want three faults", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	cfg := seasonal.Default()
	cfg.Period = 288
	m, out, step := seasonal.New(cfg), make([]float64, 20), int64(0)
	for b.Loop() {
		step++
		m.Update(step, wave(step, 288))
		if step%16 == 0 {
			m.Predict(out)
		}
	}
}
