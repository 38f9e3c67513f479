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
	texts  map[string]string // reasons' templates with the member's name, by template
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

// manyTexts bounds what is kept of templates: a policy has a few.
const manyTexts = 100

// reason is what the member said, with its name before it: "max, by kpa #2: …".
// The joined templates are kept, so that deciding allocates nothing.
func (m *member) reason(way string) scale.Reason {
	said := m.said.Reason
	text, known := m.texts[said.Template]
	if !known {
		if len(m.texts) >= manyTexts {
			clear(m.texts)
		}
		text = way + ", by " + m.name + ": " + said.Template
		m.texts[said.Template] = text
	}
	said.Template = text
	return said
}
