package learned

import (
	"encoding/json"
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// memory is what a snapshot holds.
type memory struct {
	Past    past            `json:"past"`
	Strays  strays          `json:"strays"`
	Base    json.RawMessage `json:"base"`
	Learner json.RawMessage `json:"learner,omitempty"` // of a base without an outlook
}

// depends is what a memory depends on: what an observation means, and who is
// corrected. Not on the model: another one reads the same observations.
func (p *Policy) depends() any { return []any{Schema, p.cfg.Base.Kind} }

// Snapshot returns what it remembers and what its base does.
func (p *Policy) Snapshot() ([]byte, error) {
	m := memory{Past: p.past, Strays: p.strays}
	var err error
	if m.Base, err = p.base.Snapshot(); err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	if p.learner != nil {
		if m.Learner, err = p.learner.Snapshot(); err != nil {
			return nil, fmt.Errorf("learner: %w", err)
		}
	}
	return scale.Seal(kind, memoryVersion, p.depends(), m)
}

// Restore takes it over, all or nothing.
func (p *Policy) Restore(snapshot []byte) error {
	var m memory
	if err := scale.Unseal(snapshot, kind, memoryVersion, p.depends(), &m); err != nil {
		return err
	}
	if !m.fits() {
		return fmt.Errorf("snapshot of %s with %d numbers of history, want %d: %w", kind, len(m.Past.Row), history, scale.ErrSnapshot)
	}
	before, err := p.base.Snapshot()
	if err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if err := p.base.Restore(m.Base); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if p.learner != nil {
		if err := p.learner.Restore(m.Learner); err != nil {
			_ = p.base.Restore(before) // its own, a moment ago
			return fmt.Errorf("learner: %w", err)
		}
	}
	p.past, p.strays = m.Past, m.Strays
	return nil
}

// fits reports whether decisions could have made it: what a snapshot says must be
// asked.
func (m *memory) fits() bool {
	for _, row := range [][]float32{m.Past.Row, m.Past.Shown} {
		if len(row) != 0 && len(row) != history {
			return false
		}
	}
	return m.Strays.Share >= 0 && m.Strays.Share <= 1 && len(m.Past.Starting) <= mostStarting
}
