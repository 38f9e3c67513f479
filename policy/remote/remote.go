// Package remote decides by the answers of a policy that is served over a
// network, in whatever language. It asks nobody: what was answered comes as
// Advice in the observation, and while none is valid another policy decides,
// which is asked all the time so that it knows what there is to know.
//
//	observation ─┬─► fallback ─────── wants 10 ───────────────────────► 10
//	             └─ Advice of url ── 12, seen 3 s ago ── valid? ──yes──► 12
//
// Whatever comes over the network, it lies within the bounds, nothing is taken
// away on doubtful data, and an envelope bounds what it may cost.
package remote

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

const memoryVersion = 1

var (
	_ policy.Policy      = (*Policy)(nil)
	_ policy.Fallback    = (*Policy)(nil)
	_ policy.Closing     = (*Policy)(nil)
	_ policy.Conditioned = (*Policy)(nil)
	_ policy.Foreseeing  = (*Policy)(nil)
	_ policy.Needing     = (*Config)(nil)
	_ policy.Ventured    = (*Config)(nil)
)

// Policy takes the newest valid answer. It remembers since when there is none,
// and what its fallback remembers.
type Policy struct {
	cfg      Config
	env      policy.Env
	from     string
	fallback policy.Policy

	silent time.Time // since when no answer is valid; zero: one is
	why    string    // what is known of it
	late   bool      // that is longer than one decision

	proposals []scale.Proposal
	lasting   []scale.GuardCondition
}

// New returns the policy for a valid configuration; build makes the fallback.
func New(cfg Config, env policy.Env, build policy.Builder) (*Policy, error) {
	fallback, err := build(cfg.Fallback, env)
	if err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	return &Policy{cfg: cfg, env: env, from: cfg.From(), fallback: fallback}, nil
}

// Signals are those of the fallback: what the other side decides on nobody knows.
func (p *Policy) Signals() []string { return p.fallback.Signals() }

// Essential are those of the fallback.
func (p *Policy) Essential() []string { return policy.Essential(p.fallback) }

// Closed is what the fallback says.
func (p *Policy) Closed(obs scale.Observation) bool { return policy.Closed(p.fallback, obs) }

// Outlook is that of the fallback.
func (p *Policy) Outlook() (policy.Outlook, bool) { return policy.OutlookOf(p.fallback) }

// Recommend takes the answer that is valid, else what the fallback wants.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	rec, err := p.fallback.Recommend(obs)
	advice, why := p.valid(&obs)
	if advice == nil {
		p.miss(obs.At, why)
		if err != nil {
			return rec, err
		}
		because := rec.Reason
		out := p.say(rec, scale.Proposal{Signal: "remote", Replicas: obs.CurrentReplicas, Missing: true, Reason: scale.Because("RemoteSilent", "{n}").About(why)})
		out.Reason = because
		return out, nil
	}
	p.silent, p.why, p.late = time.Time{}, "", false
	if err != nil {
		rec = scale.Recommendation{Replicas: obs.CurrentReplicas}
	}
	return p.follow(rec, &obs, advice), nil
}

// follow makes a recommendation of an answer.
func (p *Policy) follow(rec scale.Recommendation, obs *scale.Observation, a *scale.Advice) scale.Recommendation {
	n := *a.Replicas
	age := obs.At.Sub(a.SeenAt).Seconds()
	because := scale.Because("RemoteAnswered", "answered on what was seen {0s} before", age)
	if a.Reason != "" {
		because = scale.Because("RemoteAnswered", "answered on what was seen {0s} before: {n}", age).About(a.Reason)
	}
	if name := policy.InDoubt(*obs, p.Essential()); name != "" && n < obs.CurrentReplicas {
		n = obs.CurrentReplicas
		because = scale.Because("MetricMissing", "no scale-down by an answer while {n} has no trustworthy value").About(name)
	}
	standIn := scale.Proposal{Signal: p.cfg.Fallback.Kind, Replicas: rec.Replicas, Reason: rec.Reason, Missing: rec.Reason.Code == ""}
	if standIn.Missing {
		standIn.Reason = scale.Because("NoData", "no opinion")
	}
	p.proposals = append(p.proposals[:0], scale.Proposal{Signal: "remote", Replicas: n, Reason: because}, standIn)
	return scale.Recommendation{Replicas: n, Reason: because, Confidence: a.Confidence, Proposals: p.proposals}
}

