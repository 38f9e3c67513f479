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
	Threshold scale.Duration  `json:"threshold,omitzero"` // of the objective; 0: none
	Signal    string          `json:"signal"`
	Learner   json.RawMessage `json:"learner"`
	Own       bool            `json:"own,omitempty"` // the learner is not that of the rules
	Load      *loadState      `json:"load,omitempty"`
	Staffed   int             `json:"staffed"`
	Needs     needs           `json:"needs"`
	Budget    budget          `json:"budget"`
	IdleSince time.Time       `json:"idleSince,omitzero"`
	Troubles  troubles        `json:"troubles"`
}

type loadState struct {
	Step       time.Duration   `json:"step"`
	Horizon    int             `json:"horizon"`
	Built      int             `json:"built"`
	Recent     recent          `json:"recent"`
	Last       time.Time       `json:"last,omitzero"`
	Value      float64         `json:"value"`
	Newest     float64         `json:"newest"`
	Forecaster json.RawMessage `json:"forecaster"`
}

// Snapshot returns all that was learned.
func (p *Policy) Snapshot() ([]byte, error) {
	s := state{Threshold: p.threshold(), Signal: p.signal, Own: p.learner != p.env.Service, Staffed: p.staffed, Needs: p.needs, Budget: p.budget, IdleSince: p.idleSince, Troubles: p.troubles}
	var err error
	if s.Learner, err = p.learner.Snapshot(); err != nil {
		return nil, fmt.Errorf("learner: %w", err)
	}
	if l := p.load; l != nil {
		s.Load = &loadState{Step: l.step, Horizon: l.horizon, Built: l.built, Recent: l.recent, Last: l.last, Value: l.value, Newest: l.newest}
		if s.Load.Forecaster, err = l.forecaster.Snapshot(); err != nil {
			return nil, fmt.Errorf("forecaster: %w", err)
		}
	}
	return scale.Seal(kind, version, nil, s)
}

// Restore takes it over, whatever the configuration was: load and service are the
// same. What misses another threshold says nothing of this one.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, nil, &s); err != nil {
		return err
	}
	if rate := s.Signal == scale.RequestRate && p.env.Objective != nil; !rate && s.Signal != scale.CPUUtilization {
		return fmt.Errorf("snapshot of %s: it decided on %q: %w", kind, s.Signal, scale.ErrSnapshot)
	}
	if s.Threshold != p.threshold() {
		s.Budget, s.Troubles = budget{}, troubles{}
	}
	fresh := &Policy{cfg: p.cfg, env: p.env}
	fresh.follow(s.Signal)
	if s.Load != nil {
		if err := fresh.restoreLoad(*s.Load); err != nil {
			return err
		}
	}
	if !s.Own && fresh.mayShare() {
		fresh.learner = p.env.Service
	}
	// The last that may be refused: others may know the learner.
	if err := fresh.learner.Restore(s.Learner); err != nil {
		return err
	}
	fresh.staffed, fresh.needs, fresh.budget, fresh.idleSince, fresh.troubles = s.Staffed, s.Needs, s.Budget, s.IdleSince, s.Troubles
	*p = *fresh
	return nil
}

// threshold is the objective's.
func (p *Policy) threshold() scale.Duration {
	if p.env.Objective == nil {
		return 0
	}
	return p.env.Objective.Threshold
}

func (p *Policy) restoreLoad(s loadState) error {
	if s.Step <= 0 || s.Horizon < 1 || s.Built < 1 || !s.Recent.fits() {
		return fmt.Errorf("snapshot of %s: step %v, horizons %d and %d: %w", kind, s.Step, s.Horizon, s.Built, scale.ErrSnapshot)
	}
	p.load = newLoad(s.Step)
	p.load.horizon, p.load.recent = s.Horizon, s.Recent
	p.load.recent.sort()
	if len(s.Recent.Rises) > 0 {
		p.load.recent.highest = slices.Max(s.Recent.Rises)
	}
	p.load.begin(s.Built)
	p.load.last, p.load.value, p.load.newest = s.Last, s.Value, s.Newest
	return p.load.forecaster.Restore(s.Forecaster)
}
