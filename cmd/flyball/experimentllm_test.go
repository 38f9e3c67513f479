package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
)

// asking is an experiment with a language model on a cluster.
func asking(t *testing.T, url string) *experimentFlags {
	t.Helper()
	f := &experimentFlags{mode: string(experiment.HPAOnly), ai: llmAI, ollama: url, model: advised.DefaultOpenAI, interval: 30 * time.Second, min: 1, max: 10,
		targets: experiment.Targets{CPU: 60, Memory: 80}, says: io.Discard}
	f.place.deployment, f.place.access.Kubeconfig = "web", writeFile(t, "kubeconfig", `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, namespace: shop}}]
current-context: c
`)
	return f
}

// Under the HPA a language model is a shadow that is asked at each interval; in
// its own phase it advises what is obeyed.
func TestALanguageModelTakesPartInAnExperiment(t *testing.T) {
	f := asking(t, "http://localhost:11434/v1")
	for _, mode := range experiment.Modes() {
		f.mode, f.rate, f.prometheus = string(mode), "", usualPrometheus
		base := hpaName
		if mode == experiment.AIScaler {
			f.rate, base = "sum(rate(requests[1m]))", "predictive"
		}
		p, err := f.phase(t.Context())
		if err != nil {
			t.Fatal(mode, err)
		}
		defer os.RemoveAll(p.state)
		its := p.spec.Policy
		if mode != experiment.AIScaler {
			its = p.spec.Shadows[0]
		}
		cfg, is := its.Config.(*advised.Config)
		if !is || its.Name != f.policy() || len(p.spec.Shadows) != 1 {
			t.Fatalf("%s: got %s (%T) and %d shadows, want advised and one", mode, its.Name, its.Config, len(p.spec.Shadows))
		}
		if cfg.Base.Kind != base {
			t.Errorf("%s: it advises %s, want %s", mode, cfg.Base.Kind, base)
		}
		if a := cfg.Advisor; a.OpenAI.URL != f.ollama || a.OpenAI.Model != f.model || !a.Always || a.Every.Std() > f.interval || a.MaxAge.Std() < 2*f.interval {
			t.Errorf("%s: got %+v, want the model asked at each interval", mode, a)
		}
		if _, err := p.spec.Plan(); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// Whoever would not answer is refused before anything is changed, with what to do.
func TestAnExperimentNeedsItsModel(t *testing.T) {
	ollama := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say("never asked"))
	for name, tc := range map[string]struct{ url, model, want string }{
		"it is there":    {ollama.URL(), advised.DefaultOpenAI, ""},
		"it is not":      {ollama.URL(), "big:70b", "model big:70b is not"},
		"nobody listens": {"http://127.0.0.1:1/v1", advised.DefaultOpenAI, "connection refused"},
		"no address":     {"localhost", advised.DefaultOpenAI, "--ollama-url: "},
	} {
		f := asking(t, tc.url)
		f.model = tc.model
		err := f.reach(t.Context())
		switch {
		case (err == nil) != (tc.want == ""):
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		case err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v, want %q in one line", name, err, tc.want)
		case err != nil && name != "no address" && !strings.HasSuffix(err.Error(), "--ai predictive"):
			t.Errorf("%s: got %v, want the way out", name, err)
		}
	}
	f := asking(t, "http://127.0.0.1:1/v1")
	f.ai = "predictive"
	if err := f.reach(t.Context()); err != nil {
		t.Errorf("without a model: got %v", err)
	}
}

// Flags of a language model beside another policy are a mistake, and so is to obey
// one whose advice nobody can judge.
func TestFlagsOfALanguageModel(t *testing.T) {
	for want, args := range map[string][]string{
		"--model: is of --ai llm, got --ai predictive": {"--ai", "predictive", "--model", "x"},
		"--rate-query: is needed to obey advice":       {"--mode", "ai_scaler"},
	} {
		cmd := newExperimentCommand()
		cmd.SetArgs(args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
	}
}

// A failure takes nothing away from an answer that is still valid.
func TestWhatARowSaysOfAModel(t *testing.T) {
	p, at, n := &phase{}, time.Unix(1000, 0), 4
	good := record.Advised{Replicas: &n, Expires: at.Add(time.Minute)}
	bad := record.Advised{Error: "status 500"}
	p.said(control.Exchange{At: at, Advised: good})
	p.said(control.Exchange{At: at.Add(time.Second), Advised: bad})
	if p.advised.Error != "" {
		t.Errorf("got %+v, want the answer", p.advised)
	}
	p.said(control.Exchange{At: at.Add(time.Minute), Advised: bad})
	if p.advised.Error != "status 500" {
		t.Errorf("after it has expired: got %+v, want why there is none", p.advised)
	}
}
