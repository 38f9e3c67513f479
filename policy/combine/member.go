package combine

import (
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// member is one of the combined policies and what it last said.
type member struct {
	name   string
	policy policy.Policy
	said   scale.Recommendation
	err    error
	// reasons and conditions put the member's name before what it says.
	reasons, conditions prefix
}

func newMember(name, way string, p policy.Policy) member {
	return member{name: name, policy: p, reasons: newPrefix(way + ", by " + name + ": "), conditions: newPrefix(name + ": ")}
}

// ask reports whether the member has an opinion.
func (m *member) ask(obs scale.Observation) bool {
	m.said, m.err = m.policy.Recommend(obs)
	return m.err == nil
}

// proposal is the member's wish as one line of the trail.
func (m *member) proposal(obs scale.Observation) scale.Proposal {
	if m.err != nil {
		return scale.Proposal{Signal: m.name, Replicas: obs.CurrentReplicas, Missing: true,
			Reason: scale.Because("NoData", "{n}").About(m.err.Error())}
	}
	return scale.Proposal{Signal: m.name, Replicas: m.said.Replicas, Reason: m.said.Reason}
}

// reason is what the member said, with its name before it: "max, by kpa #2: …".
func (m *member) reason() scale.Reason { return m.reasons.before(m.said.Reason) }

// prefix is put before templates. The joined ones are kept, so that deciding
// allocates nothing.
type prefix struct {
	text   string
	joined map[string]string // by template
}

func newPrefix(text string) prefix { return prefix{text, map[string]string{}} }

// manyTexts bounds what is kept of templates: a policy has a few.
const manyTexts = 100

func (p *prefix) before(r scale.Reason) scale.Reason {
	text, known := p.joined[r.Template]
	if !known {
		if len(p.joined) >= manyTexts {
			clear(p.joined)
		}
		text = p.text + r.Template
		p.joined[r.Template] = text
	}
	r.Template = text
	return r
}
