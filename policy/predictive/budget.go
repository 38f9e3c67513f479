package predictive

import (
	"math"

	"github.com/flyball-io/flyball/scale"
)

// budget takes less risk than was asked for while more requests miss the
// objective than it allows: with u = ln(risk taken / risk asked for), at most 0,
// and v the share of the requests that lately missed it avoidably,
//
//	u ← u + γ·w·(1 − v/allowed),   w = requests of the decision / usual requests
//
// as adaptive conformal inference does (Gibbs, Candès 2021), with the objective
// in place of the coverage. Whatever is wrong with forecast or model ends up
// here. It never takes more risk than was asked for: who was lucky in quiet
// hours is not to be thin when it gets loud.
type budget struct {
	Log   float64 `json:"log"`   // u
	Usual float64 `json:"usual"` // requests/s
}

// furthest is how far down u goes, to a tenth of the risk that was asked for:
// beyond, something is wrong that no risk mends.
const furthest = 2.3

// pace is γ for a decision, of the part of the objective's window it covers: with
// nothing missed the risk is e times as high after two thirds of the window.
const pace = 1.5

// learn takes in the share that missed since the last decision. Those that
// their service alone made late are not the policy's.
func (b *budget) learn(missed, alone, allowed, rate, part float64) {
	if !(rate > 0) || !(allowed > 0) {
		return
	}
	if b.Usual == 0 {
		b.Usual = rate
	}
	b.Usual += min(1, part) * (rate - b.Usual)
	weight := min(10, rate/b.Usual)
	b.Log += pace * part * weight * (1 - max(0, missed-alone)/allowed)
	b.Log = min(0, max(-furthest, b.Log))
}

// factor is the risk that is taken over the one asked for.
func (b *budget) factor() float64 { return math.Exp(b.Log) }

// settle lets the budget learn from what was measured.
func (p *Policy) settle(obs *scale.Observation) {
	missed, known := obs.Last(scale.ViolationRatio)
	if !known || p.env.Objective == nil {
		return // nothing was missed that anybody asked for
	}
	part := p.env.Sync.Seconds() / p.env.Objective.Window.Std().Seconds()
	p.budget.learn(missed, p.intrinsic(), p.cfg.Risk*(1-p.target()), p.load.newest, part)
}
