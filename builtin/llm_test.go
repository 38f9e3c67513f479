package builtin_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
)

// environment is one of variables, "A=b".
func environment(all ...string) func(string) string {
	return func(name string) string {
		for _, v := range all {
			if value, is := strings.CutPrefix(v, name+"="); is {
				return value
			}
		}
		return ""
	}
}

// Whoever is named is asked, else whoever the environment names.
func TestWhichModelIsAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		advisor   advised.Advisor
		variables []string
		want, by  string
	}{
		"nothing at all":        {advised.Advisor{}, nil, "qwen2.5-coder:3b at 127.0.0.1:11434", "Ollama on this machine"},
		"a key of Gemini":       {advised.Advisor{}, []string{"GEMINI_API_KEY=k", "OPENAI_API_KEY=k"}, "gemini-2.5-flash at generativelanguage.googleapis.com", "GEMINI_API_KEY"},
		"an address":            {advised.Advisor{}, []string{"OPENAI_BASE_URL=http://vllm:8000/v1", "OPENAI_API_KEY=k"}, "qwen2.5-coder:3b at vllm:8000", "OPENAI_BASE_URL"},
		"a key of OpenAI":       {advised.Advisor{}, []string{"OPENAI_API_KEY=k"}, "gpt-4o-mini at api.openai.com", "OPENAI_API_KEY"},
		"a model of Gemini":     {advised.Advisor{}, []string{"GEMINI_API_KEY=k", "GEMINI_MODEL=gemini-x", "OPENAI_MODEL=o"}, "gemini-x at generativelanguage.googleapis.com", "GEMINI_API_KEY"},
		"a model of an address": {advised.Advisor{}, []string{"OPENAI_BASE_URL=http://vllm:8000/v1", "OPENAI_MODEL=llama"}, "llama at vllm:8000", "OPENAI_BASE_URL"},
		"a model of OpenAI":     {advised.Advisor{}, []string{"OPENAI_API_KEY=k", "OPENAI_MODEL=gpt-x"}, "gpt-x at api.openai.com", "OPENAI_API_KEY"},
		"a model of Ollama":     {advised.Advisor{}, []string{"OPENAI_MODEL=llama", "GEMINI_MODEL=g"}, "llama at 127.0.0.1:11434", "Ollama on this machine"},
		"not over a document":   {advised.Advisor{OpenAI: &advised.OpenAI{URL: "http://here/v1"}}, []string{"OPENAI_MODEL=llama"}, "qwen2.5-coder:3b at here", ""},
		"one that is named":     {advised.Advisor{OpenAI: &advised.OpenAI{URL: "http://here/v1"}}, []string{"GEMINI_API_KEY=k", "OPENAI_BASE_URL=http://there"}, "qwen2.5-coder:3b at here", ""},
		"Gemini that is named":  {advised.Advisor{Gemini: &advised.Gemini{Model: "gemini-x"}}, nil, "gemini-x at generativelanguage.googleapis.com", ""},
		"named by its protocol": {advised.Advisor{OpenAI: &advised.OpenAI{}}, []string{"OPENAI_BASE_URL=http://there/v1"}, "qwen2.5-coder:3b at there", ""},
	} {
		m, by, err := builtin.ModelOf(tc.advisor, environment(tc.variables...))
		if err != nil || m.Name() != tc.want || !strings.HasSuffix(by, tc.by) || (by == "") != (tc.by == "") {
			t.Errorf("%s: got %v by %q, %v, want %s by %q", name, m, by, err, tc.want, tc.by)
			continue
		}
		m.Close()
	}
	if m, _, err := builtin.ModelOf(advised.Advisor{}, environment("OPENAI_BASE_URL=nonsense")); m != nil || err == nil || !strings.HasPrefix(err.Error(), "OPENAI_BASE_URL: ") {
		t.Errorf("an address that is none: got %v, %v", m, err)
	}
}

// The key of the environment goes to the address beside it and to no other that a
// document, or Ollama's usual port, comes to.
func TestWhoGetsTheKeyOfTheEnvironment(t *testing.T) {
	const key = "OPENAI_API_KEY=sk-0123456789"
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("{}"))
	s.Wants("")
	asked := func(by advised.Advisor, variables ...string) string {
		m, _, err := builtin.ModelOf(by, environment(variables...))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.Generate(t.Context(), advisortest.Prompt()); err != nil {
			t.Fatal(err)
		}
		all := s.Requests()
		return all[len(all)-1].Key
	}
	own := advised.Advisor{OpenAI: &advised.OpenAI{URL: s.URL(), Model: advisortest.Model}}
	named := advised.Advisor{OpenAI: &advised.OpenAI{Model: advisortest.Model}}
	for name, got := range map[string]string{
		"a document's own":       asked(own, key),
		"another beside the key": asked(own, key, "OPENAI_BASE_URL=http://vllm:8000/v1"),
		"another path beside it": asked(own, key, "OPENAI_BASE_URL="+s.URL()+"/team"),
		"one that is none":       asked(own, key, "OPENAI_BASE_URL=nonsense"),
	} {
		if got != "" {
			t.Errorf("%s: got the key %q, want none sent", name, got)
		}
	}
	for name, got := range map[string]string{
		"the one beside the key":  asked(named, key, "OPENAI_BASE_URL="+s.URL()),
		"the same, in a document": asked(own, key, "OPENAI_BASE_URL="+s.URL()+"/"),
	} {
		if got != "sk-0123456789" {
			t.Errorf("%s: got %q, want the key", name, got)
		}
	}
}

// In a simulation nobody is asked, whoever is named; live the model is.
func TestWhoStandsInInASimulation(t *testing.T) {
	asked := advised.Default().Advisor
	asked.OpenAI = &advised.OpenAI{URL: "http://127.0.0.1:1/v1"}
	for _, simulated := range []bool{true, false} {
		a, err := builtin.New().Advisors.New(policy.Need{Kind: advised.Kind, Config: &asked}, advisor.Env{Target: "web", Min: 1, Max: 9, Sync: 15 * time.Second, Clock: clock.System, Log: slog.New(slog.DiscardHandler), Simulation: simulated})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Manners(); got.Simulated != simulated || got.OnInquiry == simulated {
			t.Errorf("in a simulation %v: got %+v", simulated, got)
		}
		a.Close()
	}
}
