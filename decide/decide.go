// Package decide is the core every driver calls: a policy and its guards with
// their memory, from an observation to a decision with its whole trail.
package decide

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// SetByPolicy is Decision.SetBy when no guard changed the number.
const SetByPolicy = "policy"

// Decider turns observations into decisions. The live loop, the simulator,
// replay and each shadow have one of their own; one owner calls it.
type Decider struct {
	name   string
	policy policy.Policy
	guards []guard.Guard
	// steps and conditions are the memory that decisions lend.
	steps      []scale.Step
	conditions []scale.GuardCondition
}

// New returns a decider for a policy, known by name, behind guards in the
// order given.
func New(name string, p policy.Policy, guards ...guard.Guard) *Decider {
	return &Decider{name: name, policy: p, guards: guards,
		steps: make([]scale.Step, 0, len(guards)), conditions: make([]scale.GuardCondition, 0, len(guards))}
}

// Name of the policy.
func (d *Decider) Name() string { return d.name }

// Guards are the rules that it walks, in their order, for those who audit them.
func (d *Decider) Guards() []guard.Guard { return d.guards }

// Decide asks the policy and walks the guards. Without an opinion of the
// policy the current count is held, within the bounds. A count that it holds
// itself, without any confidence, is none either: no wish that rules may
// remember.
// The slices of the decision are valid until the next call.
func (d *Decider) Decide(obs scale.Observation) scale.Decision {
	rec, err := d.policy.Recommend(obs)
	if err != nil {
		rec.Replicas = obs.CurrentReplicas
		rec.Reason = withoutOpinion(err)
		rec.Confidence = 0
	}
	decision := scale.Decision{
		Target: obs.Target, Policy: d.name, At: obs.At,
		CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: rec.Replicas,
		Recommendation: rec, Reason: rec.Reason, SetBy: SetByPolicy, NoData: err != nil,
	}
	d.steps, d.conditions = d.steps[:0], d.conditions[:0]
	for _, condition := range policy.Conditions(d.policy) {
		condition.Guard = SetByPolicy
		d.conditions = append(d.conditions, condition)
	}
	opinion := rec.Confidence > 0 || rec.Replicas != obs.CurrentReplicas
	for _, g := range d.guards {
		if _, always := g.(guard.Unconditional); always || opinion {
			d.walk(g, obs, &decision, opinion)
		} else if w, ok := g.(guard.Witness); ok {
			w.Witness(obs)
		}
	}
	decision.Steps, decision.Conditions = d.steps, d.conditions
	return decision
}

// Inquiries are what the policy wants to ask about its newest observation.
func (d *Decider) Inquiries() []policy.Inquiry { return policy.Inquiries(d.policy) }

// Outlook is what the policy expects at its newest observation; false when it
// does not look ahead or had no opinion.
func (d *Decider) Outlook() (policy.Outlook, bool) { return policy.OutlookOf(d.policy) }

// Spent is what replicas have cost today and may cost in a day, as a guard
// counts it; false without such a guard.
func (d *Decider) Spent() (today, perDay float64, counted bool) {
	for _, g := range d.guards {
		if s, ok := g.(guard.Spender); ok {
			today, perDay = s.Spent()
			return today, perDay, true
		}
	}
	return 0, 0, false
}

func (d *Decider) walk(g guard.Guard, obs scale.Observation, decision *scale.Decision, opinion bool) {
	want := decision.DesiredReplicas
	allowed, reason := limit(g, obs, want, opinion)
	d.steps = append(d.steps, scale.Step{Guard: g.Name(), From: want, To: allowed, Reason: reason})
	if allowed != want {
		decision.DesiredReplicas, decision.Reason, decision.SetBy = allowed, reason, g.Name()
	}
	if c, ok := g.(guard.Conditioned); ok {
		if since, reason, holds := c.Condition(obs); holds {
			d.conditions = append(d.conditions, scale.GuardCondition{Guard: g.Name(), Since: since, Reason: reason})
		}
	}
}

// limit asks a guard; one that has a count of its own is asked for that where
// the policy has no opinion.
func limit(g guard.Guard, obs scale.Observation, want int, opinion bool) (int, scale.Reason) {
	if own, ok := g.(guard.StandIn); ok && !opinion {
		return own.Instead(obs, want)
	}
	return g.Limit(obs, want)
}

func withoutOpinion(err error) scale.Reason {
	if errors.Is(err, scale.ErrNoData) {
		return scale.Because("NoData", "hold: {n}").About(err.Error())
	}
	return scale.Because("PolicyError", "hold: {n}").About(err.Error())
}

// Applied tells the guards that the target was told to go from one count to
// another because of the observation at that time.
func (d *Decider) Applied(at time.Time, from, to int) {
	for _, g := range d.guards {
		g.Applied(at, from, to)
	}
}

// Recall takes over what a snapshot holds for policy and guards, and returns the
// names of those whose memory is lost. Each part says itself whether its memory
// fits: what it learned may not depend on what was changed. It is for a decider
// that replaces another.
func (d *Decider) Recall(data []byte) []string {
	var s snapshot
	_ = json.Unmarshal(data, &s) // without it every part starts afresh
	var afresh []string
	if d.policy.Restore(s.Policy) != nil && !empty(s.Policy) {
		afresh = append(afresh, "policy "+d.name)
	}
	for _, g := range d.guards {
		if raw := s.Guards[g.Name()]; g.Restore(raw) != nil && !empty(raw) {
			afresh = append(afresh, g.Name())
		}
	}
	return afresh
}

// SameKind reports whether a snapshot is of a decider whose policy is of the same
// kind.
func (d *Decider) SameKind(data []byte) bool {
	var its, own scale.Snapshot
	var s snapshot
	raw, err := d.policy.Snapshot()
	return err == nil && json.Unmarshal(data, &s) == nil && json.Unmarshal(s.Policy, &its) == nil &&
		json.Unmarshal(raw, &own) == nil && its.Kind == own.Kind
}

// empty reports whether a snapshot holds no memory: nothing is lost with it.
func empty(raw json.RawMessage) bool {
	var s scale.Snapshot
	return json.Unmarshal(raw, &s) == nil && string(s.State) == "{}"
}

type snapshot struct {
	Policy json.RawMessage            `json:"policy"`
	Guards map[string]json.RawMessage `json:"guards"`
}

// Snapshot returns the memory of the policy and of every guard.
func (d *Decider) Snapshot() ([]byte, error) {
	raw, err := d.policy.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", d.name, err)
	}
	s := snapshot{Policy: raw, Guards: map[string]json.RawMessage{}}
	for _, g := range d.guards {
		if s.Guards[g.Name()], err = g.Snapshot(); err != nil {
			return nil, fmt.Errorf("guard %s: %w", g.Name(), err)
		}
	}
	return json.Marshal(s)
}

// Restore takes over a snapshot of a decider with the same policy, guards and
// configuration; after it the decider decides as if never stopped. On an
// error the decider may be partly restored and must be thrown away.
func (d *Decider) Restore(data []byte) error {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("decider: %w: %w", scale.ErrSnapshot, err)
	}
	if err := d.policy.Restore(s.Policy); err != nil {
		return fmt.Errorf("policy %s: %w", d.name, err)
	}
	if len(s.Guards) != len(d.guards) {
		return fmt.Errorf("decider: %d guards in the snapshot, want %d: %w", len(s.Guards), len(d.guards), scale.ErrSnapshot)
	}
	for _, g := range d.guards {
		if err := g.Restore(s.Guards[g.Name()]); err != nil {
			return fmt.Errorf("guard %s: %w", g.Name(), err)
		}
	}
	return nil
}
