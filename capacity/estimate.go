package capacity

import (
	"math"
	"time"
)

// estimate follows a quantity above 0 that changes seldom: a mean in which what
// is older by ten minutes weighs 1/e, so that the first value is an answer at
// once. It begins anew when two values in a row are off by more than a fifth and
// chance, on the same side.
//
//	value   ········ ·· ·····  ·    ● ● ● ●
//	mean    ──────────────────────────╮          a deployment that
//	                                  ╰──────    makes a request dearer
type estimate struct {
	Mean average `json:"mean"`
	// Off is how many values in a row were off, negative when below.
	Off int `json:"off,omitempty"`
}

const (
	longMemory = 10 * time.Minute
	change     = 0.2
	changeIn   = 2
)

// average is a mean that forgets.
type average struct {
	Sum    float64 `json:"sum"`
	Weight float64 `json:"weight"`
}

func (a *average) add(value, weight, keep float64) {
	a.Sum, a.Weight = a.Sum*keep+value*weight, a.Weight*keep+weight
}

func (a *average) mean() float64 { return a.Sum / a.Weight }

// add takes in a value that is so much later than the last one and whose relative
// standard error is known. When the estimate begins anew it returns by what
// factor it is more than before, else 1.
func (e *estimate) add(value, weight, err float64, later time.Duration) (factor float64) {
	if !(value > 0) || math.IsInf(value, 1) || !(weight > 0) || math.IsInf(weight, 1) {
		return 1
	}
	factor = 1
	if e.known() {
		factor = value / e.value()
	}
	switch off := math.Log(factor); {
	case math.Abs(off) <= change+3*err:
		e.Off = 0
	case off > 0:
		e.Off = max(e.Off, 0) + 1
	default:
		e.Off = min(e.Off, 0) - 1
	}
	if e.Off == changeIn || e.Off == -changeIn {
		*e = estimate{Mean: average{value * weight, weight}}
		return factor
	}
	e.Mean.add(value, weight, math.Exp(-later.Seconds()/longMemory.Seconds()))
	return 1
}

func (e *estimate) known() bool { return e.Mean.Weight > 0 }

// value is the newest answer; 0 when nothing is known.
func (e *estimate) value() float64 {
	if !e.known() {
		return 0
	}
	return e.Mean.mean()
}
