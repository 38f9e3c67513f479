package capacity

import (
	"math"
	"time"
)

// estimate follows the logarithm of a quantity that changes seldom: a mean over
// long, from which it goes over to one over short when both no longer agree.
//
//	long   ─────────────────╮  10 minutes: exact
//	short  ~~~~~~~~~~~~~~~~~╰~~~~~~~~~~ half a minute: quick
//	                      change
//
// Each is a mean in which what is older by one time constant weighs 1/e, so the
// first value is an answer at once.
type estimate struct {
	Long  average `json:"long"`
	Short average `json:"short"`
	// Apart is in how many values in a row both did not agree.
	Apart int `json:"apart,omitempty"`
}

const (
	longMemory  = 10 * time.Minute
	shortMemory = 30 * time.Second
	// A change is believed in when both means are apart by a fifth twice in a row.
	change   = 0.2
	changeIn = 2
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

// add takes in a value above 0 that is so much later than the last one.
func (e *estimate) add(value, weight float64, later time.Duration) {
	if !(value > 0) || math.IsInf(value, 1) || !(weight > 0) || math.IsInf(weight, 1) {
		return
	}
	log := math.Log(value)
	e.Long.add(log, weight, math.Exp(-later.Seconds()/longMemory.Seconds()))
	e.Short.add(log, weight, math.Exp(-later.Seconds()/shortMemory.Seconds()))
	if math.Abs(e.Short.mean()-e.Long.mean()) < change || math.Abs(log-e.Long.mean()) < change {
		e.Apart = 0
		return
	}
	if e.Apart++; e.Apart >= changeIn {
		e.Long, e.Short, e.Apart = average{log * weight, weight}, average{log * weight, weight}, 0
	}
}

func (e *estimate) known() bool { return e.Long.Weight > 0 }

// value is the newest answer; 0 when nothing is known.
func (e *estimate) value() float64 {
	if !e.known() {
		return 0
	}
	return math.Exp(e.Long.mean())
}
