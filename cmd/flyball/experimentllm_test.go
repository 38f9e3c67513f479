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
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
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
		if mode == experiment.AIScaler { // where requests are counted
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

// Flags of a language model beside another policy are a mistake.
func TestFlagsOfALanguageModel(t *testing.T) {
	cmd := newExperimentCommand()
	cmd.SetArgs([]string{"--ai", "predictive", "--model", "x"})
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	if want, err := "--model: is of --ai llm, got --ai predictive", cmd.Execute(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// worked is what a cluster tells of pods that use so much of the CPU they request, and
// next to no memory.
func worked(at time.Duration, pods int, share float64) scale.Observation {
	now := scaletest.At(at)
	obs := scaletest.Observation(at, pods, scaletest.Fresh(scale.CPUUtilization, now, share), scaletest.Fresh(scale.MemoryUtilization, now, 0.1))
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		r.Containers = []scale.Container{{Requests: map[string]int64{"cpu": 100, "memory": 64 << 20}}}
		r.Samples = []scale.Sample{{Signal: scale.CPUUtilization, At: now, Value: share}, {Signal: scale.MemoryUtilization, At: now, Value: 0.1}}
	}
	return obs
}

// Where CPU is all that is measured a model is followed all the same, in the phase of its
// own: half of the way at first, as far as the envelope pays for it. Nobody counts late
// requests, and what is too many goes when it has been for the window of the HPA.
func TestALanguageModelIsFollowedByCPUAlone(t *testing.T) {
	f := asking(t, "http://localhost:11434/v1")
	f.mode = string(experiment.AIScaler)
	p, err := f.phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(p.state)
	plan, err := p.spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	from := p.spec.Policy.Config.(*advised.Config).Advisor.From()
	pods, most := 4, 0
	decide := func(at time.Duration, utilization float64, says int) {
		obs := worked(at, pods, utilization)
		obs.Advice = []scale.Advice{{From: from, At: obs.At, SeenAt: obs.At, Expires: obs.At.Add(time.Minute), Replicas: &says, Confidence: 1}}
		if n := plan.Decider.Decide(obs).DesiredReplicas; n != pods {
			plan.Decider.Applied(obs.At, pods, n)
			pods, most = n, max(most, n)
		}
	}
	at := time.Duration(0)
	for ; at < 10*time.Minute; at += f.interval {
		decide(at, 2.3/float64(pods), 6) // 60 % of 4
	}
	if most < 5 {
		t.Errorf("at most %d pods, want more than the 4 of the HPA: the model says 6", most)
	}
	for ; at < 20*time.Minute; at += f.interval {
		decide(at, 0.6/float64(pods), 1)
	}
	if pods != 1 {
		t.Errorf("%d pods ten minutes after there is work for one: %v", pods, plan.Decider.Decide(worked(at, pods, 0.6/float64(pods))).Steps)
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
