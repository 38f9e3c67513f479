// Package threshold adds replicas while a signal is above its upper threshold
// and takes them while all are below their lower ones. Between the two it
// stays: the distance keeps a change from undoing itself.
//
//	        add        one signal above is enough
//	70 % ─────────
//	        stay
//	30 % ─────────
//	        take       all signals must be below
//
// Without any configured metric it watches cpuUtilization, and in addition
// memoryUtilization, queueDepth and latency as soon as they have been seen.
package threshold

import (
	"fmt"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "threshold", 1

var _ policy.Policy = (*Policy)(nil)

// Policy is the rule of two thresholds. Its memory is which of the signals
// that nobody named it has seen.
type Policy struct {
	cfg       Config
	rules     []rule
	proposals []scale.Proposal
}

// rule is one signal's thresholds with what is known of it.
type rule struct {
	levels
	seen bool
	text texts
}

// New returns the policy for a valid configuration.
func New(cfg Config, _ policy.Env) (*Policy, error) {
	p := &Policy{cfg: cfg}
	for _, l := range cfg.levels() {
		p.rules = append(p.rules, rule{levels: l, seen: !l.implied, text: l.texts()})
	}
	p.proposals = make([]scale.Proposal, 0, len(p.rules))
	return p, nil
}

// Signals names those it always decides on. The ones nobody named are not
// among them, because a target need not have them; Recommend itself holds
// the count when one of them was there and is in doubt.
func (p *Policy) Signals() []string {
	var names []string
	for _, r := range p.rules {
		if !r.implied {
			names = append(names, r.signal)
		}
	}
	return names
}

// verdict is where a value stands. Of several signals the highest decides.
type verdict int

const (
	silent  verdict = iota // says nothing: not seen yet, or only adds and need not
	below                  // below the lower threshold
	missing                // no trustworthy value: no scale-down
	between                // stay
	above                  // above the upper threshold
)

// Recommend adds the most that any signal asks for, and takes the least when
// all are below.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.proposals = p.proposals[:0]
	best, verdictOfBest, known := -1, silent, false
	for i := range p.rules {
		r := &p.rules[i]
		v, proposal := p.judge(obs, r)
		if !r.seen {
			continue
		}
		p.proposals = append(p.proposals, proposal)
		known = known || !proposal.Missing
		if best < 0 || v > verdictOfBest || (v == verdictOfBest && proposal.Replicas > p.proposals[best].Replicas) {
			best, verdictOfBest = len(p.proposals)-1, v
		}
	}
	if !known {
		return scale.Recommendation{Proposals: p.proposals}, fmt.Errorf("threshold: no metric has a value: %w", scale.ErrNoData)
	}
	rec := scale.Recommendation{Replicas: p.proposals[best].Replicas, Reason: p.proposals[best].Reason, Confidence: 1, Proposals: p.proposals}
	if verdictOfBest == missing {
		rec.Confidence = 0
		rec.Reason = scale.Because("MetricMissing", "no scale-down while {n} has no trustworthy value").About(p.proposals[best].Signal)
	}
	return rec, nil
}

// judge compares one signal with its thresholds.
func (p *Policy) judge(obs scale.Observation, r *rule) (verdict, scale.Proposal) {
	proposal := scale.Proposal{Signal: r.signal, Replicas: obs.CurrentReplicas}
	value, ok := obs.Last(r.signal)
	r.seen = r.seen || ok
	switch {
	case !ok && r.implied && idle(obs, r.signal):
		proposal.Reason = scale.Because("Idle", "no requests, so no {n}").About(r.signal)
		return silent, proposal
	case !ok:
		proposal.Missing = true
		proposal.Reason = scale.Because("NoData", "{n} has no trustworthy value").About(r.signal)
		return missing, proposal
	case value > r.up:
		proposal.Replicas, proposal.Reason = p.up(obs, r, value)
		return above, proposal
	case r.onlyUp:
		proposal.Reason = scale.Because("NotAbove", r.text.notAbove, value, r.up).About(r.signal)
		return silent, proposal
	case value < r.down:
		proposal.Replicas, proposal.Reason = p.down(obs, r, value)
		return below, proposal
	default:
		proposal.Reason = scale.Because("BetweenThresholds", r.text.between, value, r.down, r.up, float64(obs.CurrentReplicas)).About(r.signal)
		return between, proposal
	}
}

// idle reports that there is no latency because there are no requests: then
// its absence says nothing bad.
func idle(obs scale.Observation, signal string) bool {
	return signal == scale.Latency && obs.Idle()
}

// Snapshot returns which signals were seen.
func (p *Policy) Snapshot() ([]byte, error) {
	seen := make([]bool, len(p.rules))
	for i, r := range p.rules {
		seen[i] = r.seen
	}
	return scale.Seal(kind, version, p.cfg, seen)
}

// Restore takes over which signals were seen.
func (p *Policy) Restore(snapshot []byte) error {
	var seen []bool
	if err := scale.Unseal(snapshot, kind, version, p.cfg, &seen); err != nil {
		return err
	}
	if len(seen) != len(p.rules) {
		return fmt.Errorf("snapshot of %s holds %d signals, want %d: %w", kind, len(seen), len(p.rules), scale.ErrSnapshot)
	}
	for i := range p.rules {
		p.rules[i].seen = seen[i]
	}
	return nil
}
