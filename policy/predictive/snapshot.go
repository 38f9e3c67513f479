package predictive

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// state is what a snapshot holds.
type state struct {
	Threshold scale.Duration `json:"threshold,omitzero"` // of the objective; 0: none
	Sight     sightState     `json:"sight"`
	Aside     *sightState    `json:"aside,omitempty"`
	Budget    budget         `json:"budget"`
	IdleSince time.Time      `json:"idleSince,omitzero"`
	Troubles  troubles       `json:"troubles"`
}

type sightState struct {
	Signal  string          `json:"signal"`
	Learner json.RawMessage `json:"learner"`
	Own     bool            `json:"own,omitempty"` // the learner is not that of the rules
	Load    *loadState      `json:"load,omitempty"`
	Staffed int             `json:"staffed"`
	Needs   needs           `json:"needs"`
}

type loadState struct {
	Step       time.Duration   `json:"step"`
	Horizon    int             `json:"horizon"`
	Built      int             `json:"built"`
	Recent     recent          `json:"recent"`
	Last       time.Time       `json:"last,omitzero"`
	Measured   time.Time       `json:"measured,omitzero"`
	Value      float64         `json:"value"`
	Newest     float64         `json:"newest"`
	Forecaster json.RawMessage `json:"forecaster"`
}

// Snapshot returns all that was learned.
func (p *Policy) Snapshot() ([]byte, error) {
	s := state{Threshold: p.threshold(), Budget: p.budget, IdleSince: p.idleSince, Troubles: p.troubles}
	var err error
	if s.Sight, err = p.keep(p.sight); err != nil {
		return nil, err
	}
	if p.aside != nil {
		aside, err := p.keep(p.aside)
		if err != nil {
			return nil, err
		}
		s.Aside = &aside
	}
	return scale.Seal(kind, version, nil, s)
}

// keep returns what a sight knows.
func (p *Policy) keep(s *sight) (sightState, error) {
	kept := sightState{Signal: s.signal, Own: s.learner != p.env.Service, Staffed: s.staffed, Needs: s.needs}
	var err error
	if kept.Learner, err = s.learner.Snapshot(); err != nil {
		return kept, fmt.Errorf("learner: %w", err)
	}
	if l := s.load; l != nil {
		kept.Load = &loadState{Step: l.step, Horizon: l.horizon, Built: l.built, Recent: l.recent, Last: l.last, Measured: l.measured, Value: l.value, Newest: l.newest}
		if kept.Load.Forecaster, err = l.forecaster.Snapshot(); err != nil {
			return kept, fmt.Errorf("forecaster: %w", err)
		}
	}
	return kept, nil
}

// Restore takes it over, whatever the configuration was: load and service are the
// same. What misses another threshold says nothing of this one.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, nil, &s); err != nil {
		return err
	}
	if s.Threshold != p.threshold() {
		s.Budget, s.Troubles = budget{}, troubles{}
	}
	fresh := &Policy{cfg: p.cfg, env: p.env, budget: s.Budget, idleSince: s.IdleSince, troubles: s.Troubles, foreseen: -1}
	var err error
	if s.Aside != nil {
		if fresh.aside, err = fresh.recall(*s.Aside); err != nil {
			return err
		}
	}
	if fresh.sight, err = fresh.recall(s.Sight); err != nil {
		return err
	}
	*p = *fresh
	return nil
}

// recall makes a sight of what one knew. Its learner comes last, since it may not
// be refused any more once it has changed: others may know it.
func (p *Policy) recall(kept sightState) (*sight, error) {
	if rate := kept.Signal == scale.RequestRate && p.env.Objective != nil; !rate && kept.Signal != scale.CPUUtilization {
		return nil, fmt.Errorf("snapshot of %s: it decided on %q: %w", kind, kept.Signal, scale.ErrSnapshot)
	}
	s := p.behold(kept.Signal)
	s.staffed, s.needs = kept.Staffed, kept.Needs
	if kept.Own {
		s.learner = p.alone(kept.Signal)
	}
	if kept.Load != nil {
		var err error
		if s.load, err = kept.Load.recall(); err != nil {
			return nil, err
		}
	}
	return s, s.learner.Restore(kept.Learner)
}

// threshold is the objective's.
func (p *Policy) threshold() scale.Duration {
	if p.env.Objective == nil {
		return 0
	}
	return p.env.Objective.Threshold
}

// recall makes the load again.
func (s *loadState) recall() (*load, error) {
	if s.Step <= 0 || s.Horizon < 1 || s.Built < 1 || !s.Recent.fits() {
		return nil, fmt.Errorf("snapshot of %s: step %v, horizons %d and %d: %w", kind, s.Step, s.Horizon, s.Built, scale.ErrSnapshot)
	}
	l := newLoad(s.Step)
	l.horizon, l.recent = s.Horizon, s.Recent
	l.recent.sort()
	if len(s.Recent.Rises) > 0 {
		l.recent.highest = slices.Max(s.Recent.Rises)
	}
	l.begin(s.Built)
	l.last, l.measured, l.value, l.newest = s.Last, s.Measured, s.Value, s.Newest
	return l, l.forecaster.Restore(s.Forecaster)
}
