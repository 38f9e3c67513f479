package web

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Actions are what an operator may do. A Server without them only shows. Who
// implements them tells the Server of the result with SetTargets before it
// returns.
type Actions interface {
	// SetMode holds until ClearMode, and over restarts and reloads; o.Until is
	// set for Paused alone. An unknown target is an error wrapping
	// ErrUnknownTarget.
	SetMode(ctx context.Context, target string, o Override) error
	// ClearMode returns to what the document says.
	ClearMode(ctx context.Context, target, by string) error
}

// Override is what an operator sets by hand over the mode of a document.
type Override = record.Override

// ErrUnknownTarget is what Actions answer for a target they do not have.
var ErrUnknownTarget = errors.New("no such target")

// OverrideView is an Override as the API shows it. Times are Unix seconds.
type OverrideView struct {
	Mode   scale.Mode `json:"mode"`
	Until  *float64   `json:"until" jsonschema:"nullable"` // null: until it is taken back
	By     string     `json:"by"`
	At     float64    `json:"at"`
	Reason string     `json:"reason"`
}

// hand is the mode of a target: what its document says, what was set by hand
// over it, and what the newest decision was made under.
type hand struct {
	document scale.Mode
	override *Override // nil: nothing; may have ended
	decided  scale.Mode
	since    time.Time // when one of the first two changed: an older decision says nothing of now
}

// set takes over what holds from now on, if it is anything new.
func (m *hand) set(document scale.Mode, override *Override, now time.Time) {
	if m.document == document && reflect.DeepEqual(m.override, override) {
		return
	}
	if m.document != "" {
		m.since = now
	}
	m.document, m.override, m.decided = document, override, document
}

// note remembers the mode that a decision was made under.
func (m *hand) note(d record.Decided) {
	if d.Mode != "" && !d.Decision.At.Before(m.since) {
		m.decided = d.Mode
	}
}

// holds returns the override unless its time is over.
func (m *hand) holds(now time.Time) *Override {
	if o := m.override; o != nil && (o.Until == nil || now.Before(*o.Until)) {
		return o
	}
	return nil
}

// now is the mode that holds.
func (m *hand) now(now time.Time) scale.Mode {
	if o := m.holds(now); o != nil {
		return o.Mode
	}
	if m.override != nil && m.decided == m.override.Mode {
		return m.document // it has just ended: nothing was decided since
	}
	return m.decided
}

func (m *hand) view(now time.Time) *OverrideView {
	o := m.holds(now)
	if o == nil {
		return nil
	}
	view := &OverrideView{Mode: o.Mode, By: o.By, At: unix(o.At), Reason: o.Reason}
	if o.Until != nil {
		until := unix(*o.Until)
		view.Until = &until
	}
	return view
}
