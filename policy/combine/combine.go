// Package combine makes one wish of those of several policies: the highest,
// the lowest, the one in the middle, or that of the first that has any.
//
// While a member has no opinion, max, min and median go up by what the others
// want, but not down: it might have wanted more. first exists to do without a
// member, so it goes both ways by the one that speaks.
package combine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "combine", 2

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Fallback    = (*Policy)(nil)
	_ policy.Closing     = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
)

// Policy asks its members and combines what they say. Its memory is theirs.
type Policy struct {
	cfg       Config
	way       string
	members   []member
	essential []string
	proposals []scale.Proposal
	order     []int // of the members with an opinion; the one that counts is chosen from it
	lasting   []scale.GuardCondition
	asks      []policy.Inquiry
	several   bool // members may have conditions: they are told apart by name
}

// New returns the policy for a valid configuration; build makes the members.
func New(cfg Config, env policy.Env, build policy.Builder) (*Policy, error) {
	w := cfg.way()
	p := &Policy{cfg: cfg, way: w.name}
	for i, name := range w.names() {
		built, err := build(w.members[i], env)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", w.name, i, err)
		}
		p.members = append(p.members, newMember(name, w.name, built))
	}
	p.essential, p.several = p.essentials(), p.conditioned() > 1
	p.proposals, p.order = make([]scale.Proposal, 0, len(p.members)), make([]int, 0, len(p.members))
	return p, nil
}

// Signals names those of all members.
func (p *Policy) Signals() []string {
	var names []string
	for _, m := range p.members {
		names = append(names, m.policy.Signals()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Essential names those of all members; of first only those that none of
// them can do without.
func (p *Policy) Essential() []string { return p.essential }

func (p *Policy) essentials() []string {
	var names []string
	for i, m := range p.members {
		theirs := slices.Clone(policy.Essential(m.policy))
		switch {
		case i == 0 || p.way != "first":
			names = append(names, theirs...)
		default:
			names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(theirs, name) })
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Closed reports that the wish that counts would be the zero of members that
// want no replica at this time. first is closed by its first member alone: it
// needs no data for that, so nobody stands in.
func (p *Policy) Closed(obs scale.Observation) bool {
	closed, all := 0, len(p.members)
	for _, m := range p.members {
		if policy.Closed(m.policy, obs) {
			closed++
		}
	}
	switch p.way {
	case "min":
		return closed > 0
	case "median":
		return closed > all/2
	case "first":
		return policy.Closed(p.members[0].policy, obs)
	}
	return closed == all
}

// Conditions are those of all members, also of those whose wishes do not count.
// Where more than one may have some, its name is before each.
func (p *Policy) Conditions() []scale.GuardCondition {
	p.lasting = p.lasting[:0]
	for i := range p.members {
		m := &p.members[i]
		for _, c := range policy.Conditions(m.policy) {
			if p.several {
				c.Reason = m.conditions.before(c.Reason)
			}
			p.lasting = append(p.lasting, c)
		}
	}
	return p.lasting
}

// Inquiries are those of all members.
func (p *Policy) Inquiries() []policy.Inquiry {
	p.asks = p.asks[:0]
	for i := range p.members {
		p.asks = append(p.asks, policy.Inquiries(p.members[i].policy)...)
	}
	return p.asks
}

// conditioned is how many members may have conditions.
func (p *Policy) conditioned() int {
	n := 0
	for _, m := range p.members {
		if _, is := m.policy.(policy.Conditioned); is {
			n++
		}
	}
	return n
}

// Recommend asks every member, also those that will not count: they must not
// miss what they remember.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.proposals, p.order = p.proposals[:0], p.order[:0]
	var missing *member
	for i := range p.members {
		m := &p.members[i]
		if m.ask(obs) {
			p.order = append(p.order, i)
		} else if missing == nil {
			missing = m
		}
		p.proposals = append(p.proposals, m.proposal(obs))
	}
	if len(p.order) == 0 {
		return scale.Recommendation{Proposals: p.proposals}, fmt.Errorf("combine: no member has an opinion: %w", scale.ErrNoData)
	}
	chosen := p.choose()
	best := chosen.said
	best.Reason, best.Proposals = chosen.reason(), p.proposals
	if p.way != "first" && best.Replicas < obs.CurrentReplicas {
		p.hold(obs, &best, missing)
	}
	return best, nil
}

// hold keeps the current count while a member has no opinion, or one that may
// be higher than it should because a signal is in doubt.
func (p *Policy) hold(obs scale.Observation, rec *scale.Recommendation, missing *member) {
	var reason scale.Reason
	if missing != nil {
		reason = scale.Because("MemberMissing", "no scale-down while {n} has no opinion").About(missing.name)
	} else if name := policy.InDoubt(obs, p.essential); name != "" {
		reason = scale.Because("MetricMissing", "no scale-down while {n} has no trustworthy value").About(name)
	} else {
		return
	}
	rec.Replicas, rec.Reason, rec.Confidence = obs.CurrentReplicas, reason, 0
}

// choose returns the member whose wish counts. Members of equal wishes keep
// their order, so the first of them gives the reason.
func (p *Policy) choose() *member {
	if p.way == "first" {
		return &p.members[p.order[0]]
	}
	slices.SortStableFunc(p.order, func(a, b int) int { return p.members[a].said.Replicas - p.members[b].said.Replicas })
	at := len(p.order) / 2 // of an even number the higher of the middle two
	switch p.way {
	case "min":
		at = 0
	case "max":
		at = len(p.order) - 1
		for at > 0 && p.wish(at-1) == p.wish(at) {
			at--
		}
	}
	return &p.members[p.order[at]]
}

func (p *Policy) wish(at int) int { return p.members[p.order[at]].said.Replicas }

// state is what a snapshot holds: the members' memories, in their order.
type state struct {
	Members []json.RawMessage `json:"members"`
}

// Snapshot returns the memories of the members.
func (p *Policy) Snapshot() ([]byte, error) {
	memories, err := p.memories()
	if err != nil {
		return nil, err
	}
	return scale.Seal(kind, version, p.cfg.way().names(), state{memories})
}

func (p *Policy) memories() ([]json.RawMessage, error) {
	memories := make([]json.RawMessage, len(p.members))
	for i, m := range p.members {
		raw, err := m.policy.Snapshot()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		memories[i] = raw
	}
	return memories, nil
}

// Restore gives the members their memories back, all or none. Each says itself
// whether its own fits; how they are combined changes none.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, p.cfg.way().names(), &s); err != nil {
		return err
	}
	if len(s.Members) != len(p.members) {
		return fmt.Errorf("snapshot of %s with %d members, want %d: %w", kind, len(s.Members), len(p.members), scale.ErrSnapshot)
	}
	before, err := p.memories()
	if err != nil {
		return err
	}
	for i, m := range p.members {
		if err := m.policy.Restore(s.Members[i]); err != nil {
			for j := range i {
				_ = p.members[j].policy.Restore(before[j]) // its own, a moment ago
			}
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