// valid is the newest answer that may be used, or why there is none.
func (p *Policy) valid(obs *scale.Observation) (best *scale.Advice, why string) {
	why = "nothing was answered yet"
	for i := range obs.Advice {
		a := &obs.Advice[i]
		if a.From != p.from {
			continue
		}
		if fault := p.fault(a, obs.At); fault != "" {
			why = fault
			continue
		}
		if best == nil || a.SeenAt.After(best.SeenAt) {
			best = a
		}
	}
	return best, why
}

// fault is why an answer must not be used; "": it may. Who asked has looked at it
// already, but a recorded answer may be of other bounds and another time.
func (p *Policy) fault(a *scale.Advice, now time.Time) string {
	switch {
	case a.Failed:
		return a.Reason
	case a.SeenAt.After(now):
		return "the answer is on what has not been seen yet"
	case !now.Before(a.Expires) || now.Sub(a.SeenAt) > p.cfg.MaxAge.Std():
		return "the last answer has expired"
	case !(a.Confidence >= 0 && a.Confidence <= 1):
		return "the answer's confidence is none"
	case a.Replicas == nil:
		return "the answer holds no count"
	case *a.Replicas < p.env.Min || *a.Replicas > p.env.Max:
		return "the answer is out of bounds"
	}
	return ""
}

// miss notes that there is no answer, and since when.
func (p *Policy) miss(at time.Time, why string) {
	if p.silent.IsZero() || p.silent.After(at) {
		p.silent = at
	}
	p.why, p.late = why, at.Sub(p.silent) >= p.env.Sync
}

// Conditions are those of the fallback, and that nothing valid was answered for
// longer than one decision: the first is made before anybody was asked.
func (p *Policy) Conditions() []scale.GuardCondition {
	p.lasting = append(p.lasting[:0], policy.Conditions(p.fallback)...)
	if p.late {
		p.lasting = append(p.lasting, scale.GuardCondition{Since: p.silent,
			Reason: scale.Because("RemoteSilent", "no valid answer of the remote policy, the fallback decides: {n}").About(p.why)})
	}
	return p.lasting
}

// Inquiries are those of the fallback.
func (p *Policy) Inquiries() []policy.Inquiry { return policy.Inquiries(p.fallback) }

// say makes a recommendation of the fallback's, with one proposal more.
func (p *Policy) say(rec scale.Recommendation, more scale.Proposal) scale.Recommendation {
	p.proposals = append(append(p.proposals[:0], rec.Proposals...), more)
	rec.Proposals = p.proposals
	return rec
}

// memory is what a snapshot holds.
type memory struct {
	Silent   time.Time       `json:"silent,omitzero"`
	Why      string          `json:"why,omitempty"`
	Fallback json.RawMessage `json:"fallback"`
}

// Snapshot returns what it remembers and what its fallback does.
func (p *Policy) Snapshot() ([]byte, error) {
	its, err := p.fallback.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	return scale.Seal(Kind, memoryVersion, p.cfg.Fallback.Kind, memory{p.silent, p.why, its})
}

// Restore takes it over, all or nothing.
func (p *Policy) Restore(snapshot []byte) error {
	var m memory
	if err := scale.Unseal(snapshot, Kind, memoryVersion, p.cfg.Fallback.Kind, &m); err != nil {
		return err
	}
	if err := p.fallback.Restore(m.Fallback); err != nil {
		return fmt.Errorf("fallback: %w", err)
	}
	p.silent, p.why = m.Silent, m.Why
	return nil
}
