package predictive

import (
	"math"
	"slices"
)

// recent is how far loads rose lately until the horizon, relative to what was
// expected and to how much they moved: of each step whose horizon has passed
//
//	r = ln(highest until the horizon / expected) / spread then
//
// The spread follows the moves from one step to the next within minutes, so that
// r is much the same in quiet and in wild hours: locally weighted conformal
// prediction (Lei et al., JASA 2018, section 5.2). Its quantiles times the
// present spread are those of the rise to come. They go little further than
// what was seen: a tail far beyond it would have to be guessed, and a guess that is wide
// for an hour after one jump costs replicas all that time.
type recent struct {
	Begun  bool      `json:"begun"`
	Window float64   `json:"window"` // seconds over which requests are counted; 0: none are
	Spread float64   `json:"spread"` // mean |ln| of a move
	Said   []said    `json:"said"`   // of the newest steps, oldest first
	Ratios []float64 `json:"ratios"` // r in order of time, from Oldest on and round
	Rises  []float64 `json:"rises"`  // the same without the spread
	Oldest int       `json:"oldest,omitempty"`
	// Summit is the highest value lately: half of what it was eight hours ago, where
	// it was not reached since.
	Summit float64   `json:"summit"`
	Sorted []float64 `json:"-"` // r, growing
	// highest is that of Rises.
	highest float64
}

// fits reports whether steps could have made it: what a snapshot says must be asked.
func (r *recent) fits() bool {
	n := len(r.Ratios)
	return len(r.Rises) == n && n <= manyRatios && r.Summit >= 0 && r.Oldest >= 0 && (r.Oldest == 0 || r.Oldest < n && n == manyRatios)
}

// said is what was expected when a step had ended, and what it was.
type said struct {
	Expected float64 `json:"expected"`
	Spread   float64 `json:"spread"`
	Value    float64 `json:"value"`
}

// unmeasured stands for a step without a value.
const unmeasured = -1

const (
	manyRatios = 480 // two hours of decisions
	fewRatios  = 40
	// moveWeight is what the newest move counts in the spread: half of it is of
	// the last ten steps.
	moveWeight  = 0.067
	firstSpread = 0.1
	leastSpread = 0.003
	least       = 1e-9 // of a load, to take the logarithm of
)

// take adds a step that has ended.
func (r *recent) take(value, expected float64, horizon int) {
	value, expected = max(value, least), max(expected, least)
	r.Summit = max(value, r.Summit*fading)
	switch n := len(r.Said); {
	case !r.Begun: // nothing yet, or of a window that may have hardly begun
		r.Begun = value > least
		return
	case r.Spread == 0:
		r.Spread = firstSpread
	case n > 0 && r.Said[n-1].Value != unmeasured:
		r.Spread += moveWeight * (min(1, math.Abs(math.Log(value/r.Said[n-1].Value))) - r.Spread)
	}
	r.say(said{expected, r.spread(value), value}, horizon)
}

// spread is that of the moves, and at least the one of counting: from one to the
// next window with n requests the count moves by √(2n) by chance alone, 0.8 of
// that in the mean. With few requests that is nearly all, and says nothing of
// what rises when there are many.
func (r *recent) spread(value float64) float64 {
	chance := 0.0
	if r.Window > 0 {
		chance = 0.8 * math.Sqrt(2/max(1, value*r.Window))
	}
	if r.Spread == 0 {
		return max(firstSpread, chance)
	}
	return max(leastSpread, r.Spread, chance)
}

// skip goes on by a step that was not measured.
func (r *recent) skip(horizon int) { r.say(said{Value: unmeasured}, horizon) }

// say adds a step. Of those whose horizon has passed with it the rise is known,
// unless nothing was measured.
func (r *recent) say(s said, horizon int) {
	r.Said = append(r.Said, s)
	for len(r.Said) > horizon {
		first, peak := r.Said[0], 0.0
		for _, s := range r.Said[1 : horizon+1] {
			peak = max(peak, s.Value)
		}
		r.Said = r.Said[:copy(r.Said, r.Said[1:])]
		if first.Value != unmeasured && first.Expected > least && peak > 0 {
			r.add(math.Log(peak/first.Expected), first.Spread)
		}
	}
}

