package lcp

import (
	"encoding/json"
	"fmt"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/scale"
)

// state is what a snapshot holds.
type state struct {
	Learner json.RawMessage `json:"learner"`
	Tariff  *cost.Tariff    `json:"tariff"`
	Lazy    *cost.Lazy      `json:"lazy"`
	Memory  memory          `json:"memory"`
}

// Snapshot returns what it weighs and what it learned.
func (p *Policy) Snapshot() ([]byte, error) {
	learner, err := p.learner.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("lcp: %w", err)
	}
	return scale.Seal(kind, version, nil, state{learner, p.tariff, p.lazy, p.memory})
}

// Restore takes it over, whatever the configuration was: what was weighed at other
// prices is worth no more than one start of each replica, and soon outweighed.
func (p *Policy) Restore(snapshot []byte) error {
	s := state{Tariff: p.newTariff(), Lazy: cost.NewLazy(0, p.env.Max, 0)}
	if err := scale.Unseal(snapshot, kind, version, nil, &s); err != nil {
		return err
	}
	if err := p.learner.Restore(s.Learner); err != nil {
		return fmt.Errorf("lcp: %w", err)
	}
	p.tariff, p.lazy, p.memory = s.Tariff, s.Lazy, s.Memory
	return nil
}
