package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// judged is the decider of a policy in a simulation that is judged. Whom it needs
// is asked right at each decision, and waited for: time stands still meanwhile, so
// that a network that is slow here costs nothing there. An answer that does not come
// ends the judging with an error, for figures of the fallback under the name of
// who is silent would be none.
func (s *Spec) judged(spec PolicySpec) (sim.Decider, error) {
	d, err := s.decider(spec)
	if err != nil {
		return nil, err
	}
	own := Spec{Policy: spec}
	needs, err := own.Needs()
	if err != nil || len(needs) == 0 {
		return d, err
	}
	c := &consulting{Decider: d, now: &standing{Clock: clock.System}, of: map[string]*advisor.Desk{}}
	for _, need := range needs {
		if err := c.add(s, need); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// consulting asks before it decides.
type consulting struct {
	*decide.Decider
	now   *standing
	desks []*advisor.Desk
	of    map[string]*advisor.Desk // by the name of the need
	err   error                    // of the first that did not answer
}

func (c *consulting) add(s *Spec, need policy.Need) error {
	env := s.advisorEnv(&Deps{Clock: c.now, Log: slog.New(slog.DiscardHandler)})
	env.Simulation = true
	a, err := s.advisors.New(need, env)
	if err != nil {
		return err
	}
	desk := advisor.NewDesk(need.From, a, env)
	c.desks, c.of[need.From] = append(c.desks, desk), desk
	return nil
}

// Decide implements [sim.Decider]. What the policy wants to know is asked after it
// has decided, as a live one does.
func (c *consulting) Decide(obs scale.Observation) scale.Decision {
	c.now.at = obs.At
	for _, desk := range c.desks {
		if desk.Due(obs.At, obs.At) {
			c.ask(desk, advisor.Question{Seen: obs.Clone()})
		}
		obs.Advice = desk.Advice(obs.Advice, obs.At)
	}
	d := c.Decider.Decide(obs)
	for _, inquiry := range c.Inquiries() {
		if desk := c.of[inquiry.From]; desk != nil && desk.Takes(obs.At) {
			about := inquiry
			c.ask(desk, advisor.Question{Seen: obs.Clone(), About: &about})
		}
	}
	return d
}

// ask waits for an answer. None from somebody who is really asked ends the judging.
func (c *consulting) ask(desk *advisor.Desk, q advisor.Question) {
	if c.err != nil {
		return
	}
	if err := desk.AskNow(context.Background(), q); err != nil && !desk.Simulated() {
		c.err = fmt.Errorf("who is asked must answer where it is judged: %w", err)
	}
}

// Err says that somebody did not answer.
func (c *consulting) Err() error { return c.err }

// standing is a clock that shows what it is set to.
type standing struct {
	clock.Clock
	at time.Time
}

func (s *standing) Now() time.Time { return s.at }
