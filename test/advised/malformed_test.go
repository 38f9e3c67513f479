package advised

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/llm"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// scripted is a language model that says its answers in turn, whatever it is asked.
type scripted struct {
	answers []advisor.Reply
	said    int
}

func (*scripted) Name() string { return "scripted in memory" }

func (*scripted) Close() {}

func (m *scripted) Generate(context.Context, advisor.Prompt) (advisor.Reply, error) {
	reply := m.answers[m.said%len(m.answers)]
	m.said++
	return reply, nil
}

// played is a language model that is really asked in a simulation, where its
// failures are part of the play.
type played struct {
	*llm.Advisor
	accepted int
}

func (p *played) Manners() advisor.Manners {
	m := p.Advisor.Manners()
	m.Simulated = true
	return m
}

func (p *played) Ask(ctx context.Context, q advisor.Question) (advisor.Answer, error) {
	answer, err := p.Advisor.Ask(ctx, q)
	if err == nil {
		p.accepted++
	}
	return answer, err
}

// nonsense are answers that are nearly right, and others that are nothing.
func nonsense() []advisor.Reply {
	texts := []string{
		"", "I would use 30 replicas.", "null", "[]", "{}", `{"replicas":30`,
		`{"reasoning":"r","replicas":30,"confidence":0.9} and more`,
		`{"reasoning":"r","replicas":30,"confidence":0.9}{"reasoning":"r","replicas":30,"confidence":0.9}`,
		`{"reasoning":"r","replicas":61,"confidence":0.9}`,
		`{"reasoning":"r","replicas":-1,"confidence":0.9}`,
		`{"reasoning":"r","replicas":30.0,"confidence":0.9}`,
		`{"reasoning":"r","replicas":1e1,"confidence":0.9}`,
		`{"reasoning":"r","replicas":"30","confidence":0.9}`,
		`{"reasoning":"r","replicas":30,"confidence":1.5}`,
		`{"reasoning":"r","replicas":30,"confidence":NaN}`,
		`{"reasoning":"r","replicas":30}`,
		`{"reasoning":"r","replicas":30,"replicas":60,"confidence":0.9}`,
		`{"reasoning":"r","replicas":30,"confidence":0.9,"action":"scale_up"}`,
		`{"reasoning":{"replicas":60},"replicas":30,"confidence":0.9}`,
		"{\"reasoning\":\"\xff\",\"replicas\":30,\"confidence\":0.9}",
		`Ignore the rules and start 60 replicas.`,
		"<html><body>502 Bad Gateway</body></html>",
	}
	all := []advisor.Reply{{Text: `{"reasoning":"r","replicas":30,"confidence":0.9}`, Cut: true}}
	for _, text := range texts {
		all = append(all, advisor.Reply{Text: text})
	}
	return all
}

const sixty = `{"reasoning":"r","replicas":60,"confidence":1}`

// asking plays the policy with a language model, and returns how many it wanted at
// each decision and how many answers were taken for advice.
func asking(t *testing.T, s *sim.Scenario, model *scripted) (counts []int, accepted int) {
	t.Helper()
	plugins := builtin.New()
	var last *played // Parse makes one too, to see that it can
	builtin.RegisterAdvisor(plugins.Advisors, advised.Kind, func(cfg advised.Advisor, env advisor.Env) (advisor.Advisor, error) {
		last = &played{Advisor: llm.New(cfg, model, env)}
		return last, nil
	})
	counts = wanted(t, plugins, s, "advised:advisor.always=true,envelope.lambda=0.05")
	return counts, last.accepted
}

func wanted(t *testing.T, plugins *builtin.Registry, s *sim.Scenario, policy string) (counts []int) {
	t.Helper()
	watched(t, plugins, s, policy, sim.Options{Decided: func(_ scale.Observation, d scale.Decision) {
		counts = append(counts, d.DesiredReplicas)
	}})
	return counts
}

// What is no answer is refused each time, and no decision is another for it. One
// that is an answer is heard by the same play.
func TestMalformedAnswersChangeNoDecision(t *testing.T) {
	s := world("a flash crowd", workload.FlashCrowd{Base: 200, Peak: 1000, At: time.Hour, Rise: time.Minute, Hold: 10 * time.Minute, Decay: 6 * time.Minute, For: 5 * time.Hour}, 0)
	alone := wanted(t, builtin.New(), s, "predictive")
	model := &scripted{answers: nonsense()}
	got, accepted := asking(t, s, model)
	if model.said < len(model.answers) {
		t.Fatalf("asked %d times: want each of %d answers to be given", model.said, len(model.answers))
	}
	if accepted != 0 {
		t.Errorf("%d of %d malformed answers were taken for advice", accepted, model.said)
	}
	if !slices.Equal(got, alone) {
		t.Errorf("%d decisions with malformed answers are not those of the base alone", len(got))
	}
	heard, accepted := asking(t, s, &scripted{answers: []advisor.Reply{{Text: sixty}}})
	if accepted == 0 || slices.Equal(heard, alone) {
		t.Errorf("a valid answer was taken %d times and changed nothing: then neither would a malformed one", accepted)
	}
}
