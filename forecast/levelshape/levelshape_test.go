package levelshape_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/levelshape"
	"github.com/flyball-io/flyball/scale"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return levelshape.New(levelshape.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return levelshape.New(daily(288)) })
}

func Example() {
	cfg := levelshape.Default()
	cfg.Period = 4
	m := levelshape.New(cfg)
	for step := range int64(80) {
		m.Update(step, []float64{50, 100, 150, 100}[step%4])
	}
	next := make([]float64, 4)
	m.Predict(next)
	fmt.Printf("%.1f\n", next)
	// Output: [50.0 100.0 150.0 100.0]
}

func daily(period int64) levelshape.Config {
	cfg := levelshape.Default()
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

func TestADayIsKnownAfterTwo(t *testing.T) {
	for _, day := range []int64{144, 288, 5760} { // of 10 min, 5 min, 15 s
		m := levelshape.New(daily(day))
		now := 2*day + day/3
		for step := range now {
			m.Update(step, wave(step, float64(day)))
		}
		for i, got := range predict(m, 20) {
			if want := wave(now+int64(i), float64(day)); math.Abs(got/want-1) > 0.02 {
				t.Errorf("day of %d steps, in %d: got %v, want %v", day, i+1, got, want)
			}
		}
	}
}

func TestAShapeWithSharpEdgesIsKept(t *testing.T) {
	job := func(step int64) float64 { // every day at noon, for an hour
		if p := step % 288; p >= 144 && p < 156 {
			return 500
		}
		return 100
	}
	m := levelshape.New(daily(288))
	now := int64(288*6 + 140)
	for step := range now {
		m.Update(step, job(step))
	}
	for i, got := range predict(m, 20) {
		if want := job(now + int64(i)); math.Abs(got/want-1) > 0.1 {
			t.Errorf("in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestTheRunningDayCorrectsTheLevel(t *testing.T) {
	m := levelshape.New(daily(288))
	load := func(step int64) float64 {
		if step >= 288*4 {
			return 2 * wave(step, 288)
		}
		return wave(step, 288)
	}
	now := int64(288*4 + 100)
	for step := range now {
		m.Update(step, load(step))
	}
	for i, got := range predict(m, 20) {
		if want := load(now + int64(i)); math.Abs(got/want-1) > 0.05 {
			t.Errorf("in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestALoadInTheDeadOfNightIsNoThousandfoldDay(t *testing.T) {
	m := levelshape.New(daily(288))
	load := func(step int64) float64 { // nothing from midnight to four
		if step%288 < 48 {
			return 0
		}
		return wave(step, 288)
	}
	for step := range int64(288 * 5) {
		m.Update(step, load(step))
	}
	for step := range int64(47) {
		m.Update(288*5+step, 10)
	}
	for i, got := range predict(m, 20) {
		if got > 1000 {
			t.Errorf("10 at night, in %d steps: got %v, want no more than a few hundred", i+1, got)
		}
	}
}

func TestWithoutSeasonNoiseIsSmoothedAway(t *testing.T) {
	m, rng := levelshape.New(daily(288)), rand.New(rand.NewPCG(1, 1))
	missed, last, before := 0.0, 0.0, 0.0
	for step := range int64(288 * 8) {
		value := 100 * math.Exp(0.2*rng.NormFloat64())
		if step > 288 {
			missed += math.Abs(predict(m, 1)[0] - value)
			last += math.Abs(before - value)
		}
		m.Update(step, value)
		before = value
	}
	if got := missed / last; got > 0.76 {
		t.Errorf("got %.3f of the error of the last value, want at most 0.76", got)
	}
}

func TestAnOutageIsNoShape(t *testing.T) {
	m := levelshape.New(daily(288))
	for step := range int64(288*4 + 150) {
		value := wave(step, 288)
		if step >= 288*3 && step < 288*3+100 {
			value = 0
		}
		m.Update(step, value)
	}
	for i, got := range predict(m, 20) {
		if want := wave(288*4+150+int64(i), 288); math.Abs(got/want-1) > 0.1 {
			t.Errorf("the day after, in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestAGapOfDaysKeepsTheShape(t *testing.T) {
	m := levelshape.New(daily(288))
	for step := range int64(288 * 8) {
		if day := step / 288; day == 4 || day == 5 || step%5 == 2 {
			continue
		}
		m.Update(step, wave(step, 288))
	}
	for i, got := range predict(m, 20) {
		if want := wave(int64(i), 288); math.Abs(got/want-1) > 0.05 {
			t.Errorf("in %d steps: got %v, want %v", i+1, got, want)
		}
	}
}

func TestASnapshotOfMoreLevelsThanAreKeptIsRefused(t *testing.T) {
	m := levelshape.New(daily(288))
	data, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []string{"29", "-1"} {
		damaged := strings.Replace(string(data), `"Count":0,"Next"`, `"Count":`+count+`,"Next"`, 1)
		if err := m.Restore([]byte(damaged)); !errors.Is(err, scale.ErrSnapshot) {
			t.Errorf("%s of 28 levels: got %v, want ErrSnapshot", count, err)
		}
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	if err := levelshape.Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	bad := levelshape.Config{Period: -1}
	if err := bad.Validate(); err == nil || len(err.Error()) < 150 {
		t.Errorf("got %v, want five faults", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	m, out, step := levelshape.New(daily(288)), make([]float64, 20), int64(0)
	for b.Loop() {
		step++
		m.Update(step, wave(step, 288))
		if step%16 == 0 {
			m.Predict(out)
		}
	}
}
