package control

import (
	"encoding/json"
	"fmt"
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
	// Sync is the time between two decisions.
	Sync time.Duration
	// MaxAge is how old a signal may be before it is stale, unless it comes
	// seldom; MaxAges says so for single signals.
	MaxAge  time.Duration
	MaxAges map[string]time.Duration
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
	Done    time.Time                  `json:"done,omitzero"` // of the newest change it knows of
	Decider json.RawMessage            `json:"decider"`
	Shadows map[string]json.RawMessage `json:"shadows,omitempty"` // by name
}

// Snapshot returns the memory of all deciders.
func (p *Plan) Snapshot() ([]byte, error) {
	m := planMemory{Done: p.Done, Shadows: map[string]json.RawMessage{}}
	var err error
	if m.Decider, err = p.Decider.Snapshot(); err != nil {
		return nil, err
	}
	for _, shadow := range p.Shadows {
		if m.Shadows[shadow.Name()], err = shadow.Snapshot(); err != nil {
			return nil, fmt.Errorf("shadow: %w", err)
		}
	}
	return json.Marshal(m)
}

// Recall takes over what a snapshot holds for parts of unchanged
// configuration, and returns the names of the others, which start afresh.
func (p *Plan) Recall(data []byte) []string {
	var m planMemory
	_ = json.Unmarshal(data, &m) // without it every part starts afresh
	p.Done = m.Done
	afresh := p.Decider.Recall(m.Decider)
	for _, shadow := range p.Shadows {
		for _, part := range shadow.Recall(m.Shadows[shadow.Name()]) {
			afresh = append(afresh, shadow.Name()+": "+part)
		}
	}
	return afresh
}

// Applied tells the deciders of a change.
func (p *Plan) Applied(a record.Applied) {
	p.Done = a.At
	for _, d := range append([]*decide.Decider{p.Decider}, p.Shadows...) {
		d.Applied(a.At, a.From, a.To)
	}
}

// modeUnder is the mode that holds at an instant under what an operator set by
// hand, if anything. A pause that has ended gives way to the document.
func (p *Plan) modeUnder(o *record.Override, at time.Time) scale.Mode {
	if o == nil || (o.Until != nil && !at.Before(*o.Until)) {
		return p.ModeAt(at)
	}
	return o.Mode
}
