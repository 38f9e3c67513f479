package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/scale"
)

// envelopeKey is the configuration that both accounts depend on.
type envelopeKey struct {
	Lambda      float64         `json:"lambda"`
	Objective   scale.Objective `json:"objective"`
	Risk        float64         `json:"risk"`
	RestartCost time.Duration   `json:"restartCost"`
	Name        string          `json:"name"`
}

func (e *Envelope) key() string {
	return scale.ConfigHash(envelopeKey{e.cfg.Lambda, e.cfg.Objective, e.cfg.Risk, e.cfg.RestartCost, e.cfg.Name})
}

// envelopeState is what a snapshot holds.
type envelopeState struct {
	Key     string            `json:"key"`
	Memory  envelopeMemory    `json:"memory"`
	Tariff  *cost.Tariff      `json:"tariff"`
	Expert  json.RawMessage   `json:"expert"`
	Safety  []json.RawMessage `json:"safety"`
	Service json.RawMessage   `json:"service"`
}

// Snapshot returns both accounts, and what the expert and its rules remember.
func (e *Envelope) Snapshot() ([]byte, error) {
	s := envelopeState{Key: e.key(), Memory: e.memory, Tariff: e.tariff}
	var errs [2]error
	s.Expert, errs[0] = e.cfg.Expert.Snapshot()
	s.Service, errs[1] = e.cfg.Service.Snapshot()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	for _, g := range e.cfg.Safety {
		raw, err := g.Snapshot()
		if err != nil {
			return nil, fmt.Errorf("envelope: %w", err)
		}
		s.Safety = append(s.Safety, raw)
	}
	return scale.Seal("guard/envelope", 2, nil, s)
}

// Restore takes them over. Under another configuration that is what the expert,
// its rules and the learner remember, as far as they do: the accounts are of a
// promise that was another. After an error the parts may remember different
// things: the first observation then begins both accounts anew.
func (e *Envelope) Restore(data []byte) error {
	s := envelopeState{Tariff: e.newTariff()}
	if err := scale.Unseal(data, "guard/envelope", 2, nil, &s); err != nil {
		return err
	}
	if len(s.Safety) != len(e.cfg.Safety) {
		return fmt.Errorf("envelope: %d rules in the snapshot, want %d: %w", len(s.Safety), len(e.cfg.Safety), scale.ErrSnapshot)
	}
	errs := []error{e.cfg.Expert.Restore(s.Expert), e.cfg.Service.Restore(s.Service)}
	for i, g := range e.cfg.Safety {
		errs = append(errs, g.Restore(s.Safety[i]))
	}
	if s.Key != e.key() {
		errs = append(errs, fmt.Errorf("accounts of another configuration: %w", scale.ErrSnapshot))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	e.memory, e.tariff = s.Memory, s.Tariff
	return nil
}
