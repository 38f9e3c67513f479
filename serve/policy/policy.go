// Package servepolicy answers questions about targets by a policy: the other end
// of package policy/remote, for controllers on other machines and for programs in
// other languages.
//
//	POST /v1/recommend   observation, bounds, memory ──► count, reason, memory
//
// It keeps nothing between two questions. Whoever asks carries what the policy
// remembers and gives it back with the next question, so each of several servers
// can answer any of them, and none is missed when it is gone.
package servepolicy

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
)

// Served is a policy that is served, configured and checked.
type Served struct {
	Kind    string
	config  any
	plugins *builtin.Registry
}

// NewServed decodes a policy and builds it once, so that what is wrong with it is
// known before anybody asks.
func NewServed(p scale.Plugin, plugins *builtin.Registry) (*Served, error) {
	cfg, err := plugins.Policies.Decode(p)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.Kind, err)
	}
	needs, err := builtin.NeedsOf(cfg)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.Kind, err)
	}
	if len(needs) > 0 {
		return nil, fmt.Errorf("policy %s: cannot be served, for it asks %s itself: let the controller ask there", p.Kind, needs[0].From)
	}
	s := &Served{Kind: p.Kind, config: cfg, plugins: plugins}
	example := scale.Objective{Threshold: 500e6, Target: 0.999, Window: 3600e9}
	if _, err := s.build(&remote.Question{Bounds: remote.Bounds{Min: 1, Max: 10}, Sync: 15e9, Objective: &example}); err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.Kind, err)
	}
	return s, nil
}

// build makes the policy anew: what one question left behind must not reach the
// next, which may be of somebody else.
func (s *Served) build(q *remote.Question) (policy.Policy, error) {
	return s.plugins.Policies.Build(s.Kind, s.config, policy.Env{
		Target: q.Observation.Target, Min: q.Bounds.Min, Max: q.Bounds.Max, Objective: q.Objective,
		Sync: q.Sync.Std(), Topology: q.Topology, Curves: s.plugins.Curves,
	})
}

// Answer is what the policy says to a valid question. forgot reports that the
// memory did not fit, as that of another policy: then it begins anew. An error is
// one of the policy for such a question, as without an objective that it needs.
func (s *Served) Answer(q *remote.Question) (a remote.Answer, forgot bool, err error) {
	p, err := s.build(q)
	if err != nil {
		return a, false, err
	}
	forgot = len(q.Memory) > 0 && p.Restore(q.Memory) != nil
	a = remote.Answer{Version: remote.WireVersion, Target: q.Observation.Target, SeenAt: q.Observation.At}
	rec, err := p.Recommend(q.Observation)
	switch {
	case errors.Is(err, scale.ErrNoData):
		a.Reason = err.Error()
	case err != nil:
		return a, forgot, err
	default:
		n := min(max(rec.Replicas, q.Bounds.Min), q.Bounds.Max)
		a.Replicas, a.Confidence, a.Reason = &n, rec.Confidence, rec.Reason.String()
	}
	if a.Memory, err = p.Snapshot(); err != nil {
		return a, forgot, fmt.Errorf("memory: %w", err)
	}
	return a, forgot, nil
}

// Description is what is served, for people.
type Description struct {
	Policy  string          `json:"policy"`
	Config  json.RawMessage `json:"config"`
	Version string          `json:"version"` // of the program
}

func (s *Served) describe(version string) (Description, error) {
	cfg, err := json.Marshal(s.config)
	if err != nil {
		return Description{}, fmt.Errorf("policy %s: %w", s.Kind, err)
	}
	return Description{Policy: s.Kind, Config: cfg, Version: version}, nil
}
