package levelshape

import (
	"math"
	"testing"
)

func TestTheLevelOfASaturdayIsThatOfSaturdays(t *testing.T) {
	var l levels
	for day := range 7*4 + 5 { // the next is a Saturday
		if day%7 >= 5 {
			l.add(100.0 / 3)
		} else {
			l.add(100)
		}
	}
	if math.Abs(l.Next/33-1) > 0.3 {
		t.Errorf("for Saturday: got %v, want about 33", l.Next)
	}
}

func TestADayIsExpectedAsTheOneBeforeUntilWeeksHavePassed(t *testing.T) {
	var l levels
	for _, level := range []float64{100, 300, 50} {
		l.add(level)
		if math.Abs(l.Next/level-1) > 1e-9 {
			t.Errorf("after a day of %v: got %v, want as much: a random walk", level, l.Next)
		}
	}
	l.add(0)
	if l.Next != 0 {
		t.Errorf("after an outage: got %v, want 0, unknown", l.Next)
	}
}

func TestWhatIsAboveTheLevelGoesBackToItInAnEighthOfTheSeason(t *testing.T) {
	cfg := Default()
	cfg.Period = 80
	m := New(cfg)
	for step := range int64(240) {
		m.Update(step, 100)
	}
	for step := range int64(20) {
		m.Update(240+step, 200)
	}
	m.Trial.Misses = []float64{flat: 1, smooth: 1, smoothed: 0, sharp: 1}
	said, apart := m.levels(smoothed)
	if math.Abs(said-100) > 1 || apart < 50 {
		t.Fatalf("got the level %v and %v above it, want 100 and nearly 100", said, apart)
	}
	out := make([]float64, 10)
	m.Predict(out)
	if want := said + apart/math.E; math.Abs(out[9]-want) > 0.1 {
		t.Errorf("in 10 of 80 steps: got %v, want %v", out[9], want)
	}
}
