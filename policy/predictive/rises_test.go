package predictive

import (
	"math"
	"slices"
	"testing"
)

// rises are ratios 1 … n, in an order that is none.
func rises(n int) *recent {
	r := &recent{Spread: 0.01, Summit: 1000}
	for i := range n {
		r.add(float64(i*7%n+1)*0.01, 0.01)
	}
	return r
}

// Of ratios 1 … 99 at a spread of 1 %: the quantile q is 100·q of them.
func TestQuantilesOfRises(t *testing.T) {
	r := rises(99)
	for level, want := range map[float64]float64{0.5: 50, 0.25: 25, 0.905: 90.5, 0.999: 99, 0.001: 1} {
		if got := math.Log(r.quantile(1, level)) / 0.01; math.Abs(got-want) > 1e-6 {
			t.Errorf("quantile %v: %v spreads, want %v", level, got, want)
		}
	}
	r.Spread = 0.002 // an hour that is quieter
	if got := math.Log(r.quantile(10, 0.5) / 10); math.Abs(got-50*leastSpread) > 1e-9 {
		t.Errorf("in quiet a rise of %v is expected, want 50 times the least spread", got)
	}
}

// A load that jumps between 20 and 400 may do so at any time, and that is no
// reason to expect 8,000 while it is at 400.
func TestAJumpIsNotExpectedOnTopOfItself(t *testing.T) {
	r := &recent{}
	for i := range 100 {
		value := 20.0
		if i/4%2 == 1 {
			value = 400
		}
		r.take(value, value, 2)
	}
	if got := r.quantile(20, 0.999); got < 400 || got > 600 {
		t.Errorf("at 20 it may get as high as %.0f, want 400 to 600", got)
	}
	if got := r.quantile(400, 0.999); got < 500 || got > 600 {
		t.Errorf("at 400 it may get as high as %.0f, want 500 to 600", got)
	}
	for range manyRatios * 8 {
		r.take(20, 20, 2)
	}
	if got := r.quantile(20, 0.999); got > 60 {
		t.Errorf("half a day after the last jump it may get as high as %.0f, want no more than 60", got)
	}
}

// Two hours are remembered: a rise before that is forgotten.
func TestOldRisesAreForgotten(t *testing.T) {
	r := &recent{Spread: 0.01}
	r.add(5, 0.01)
	for range manyRatios - 1 {
		r.add(0.01, 0.01)
	}
	if got := r.Sorted[len(r.Sorted)-1]; got != 500 {
		t.Errorf("the highest ratio is %v, want 500", got)
	}
	r.add(0.01, 0.01)
	if got := r.Sorted[len(r.Sorted)-1]; got != 1 || len(r.Ratios) != manyRatios || len(r.Rises) != manyRatios {
		t.Errorf("the highest ratio is %v of %d, want 1 of %d", got, len(r.Ratios), manyRatios)
	}
}

// The rise until the horizon is that of the highest value on the way, over what
// was expected.
func TestARiseIsThatOfThePeak(t *testing.T) {
	r := &recent{Begun: true}
	for _, value := range []float64{100, 150, 120, 90} {
		r.take(value, 110, 2)
	}
	for i, want := range []float64{150, 120} {
		if got := 110 * math.Exp(r.Rises[i]); math.Abs(got-want) > 1e-9 {
			t.Errorf("after step %d the peak was %v, want %v", i, got, want)
		}
	}
}

// Of a step that was not measured no rise is known, and of one whose horizon was
// not either.
func TestWhatWasNotMeasuredHasNoRise(t *testing.T) {
	r := &recent{Begun: true}
	r.take(100, 100, 2)
	r.skip(2)
	r.skip(2)
	r.take(100, 100, 2)
	r.take(150, 100, 2)
	r.take(150, 100, 2)
	if n := len(r.Rises); n != 1 || math.Abs(r.Rises[0]-math.Log(1.5)) > 1e-9 {
		t.Errorf("rises %v, want that after the gap alone", r.Rises)
	}
}

// In order of size they are the same as in order of time, however many have been
// forgotten.
func TestRatiosStayInOrder(t *testing.T) {
	r := &recent{}
	for i := range 3 * manyRatios {
		r.add(float64(i*7919%1000-500)/1000, 0.01)
		if want := slices.Sorted(slices.Values(r.Ratios)); len(want) > fewRatios && !slices.Equal(r.Sorted, want) {
			t.Fatalf("after %d: %v, want %v", i+1, r.Sorted, want)
		}
	}
}

// The highest rise is the highest of those remembered, also when it is forgotten
// and all others are falls.
func TestTheHighestRise(t *testing.T) {
	r := &recent{}
	for i := range 3 * manyRatios {
		r.add(-1-float64(i*7919%1000)/1000, 0.01)
		if want := slices.Max(r.Rises); r.highest != want {
			t.Fatalf("after %d: %v, want %v", i+1, r.highest, want)
		}
	}
}
