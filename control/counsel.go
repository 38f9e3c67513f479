package control

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// Counsel is who is asked beside the loop about a target. The planner shows it
// what is seen and takes what was said, and waits for nobody:
//
//	reports    . . . . . . . . . . . .
//	Show               [ask…….answer]         shortly before a decision
//	decisions  │                       │ with the Advice that is there
//	Inquire                              [ask…] where a policy has a question
//
// In a simulation Show waits for the answer instead, while the clock stands still.
type Counsel interface {
	// Due reports whether somebody should be asked now, when the next decision is
	// made at next.
	Due(now, next time.Time) bool
	// Show lends an observation to ask those who are due about.
	Show(ctx context.Context, obs scale.Observation, next time.Time)
	// Inquire lends an observation on which policies have questions.
	Inquire(ctx context.Context, obs scale.Observation, inquiries []policy.Inquiry)
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

// inquire puts the questions that policies have after a decision: that of the
// active one first, for a name is asked once.
func (p *Planner) inquire(ctx context.Context, obs *scale.Observation) {
	if p.Counsel == nil {
		return
	}
	all := p.plan.Decider.Inquiries()
	for _, shadow := range p.plan.Shadows {
		all = append(all[:len(all):len(all)], shadow.Inquiries()...)
	}
	if len(all) > 0 {
		defer clock.Hold(p.Clock)()
		p.Counsel.Inquire(ctx, *obs, all)
	}
}

// advised adds what was said to an observation.
func (p *Planner) advised(obs *scale.Observation) {
	if p.Counsel != nil {
		obs.Advice = p.Counsel.Advice(obs.At)
	}
}
