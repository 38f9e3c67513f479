package predictive

import (
	"math"
	"testing"
)

// settled is what is known of a load of 100/s that has moved by 1 % a step.
func settled(steps int) *recent {
	r := &recent{}
	for i := range steps {
		r.take(100+float64(i%2), 101, 3)
	}
	return r
}

// Doubled within a step out of a quiet hour, a load is known to double, and
// perhaps to double twice, but not to grow twentyfold, however wild it is after that.
func TestNoRiseIsExpectedFarBeyondThoseSeen(t *testing.T) {
	r := settled(200)
	for i := range 20 {
		r.take(200+10*float64(i%2), 200, 3)
	}
	if got := r.quantile(200, 0.999); got > 1.01*200*210/101*210/101 {
		t.Errorf("at most %.0f expected at 200/s: a rise from 101 to 210 was seen, and no other", got)
	}
}

// The first value of a balancer that has just begun is of a window that was
// hardly there.
func TestTheFirstMeasurementIsNoQuietLoad(t *testing.T) {
	r := &recent{}
	r.take(2, 2, 3)
	for i := range 60 {
		r.take(100+float64(i%2), 101, 3)
	}
	if got := r.quantile(101, 0.999); got > 110 {
		t.Errorf("at most %.0f expected of a load that has always been 100", got)
	}
}

// Of 25 requests in a window a quarter comes and goes by chance: that it did says
// nothing of a load of which ten thousand are counted.
func TestWhatIsChanceIsNoSpread(t *testing.T) {
	r := &recent{Spread: 0.02, Window: 0.5}
	if got := r.spread(50); math.Abs(got-0.8*math.Sqrt(2.0/25)) > 1e-9 {
		t.Errorf("25 requests: the spread is %.3f, want 0.226, that of counting", got)
	}
	if got := r.spread(20_000); got != 0.02 {
		t.Errorf("10,000 requests: the spread is %.3f, want 0.02 that was seen", got)
	}
	r.Window = 0
	if got := r.spread(50); got != 0.02 {
		t.Errorf("nothing is counted: the spread is %.3f, want 0.02 that was seen", got)
	}
}
