// Package schedule changes the limits of another policy at times that are
// known beforehand: while a window is open its floor and its ceiling hold.
// Whether it is open follows from the time of the observation alone, so a
// restart in the middle of a window changes nothing.
package schedule

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "schedule", 2

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Fallback    = (*Policy)(nil)
	_ policy.Closing     = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
	_ policy.Waking      = (*Policy)(nil)
)

// Policy keeps another one within the limits of the open windows. Its memory
// is that of the other.
type Policy struct {
	cfg       Config
	windows   []window
	of        policy.Policy // nil: the minimum of the service
	min       int           // of the service
	proposals []scale.Proposal
}

type window struct {
	Window
	calendar calendar
	name     string
}

// New returns the policy for a valid configuration; build makes the policy
// within.
func New(cfg Config, env policy.Env, build policy.Builder) (*Policy, error) {
	p := &Policy{cfg: cfg, min: env.Min}
	for i, w := range cfg.Windows {
		calendar, err := newCalendar(w)
		if err != nil {
			return nil, fmt.Errorf("windows[%d]: %w", i, err)
		}
		if env.Max > 0 && w.Min > env.Max {
			return nil, fmt.Errorf("schedule.windows[%d].min: must not be above the maximum of the service (%d), got %d", i, env.Max, w.Min)
		}
		p.windows = append(p.windows, window{w, calendar, w.name()})
	}
	if cfg.Of == nil {
		return p, nil
	}
	of, err := build(*cfg.Of, env)
	if err != nil {
		return nil, fmt.Errorf("of: %w", err)
	}
	p.of = of
	return p, nil
}

// Signals names those of the policy within.
func (p *Policy) Signals() []string {
	if p.of == nil {
		return nil
	}
	return p.of.Signals()
}

// Essential names those of the policy within.
func (p *Policy) Essential() []string {
	if p.of == nil {
		return nil
	}
	return policy.Essential(p.of)
}

// Closed reports that an open window, here or within, allows no replica and no
// other one here wants any.
func (p *Policy) Closed(obs scale.Observation) bool {
	floor, ceiling := p.limits(obs)
	if floor != nil {
		return false
	}
	return (ceiling != nil && *ceiling.Max == 0) || (p.of != nil && policy.Closed(p.of, obs))
}

// Wakes reports that windows alone decide, and that one of them wants replicas:
// that takes no signal. With a policy within, the time outside of windows is
// that one's, and it may not know of any load while nothing runs.
func (p *Policy) Wakes() bool {
	return p.of == nil && slices.ContainsFunc(p.windows, func(w window) bool { return w.Min > 0 })
}

// Conditions are those of the policy within; windows have none.
func (p *Policy) Conditions() []scale.GuardCondition { return policy.Conditions(p.of) }

// Inquiries are those of the policy within.
func (p *Policy) Inquiries() []policy.Inquiry { return policy.Inquiries(p.of) }

// Recommend returns the wish of the policy within, raised to the highest
// floor and lowered to the lowest ceiling of the open windows. The floor wins
// over the ceiling.
//
// Without an opinion of the policy within, a floor above the current count
// is wanted all the same: it needs no data. A ceiling takes nothing away on
// bad data.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	floor, ceiling := p.limits(obs)
	rec, err := p.within(obs)
	if err != nil && (floor == nil || floor.Min <= obs.CurrentReplicas) {
		return rec, err
	}
	if err != nil {
		rec = scale.Recommendation{Replicas: obs.CurrentReplicas, Proposals: rec.Proposals}
	}
	if ceiling != nil && rec.Replicas > *ceiling.Max {
		p.lower(obs, &rec, ceiling)
	}
	if floor != nil && rec.Replicas < floor.Min {
		p.raise(&rec, floor, ceiling)
	}
	return rec, nil
}

// limits returns the open window with the highest floor and the one with the
// lowest ceiling; of equal ones the first.
func (p *Policy) limits(obs scale.Observation) (floor, ceiling *window) {
	for i := range p.windows {
		w := &p.windows[i]
		if !w.calendar.open(obs.At) {
			continue
		}
		if w.Min > 0 && (floor == nil || w.Min > floor.Min) {
			floor = w
		}
		if w.Max != nil && (ceiling == nil || *w.Max < *ceiling.Max) {
			ceiling = w
		}
	}
	return floor, ceiling
}

// within asks the policy within and copies its proposals, so that the
// windows' can be added.
func (p *Policy) within(obs scale.Observation) (scale.Recommendation, error) {
	if p.of == nil {
		return scale.Recommendation{Replicas: p.min, Confidence: 1,
			Reason: scale.Because("Minimum", "the minimum of {0} outside of windows that want more", float64(p.min))}, nil
	}
	rec, err := p.of.Recommend(obs)
	p.proposals = append(p.proposals[:0], rec.Proposals...)
	rec.Proposals = p.proposals
	return rec, err
}

// lower brings a wish down to a ceiling, but not below the current count while
// the policy within lacks data.
func (p *Policy) lower(obs scale.Observation, rec *scale.Recommendation, ceiling *window) {
	limit := *ceiling.Max
	reason := scale.Because("WindowCeiling", "window {n} allows at most {0}; wanted {1}", float64(limit), float64(rec.Replicas))
	if limit < obs.CurrentReplicas && policy.InDoubt(obs, p.Essential()) != "" {
		limit = min(rec.Replicas, obs.CurrentReplicas)
		reason = scale.Because("WindowCeiling", "window {n} allows at most {0}, but nothing is taken away on bad data: stay at {1}",
			float64(*ceiling.Max), float64(limit))
	}
	p.set(rec, ceiling, limit, reason)
}

// raise brings a wish up to a floor.
func (p *Policy) raise(rec *scale.Recommendation, floor, ceiling *window) {
	reason := scale.Because("WindowFloor", "window {n} keeps at least {0}; wanted {1}", float64(floor.Min), float64(rec.Replicas))
	if ceiling != nil && *ceiling.Max < floor.Min {
		reason = scale.Because("WindowConflict", "window {n} keeps at least {0}, which wins over another one's at most {1}",
			float64(floor.Min), float64(*ceiling.Max))
	}
	p.set(rec, floor, floor.Min, reason)
}

func (p *Policy) set(rec *scale.Recommendation, by *window, n int, reason scale.Reason) {
	if n == rec.Replicas {
		return
	}
	rec.Replicas, rec.Reason, rec.Confidence = n, reason.About(by.name), 1
	p.proposals = append(p.proposals[:len(rec.Proposals)], scale.Proposal{Signal: by.name, Replicas: n, Reason: rec.Reason})
	rec.Proposals = p.proposals
}

// state is what a snapshot holds: the windows have no memory.
type state struct {
	Of json.RawMessage `json:"of,omitempty"`
}

// Snapshot returns the memory of the policy within.
func (p *Policy) Snapshot() ([]byte, error) {
	var s state
	if p.of != nil {
		var err error
		if s.Of, err = p.of.Snapshot(); err != nil {
			return nil, fmt.Errorf("of: %w", err)
		}
	}
	return scale.Seal(kind, version, p.kindWithin(), s)
}

// kindWithin is the kind of the policy within; empty: there is none.
func (p *Policy) kindWithin() string {
	if p.cfg.Of == nil {
		return ""
	}
	return p.cfg.Of.Kind
}

// Restore gives the policy within its memory back, whatever the windows were.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, p.kindWithin(), &s); err != nil {
		return err
	}
	if p.of == nil {
		return nil
	}
	if err := p.of.Restore(s.Of); err != nil {
		return fmt.Errorf("of: %w", err)
	}
	return nil
}
