package learned

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// past is what an observation shows that is over: what was measured at the
// decisions before, when the count changed, who was asked for when. It is what a
// snapshot keeps.
type past struct {
	At       time.Time `json:"at,omitzero"` // of the newest observation
	Before   time.Time `json:"before,omitzero"`
	Current  int       `json:"current"`
	Raised   time.Time `json:"raised,omitzero"` // when a higher count was seen first
	Lowered  time.Time `json:"lowered,omitzero"`
	Starting []start   `json:"starting,omitempty"`
	spare    []start   // room for the next
	Missed   float32   `json:"missed"` // share over its window, over what is allowed
	// Row holds the history of the newest observation but one, or of the newest once
	// another comes; empty: none.
	Row []float32 `json:"row,omitempty"`
	// Shown is that history with the newest observation; it becomes Row.
	Shown []float32 `json:"shown,omitempty"`
}

// start is a replica on its way.
type start struct {
	ID    string    `json:"id"`
	Asked time.Time `json:"asked"`
}

// mostStarting bounds how many are told apart; more are of no interest one by one.
const mostStarting = 256

// lost is how many decisions may be left out before what was seen is another story.
const lost = 3

// see takes in an observation. One at the same instant takes the place of the
// newest; after a gap, or when the clock was set back, all begins anew.
func (p *past) see(obs *scale.Observation, sync time.Duration) {
	switch later := obs.At.Sub(p.At); {
	case p.At.IsZero() || later < 0 || later > lost*sync:
		*p = past{At: obs.At, Before: obs.At, Current: obs.CurrentReplicas, Missed: p.Missed}
	case later > 0:
		p.Before, p.At = p.At, obs.At
		p.Row, p.Shown = p.Shown, p.Row[:0]
	}
	switch {
	case obs.CurrentReplicas > p.Current:
		p.Raised = obs.At
	case obs.CurrentReplicas < p.Current:
		p.Lowered = obs.At
	}
	p.Current = obs.CurrentReplicas
	p.await(obs)
}

// await notes who is on the way, since the observation before the first that
// showed it: nobody else says when it was asked for.
func (p *past) await(obs *scale.Observation) {
	kept := p.spare[:0]
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		if r.TakesWork() || !r.DeletedAt.IsZero() || r.Phase == scale.Failed || r.Phase == scale.Succeeded || len(kept) == mostStarting {
			continue
		}
		asked := p.Before
		if at := slices.IndexFunc(p.Starting, func(s start) bool { return s.ID == r.ID }); at >= 0 {
			asked = p.Starting[at].Asked
		}
		kept = append(kept, start{r.ID, asked})
	}
	p.Starting, p.spare = kept, p.Starting
}

// ages counts who is on the way by how long, in parts of the start-up time.
func (p *past) ages(now time.Time, startup time.Duration) (n [ages]float32) {
	for _, s := range p.Starting {
		n[Age(float32(now.Sub(s.Asked).Seconds()), float32(startup.Seconds()))]++
	}
	return n
}

// Age is which of the ages of [State.Starting] a replica has that was asked for
// so many seconds ago.
func Age(seconds, startup float32) int {
	switch {
	case seconds < 0.25*startup:
		return 0
	case seconds < 0.5*startup:
		return 1
	case seconds < startup:
		return 2
	}
	return 3
}

// miss moves the share that missed the objective lately, over its window, and
// returns it.
func (p *past) miss(late float32, sync, window time.Duration) float32 {
	if late-late == 0 {
		p.Missed = Miss(p.Missed, late, float32(sync.Seconds()/max(sync, window).Seconds()))
	}
	return p.Missed
}

// Miss is the share that missed the objective over its window, after a decision
// that is a part of it.
func Miss(missed, late, part float32) float32 {
	if late > mostMissed {
		late = mostMissed
	}
	return missed + part*(late-missed)
}

// mostMissed is the most of a decision that counts: with a promise of 99.99 % one
// bad quarter of a minute would be all there is to see for days.
const mostMissed = 100

// encode writes the row of the newest observation.
func (p *past) encode(s *State, row []float32) {
	begins := len(p.Row) == 0
	if !begins {
		copy(row[:history], p.Row)
	}
	s.Encode(row, begins)
	p.Shown = p.Shown[:0]
	for _, v := range row[:history] {
		if !finite(v) { // what is no number is not remembered
			p.Shown = p.Shown[:0]
			return
		}
		p.Shown = append(p.Shown, v)
	}
}

// blind is a decision without data: what comes is a new story.
func (p *past) blind() { p.Row, p.Shown = nil, nil }
