package control

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Plan is what a planner decides with; it can be replaced while it runs.
type Plan struct {
	Mode scale.Mode
	// PausedUntil is when a paused plan goes on by itself; nil: never.
	PausedUntil *time.Time
	Decider     *decide.Decider
	Shadows     []*decide.Decider
	// Since is when the target took over what the plan goes with: counts and
	// conditions from before it are not decided on.
	Since time.Time
	// Done is when the newest change was made that the deciders know of.
	Done time.Time
	// Decided is when the newest decision was made that the deciders know of.
	Decided time.Time
	// Sync is the time between two decisions.
	Sync time.Duration
	// MaxAge is how old a signal may be before it is stale, unless it comes
	// seldom; MaxAges says so for single signals.
	MaxAge  time.Duration
	MaxAges map[string]time.Duration
	// Spacings are how far apart the values of single signals are at most, which
	// holds until it is known how far they really are.
	Spacings map[string]time.Duration
	// Signals says for each signal who measures it; others are not taken, and
	// one that another measures begins anew. Nil takes all.
	Signals map[string]string
}

// ModeAt is what becomes of a decision made at an instant.
func (p *Plan) ModeAt(at time.Time) scale.Mode {
	if p.Mode == scale.Paused && p.PausedUntil != nil && !at.Before(*p.PausedUntil) {
		return scale.Apply
	}
	return p.Mode
}

// planMemory is the form of a plan's snapshot.
type planMemory struct {
	Done    time.Time       `json:"done,omitzero"` // of the newest change it knows of
	Decided time.Time       `json:"decided,omitzero"`
	Decider json.RawMessage `json:"decider"`
	Shadows []shadowMemory  `json:"shadows,omitempty"`
}

type shadowMemory struct {
	Name    string          `json:"name"`
	Decider json.RawMessage `json:"decider"`
}

// Snapshot returns the memory of all deciders.
func (p *Plan) Snapshot() ([]byte, error) {
	m := planMemory{Done: p.Done, Decided: p.Decided}
	var err error
	if m.Decider, err = p.Decider.Snapshot(); err != nil {
		return nil, err
	}
	for _, shadow := range p.Shadows {
		its, err := shadow.Snapshot()
		if err != nil {
			return nil, fmt.Errorf("shadow: %w", err)
		}
		m.Shadows = append(m.Shadows, shadowMemory{shadow.Name(), its})
	}
	return json.Marshal(m)
}

// Recall takes over what a snapshot holds for parts whose memory fits, and returns
// the names of the others, which start afresh.
func (p *Plan) Recall(data []byte) []string {
	var m planMemory
	_ = json.Unmarshal(data, &m) // without it every part starts afresh
	p.Done, p.Decided = m.Done, m.Decided
	afresh := p.Decider.Recall(m.Decider)
	for i, its := range p.memoriesOf(m) {
		if its == nil {
			continue // a new one: nothing is lost
		}
		for _, part := range p.Shadows[i].Recall(its) {
			afresh = append(afresh, p.Shadows[i].Name()+": "+part)
		}
	}
	return afresh
}

// memoriesOf are those of the shadows, nil where there is none: that of the same
// name, else the first of the same kind that is of no other. A name may say what
// is aimed at, and that may have changed.
func (p *Plan) memoriesOf(m planMemory) []json.RawMessage {
	found := make([]json.RawMessage, len(p.Shadows))
	for i, shadow := range p.Shadows {
		found[i] = m.take(func(was shadowMemory) bool { return was.Name == shadow.Name() })
	}
	for i, shadow := range p.Shadows {
		if found[i] == nil {
			found[i] = m.take(func(was shadowMemory) bool { return shadow.SameKind(was.Decider) })
		}
	}
	return found
}

// take returns the first memory that fits, once; nil: none does.
func (m *planMemory) take(fits func(shadowMemory) bool) json.RawMessage {
	i := slices.IndexFunc(m.Shadows, fits)
	if i < 0 {
		return nil
	}
	its := m.Shadows[i].Decider
	m.Shadows = slices.Delete(m.Shadows, i, i+1)
	return its
}

// Applied tells the deciders of a change.
func (p *Plan) Applied(a record.Applied) {
	p.Done = a.At
	for _, d := range append([]*decide.Decider{p.Decider}, p.Shadows...) {
		d.Applied(a.At, a.From, a.To)
	}
}

// ModeUnder is the mode that holds at an instant under what an operator set by
// hand, if anything. A pause that has ended gives way to the document.
func (p *Plan) ModeUnder(o *record.Override, at time.Time) scale.Mode {
	if o == nil || (o.Until != nil && !at.Before(*o.Until)) {
		return p.ModeAt(at)
	}
	return o.Mode
}

// Observe returns the observation that one report alone allows, for deciding
// once without a running loop. A signal may be as old as in that.
func (p *Plan) Observe(r Report) (scale.Observation, error) {
	a := newAssembler(r.Target, p.MaxAge)
	a.adopt(p)
	a.take(r)
	if !a.ready(r.At) {
		return scale.Observation{}, fmt.Errorf("%s: %w: the target could not be read", r.Target, scale.ErrNoData)
	}
	return a.observe(r.At), nil
}
