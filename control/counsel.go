package control

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// Counsel is who is asked beside the loop about a target. The planner shows it
// what is seen and takes what was said, and waits for nobody:
//
//	reports    . . . . . . . . . . . .
//	Show               [ask…….answer]         shortly before a decision
//	decisions  │                       │ with the Advice that is there
//
// In a simulation Show waits for the answer instead, while the clock stands still.
type Counsel interface {
	// Due reports whether somebody should be asked now, when the next decision is
	// made at next.
	Due(now, next time.Time) bool
	// Show lends an observation to ask those who are due about.
	Show(ctx context.Context, obs scale.Observation, next time.Time)
	// Advice is what has been said and is valid, and why nothing is.
	Advice(now time.Time) []scale.Advice
}

// consult shows what is seen where somebody is to be asked.
func (p *Planner) consult(ctx context.Context) {
	if p.Counsel == nil {
		return
	}
	now := p.Clock.Now()
	next := p.at.Add(p.plan.Sync)
	if p.at.IsZero() {
		next = now
	}
	if !p.Counsel.Due(now, next) || !p.seen.ready(now) {
		return
	}
	defer clock.Hold(p.Clock)()
	p.Counsel.Show(ctx, p.seen.observe(now), next)
}

// advised adds what was said to an observation.
func (p *Planner) advised(obs *scale.Observation) {
	if p.Counsel != nil {
		obs.Advice = p.Counsel.Advice(obs.At)
	}
}
