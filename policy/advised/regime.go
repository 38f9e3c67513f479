package advised

import (
	"math"
	"time"
)

// regime notices that the load has become another one: when a rate is above what
// the forecast held possible but in one of a hundred cases, and when the sum of
// deviations from the usual rate grows beyond what chance does (two-sided CUSUM,
// Page 1954): with z the deviation in standard deviations,
//
//	up ← max(0, up + z − 1),   down ← max(0, down − z − 1),   changed when one is above 5
//
// A slack of 1 and a bound of 5 see jumps of two deviations within five decisions,
// and chance passes it once in some 10⁵. What is usual is learned with a time
// constant of ten minutes, and anew after each change.
type regime struct {
	At       time.Time `json:"at,omitzero"` // of the newest rate
	Mean     float64   `json:"mean"`
	Variance float64   `json:"variance"`
	Seen     int       `json:"seen"` // since it is learned
	Up       float64   `json:"up"`
	Down     float64   `json:"down"`
	// Bound is the 99 % quantile of the forecast made before; 0: none.
	Bound float64 `json:"bound"`
	// Changed is when it changed last; zero: never.
	Changed time.Time `json:"changed,omitzero"`
}

const (
	slack, bound = 1, 5
	usual        = 10 * time.Minute
	// learning is how many rates are looked at before one can be unusual.
	learning = 20
)

// see takes in a rate, measured over a window, and the forecast that the next one
// is held against.
func (r *regime) see(at time.Time, rate float64, window time.Duration, forecast float64) {
	if !(rate >= 0 && rate <= 1e12) || !at.After(r.At) {
		return
	}
	beyond := r.Bound > 0 && rate > r.Bound && r.Seen >= learning
	if beyond || r.sum(rate, window) {
		r.Changed = at
		r.Mean, r.Variance, r.Seen, r.Up, r.Down = rate, 0, 0, 0, 0
	}
	r.learn(at, rate)
	if r.Bound = 0; forecast > 0 && !math.IsInf(forecast, 1) {
		r.Bound = forecast
	}
}

// sum adds a deviation and reports whether the sum is beyond chance.
func (r *regime) sum(rate float64, window time.Duration) bool {
	if r.Seen < learning {
		return false
	}
	// A rate of requests that know nothing of each other varies by its root over
	// the window; less than two in a hundred matters to nobody.
	least := max(math.Sqrt(r.Mean/max(1, window.Seconds())), 0.02*r.Mean, 1e-9)
	z := (rate - r.Mean) / max(math.Sqrt(r.Variance), least)
	z = min(max(z, -bound), bound) // one alone is no change
	r.Up, r.Down = max(0, r.Up+z-slack), max(0, r.Down-z-slack)
	return r.Up > bound || r.Down > bound
}

func (r *regime) learn(at time.Time, rate float64) {
	part := 1.0
	if r.Seen > 0 {
		part = max(1/float64(r.Seen+1), -math.Expm1(-at.Sub(r.At).Seconds()/usual.Seconds()))
	}
	off := rate - r.Mean
	r.Mean += part * off
	r.Variance = (1 - part) * (r.Variance + part*off*off)
	r.At, r.Seen = at, min(r.Seen+1, learning)
}
