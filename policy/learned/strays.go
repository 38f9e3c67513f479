package learned

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

// strays is how often observations lately were unlike those of training.
//
// An observation is strange when one of its numbers lies further outside what
// training showed than so many standard deviations. The model is then not asked.
// Numbers of the decisions before count as well, for the net reads them too: a
// strange moment is the base's until it is out of sight, eight decisions. While
// every second one was, over the last forty, it is not asked at all until nine in
// ten fit again: a service that has become another one, or a model for another kind
// of service.
type strays struct {
	Share float64   `json:"share"`          // of the last observations
	Since time.Time `json:"since,omitzero"` // drifting; zero: not
	Which int       `json:"which"`          // number of an observation that was furthest outside last
}

const (
	strayMemory       = 1.0 / 40
	drifts, fitsAgain = 0.5, 0.1
	// leastDeviation is taken for numbers that hardly moved in training.
	leastDeviation = 0.02
)

// look reports whether the model must not be asked, and why.
func (s *strays) look(f *Features, row []float32, at time.Time, most float64) (scale.Reason, bool) {
	which, far := f.furthest(row)
	strange := !(float64(far) <= most)
	if strange {
		s.Which = which
		s.Share += strayMemory * (1 - s.Share)
	} else {
		s.Share -= strayMemory * s.Share
	}
	switch {
	case s.Share > drifts && (s.Since.IsZero() || s.Since.After(at)):
		s.Since = at
	case s.Share < fitsAgain:
		s.Since = time.Time{}
	}
	switch {
	case strange:
		return scale.Because("OutOfDistribution", "{n} is {0}, in training {1} to {2}: as the base policy",
			float64(row[which]), float64(f.Least[which]), float64(f.Most[which])).About(nameOf(which)), true
	case !s.Since.IsZero():
		return scale.Because("Drift", "{0%} of the last observations were unlike training: as the base policy", s.Share), true
	}
	return scale.Reason{}, false
}

// condition is that it lasts.
func (s *strays) condition() (scale.GuardCondition, bool) {
	if s.Since.IsZero() {
		return scale.GuardCondition{}, false
	}
	return scale.GuardCondition{Since: s.Since, Reason: scale.Because("ModelDrift",
		"{0%} of the last observations are unlike those the model was trained on, {n} the last time: the base policy decides", s.Share).About(nameOf(s.Which))}, true
}

// furthest is the number that lies furthest outside what training showed, in
// standard deviations. What is no number is infinitely far.
func (f *Features) furthest(row []float32) (which int, far float32) {
	for i, x := range row {
		if !finite(x) {
			return i, huge
		}
		if out := max(f.Least[i]-x, x-f.Most[i]) / max(f.Std[i], leastDeviation); out > far {
			which, far = i, out
		}
	}
	return which, far
}

// nameOf is the name of a number of an observation.
func nameOf(which int) string {
	if which < 0 || which >= Width {
		return "?"
	}
	return names[which]
}

var names = Names() // once, for reasons
