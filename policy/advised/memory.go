package advised

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/scale"
)

const memoryVersion = 2

// memory is what is remembered beside the record.
type memory struct {
	At time.Time `json:"at,omitzero"`
	// Count is what the target has since Counted.
	Count   int       `json:"count"`
	Counted time.Time `json:"counted,omitzero"`
	// Answered is what the newest valid advice was based on; Unanswered since when
	// a question of now has none.
	Answered   time.Time `json:"answered,omitzero"`
	Unanswered time.Time `json:"unanswered,omitzero"`
	Regime     regime    `json:"regime"`
	Misses     misses    `json:"misses"`
	Windows    windows   `json:"windows"`
	// Differing is since when a plain rule wants something very different.
	Differing time.Time `json:"differing,omitzero"`
}

// state is what a snapshot holds.
type state struct {
	Memory memory `json:"memory"`
	// Opinion is whose advice the record is of.
	Opinion string          `json:"opinion"`
	Record  recordMemory    `json:"record"`
	Tariff  *cost.Tariff    `json:"tariff"`
	Base    json.RawMessage `json:"base"`
	Learner json.RawMessage `json:"learner"`
}

// depends is what a memory depends on: who decides. That of another advisor is taken
// over but for what his advice was worth.
func (p *Policy) depends() any { return p.cfg.Base.Kind }

// Snapshot returns what it remembers and what its base does.
func (p *Policy) Snapshot() ([]byte, error) {
	s := state{Memory: p.memory, Opinion: p.cfg.Advisor.opinion(), Record: p.record.recordMemory, Tariff: p.record.tariff}
	var err error
	if s.Base, err = p.base.Snapshot(); err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	if s.Learner, err = p.learner.Snapshot(); err != nil {
		return nil, fmt.Errorf("learner: %w", err)
	}
	return scale.Seal(Kind, memoryVersion, p.depends(), s)
}

// Restore takes it over, all or nothing; of another advisor without what was answered
// and what it was worth.
func (p *Policy) Restore(snapshot []byte) error {
	r := newRecord(*p.env.Objective, p.env.Sync)
	s := state{Tariff: r.tariff}
	if err := scale.Unseal(snapshot, Kind, memoryVersion, p.depends(), &s); err != nil {
		return err
	}
	if !s.fits() {
		return fmt.Errorf("snapshot of %s that no decision has made: %w", Kind, scale.ErrSnapshot)
	}
	before, err := p.base.Snapshot()
	if err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if err := p.base.Restore(s.Base); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if err := p.learner.Restore(s.Learner); err != nil {
		_ = p.base.Restore(before) // its own, a moment ago
		return fmt.Errorf("learner: %w", err)
	}
	if s.Opinion != p.cfg.Advisor.opinion() {
		s.forget()
	}
	r.recordMemory = s.Record
	p.memory, p.record = s.Memory, r
	return nil
}

// forget leaves out what is known of who advised.
func (s *state) forget() {
	s.Memory.Answered, s.Memory.Unanswered = time.Time{}, time.Time{}
	s.Record = recordMemory{Odds: firstOdds, Unit: s.Record.Unit} // the tariff is of that unit
}

// fits reports whether decisions could have made it.
func (s *state) fits() bool {
	r := &s.Record
	return s.Tariff != nil && r.Odds >= leastOdds && r.Odds <= mostOdds && len(s.Memory.Windows.Latency) <= mostWindows &&
		len(r.Base.Fewer) <= mostStints && len(r.Advised.Fewer) <= mostStints && r.Base.Wanted >= 0 && r.Advised.Wanted >= 0
}