// prior returns what ratios are taken to be beside those seen, until enough were: a
// load that nobody knows yet moves by a tenth in a step, and rises by three of
// those until the horizon.
func prior() [8]float64 { return [...]float64{-2, -1, 0, 0.5, 1, 1.5, 2, 3} }

// sort puts the ratios in order, with those that stand for what was not seen yet.
func (r *recent) sort() {
	r.Sorted = append(r.Sorted[:0], r.Ratios...)
	if p := prior(); len(r.Ratios) < fewRatios {
		r.Sorted = append(r.Sorted, p[:]...)
	}
	slices.Sort(r.Sorted)
}

func (r *recent) add(rise, spread float64) {
	ratio := rise / spread
	if len(r.Ratios) == manyRatios {
		r.replace(rise, ratio)
		return
	}
	r.Ratios, r.Rises = append(r.Ratios, ratio), append(r.Rises, rise)
	if len(r.Rises) == 1 || rise > r.highest {
		r.highest = rise
	}
	if len(r.Ratios) <= fewRatios {
		r.sort()
		return
	}
	at, _ := slices.BinarySearch(r.Sorted, ratio)
	r.Sorted = slices.Insert(r.Sorted, at, ratio)
}

// replace puts a step in the place of the oldest. In the order of size only those
// between the two move.
func (r *recent) replace(rise, ratio float64) {
	from, _ := slices.BinarySearch(r.Sorted, r.Ratios[r.Oldest])
	to, _ := slices.BinarySearch(r.Sorted, ratio)
	if from < to {
		to--
		copy(r.Sorted[from:to], r.Sorted[from+1:])
	} else {
		copy(r.Sorted[to+1:from+1], r.Sorted[to:])
	}
	r.Sorted[to] = ratio
	gone := r.Rises[r.Oldest]
	r.Ratios[r.Oldest], r.Rises[r.Oldest] = ratio, rise
	r.Oldest = (r.Oldest + 1) % manyRatios
	switch {
	case rise > r.highest:
		r.highest = rise
	case gone == r.highest:
		r.highest = slices.Max(r.Rises)
	}
}

// quantile of the peak. A load that jumped from 20 to 400 may do so again, and
// did not thereby say that it may jump from 400 to 8,000: beyond the highest that
// was seen lately, half again is believed.
func (r *recent) quantile(expected, level float64) float64 {
	risen := expected * math.Exp(min(r.ratio(level)*r.spread(expected), r.furthest()))
	return min(risen, max(expected, beyond*r.Summit))
}

// ratio is the quantile of r.
func (r *recent) ratio(level float64) float64 {
	if len(r.Sorted) == 0 {
		r.sort()
	}
	n := len(r.Sorted)
	at := level*float64(n+1) - 1
	low := min(n-1, max(0, int(math.Floor(at))))
	high := min(n-1, low+1)
	share := min(1, max(0, at-float64(low)))
	return r.Sorted[low] + share*(r.Sorted[high]-r.Sorted[low])
}

// furthest is how far a rise is believed, as a logarithm.
func (r *recent) furthest() float64 {
	// A jump out of quiet was many of its spreads: as many of the spread after it
	// would be a jump that nobody has seen. Up to twice as far as any that was
	// seen is believed, on the scale of logarithms, and of far ones half as much
	// again.
	highest := max(0, r.highest)
	if len(r.Ratios) < fewRatios {
		highest = max(highest, 3*firstSpread)
	}
	return highest + min(highest, halfAgain)
}

const (
	halfAgain = 0.4 // e^0.4 = 1.5
	beyond    = 1.5
	// fading halves the summit in 1,920 steps, eight hours.
	fading = 0.99963905 // 0.5^(1/1920)
)
