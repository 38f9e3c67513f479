package app_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func TestTheEnvelopeStandsBeforeBudgetAndBounds(t *testing.T) {
	text := strings.Replace(shop, "objective: {latency: {threshold: 400ms, target: 99%}}",
		"objective: {latency: {threshold: 400ms, target: 99%}, cost: {perReplicaHour: 0.04, budgetPerDay: 20}}\n  envelope: {lambda: 0.1}", 1)
	spec := load(t, text)
	if e := spec.Policy.Envelope; e == nil || e.Lambda != 0.1 || e.Expert.Kind != "lcp" {
		t.Fatalf("got %+v, want λ 0.1 and the expert lcp", e)
	}
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	order := func(steps []string) string { return strings.Join(steps, ", ") }
	var active, shadow []string
	for _, step := range plan.Decider.Decide(scaletest.Observation(time.Second, 4)).Steps {
		active = append(active, step.Guard)
	}
	// Without data only these are asked: the envelope is one of them.
	if got := order(active); got != "health, data, wake, envelope, budget, bounds" {
		t.Errorf("got %s", got)
	}
	for _, step := range plan.Shadows[0].Decide(scaletest.Observation(time.Second, 4)).Steps {
		shadow = append(shadow, step.Guard)
	}
	if slices.Contains(shadow, "envelope") {
		t.Errorf("a shadow stands behind %s: want its own wish", order(shadow))
	}
}

// Around a policy that nobody has proved an envelope that names no expert trusts what the
// policy builds on, around any other lcp; also in an evaluation.
func TestAnEnvelopeTrustsWhatThePolicyBuildsOn(t *testing.T) {
	const model = "../builtin/testdata/fewer.flyball"
	for policy, want := range map[string]string{
		"hpa: {metrics: [{signal: concurrency, averageValue: 3}]}": "lcp", "predictive: {}": "lcp",
		"learned: {model: " + model + "}": "predictive", "learned: {model: " + model + ", base: {kpa: {}}}": "kpa",
		"advised: {}": "predictive", "advised: {base: {kpa: {}}}": "kpa",
		`remote: {url: "http://127.0.0.1:1"}`: "predictive", `remote: {url: "http://127.0.0.1:1", fallback: {kpa: {}}}`: "kpa",
	} {
		text := strings.Replace(shop, "hpa: {metrics: [{signal: concurrency, averageValue: 3}]}", policy, 1)
		spec := load(t, strings.Replace(text, "cooldown:", "envelope: {lambda: 0.05}\n  cooldown:", 1))
		if e := spec.Policy.Envelope; e == nil || e.Lambda != 0.05 || e.Expert.Kind != want {
			t.Errorf("%s: got %+v, want λ 0.05 and the expert %s", policy, e, want)
		}
	}
	for _, pair := range [][2]string{
		{"advised:envelope.lambda=0.05", "advised:envelope.lambda=0.05,envelope.expert.predictive={}"}, {"advised", "advised:envelope={}"},
		{"hpa:envelope={}", "hpa:envelope.expert.lcp={}"},
	} {
		one, err := contestants().Key(pair[0])
		other, another := contestants().Key(pair[1])
		if err != nil || another != nil || one != other {
			t.Errorf("%s plays as\n%s (%v), %s as\n%s (%v)", pair[0], one, err, pair[1], other, another)
		}
	}
}

// kinds are those of the guards of a decider's snapshot.
func kinds(t *testing.T, snapshot []byte) map[string]json.RawMessage {
	t.Helper()
	var decider struct{ Guards map[string]json.RawMessage }
	if err := json.Unmarshal(snapshot, &decider); err != nil {
		t.Fatal(err)
	}
	states := map[string]json.RawMessage{}
	for _, raw := range decider.Guards {
		kind, state := opened(t, raw)
		states[kind] = state
	}
	return states
}

func opened(t *testing.T, raw []byte) (kind string, state json.RawMessage) {
	t.Helper()
	var s scale.Snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s.Kind, s.State
}

// Every rule that stands between a policy and the envelope holds for the expert
// too, once: its answer satisfies what the policy's does.
func TestTheExpertObeysTheRulesOfThePolicy(t *testing.T) {
	spec := load(t, strings.Replace(shop, "cooldown:", "envelope: {}\n  cooldown:", 1))
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	data, err := plan.Decider.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	of := kinds(t, data)
	var inside struct {
		Expert json.RawMessage
		Safety []json.RawMessage
	}
	if err := json.Unmarshal(of["guard/envelope"], &inside); err != nil {
		t.Fatal(err)
	}
	delete(of, "guard/envelope")
	want, got := slices.Sorted(maps.Keys(of)), slices.Collect(maps.Keys(kinds(t, inside.Expert)))
	for _, raw := range inside.Safety {
		kind, _ := opened(t, raw)
		got = append(got, kind)
	}
	slices.Sort(got)
	if len(want) < 8 || !slices.Equal(got, want) {
		t.Errorf("the expert stands behind %v, the policy behind %v", got, want)
	}
}

func TestAnEnvelopeThatCannotBeIsAFault(t *testing.T) {
	for fields, want := range map[string]string{
		"envelope: {lambda: -1}":                              "spec.envelope.lambda: must be above 0",
		"envelope: {lambda: 0.2, expert: {lcp: {}, hpa: {}}}": "spec.envelope.expert: needs exactly one policy",
		"envelope: {expert: {lcp: {risk: 0}}}":                "spec.envelope.expert.lcp.risk: must be above 0",
		"envelope: {alpha: 1}":                                "spec.envelope.alpha: unknown field; allowed: expert, lambda",
	} {
		err := refused(strings.Replace(shop, "cooldown:", fields+"\n  cooldown:", 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", fields, err, want)
		}
	}
	without := strings.Replace(shop, "objective: {latency: {threshold: 400ms, target: 99%}}", "envelope: {}", 1)
	if err := refused(without); err == nil || !strings.Contains(err.Error(), "spec.envelope: needs objective.latency") {
		t.Errorf("without an objective: got %v", err)
	}
}

func refused(text string) error {
	loader := v1alpha1.Loader{Plugins: builtin.New(), Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text)}
	_, err := loader.Load([]string{"-"})
	return err
}

func TestAContestantMayHaveAnEnvelope(t *testing.T) {
	for text, want := range map[string]bool{
		"threshold": false, "threshold:envelope.lambda=0.2": true, "hpa:envelope.expert.lcp.risk=3": true, "lcp:envelope={}": true,
	} {
		if names := guards(t, text); slices.Contains(names, "envelope") != want {
			t.Errorf("%s plays behind %v, want an envelope: %v", text, names, want)
		}
	}
	for text, want := range map[string]string{
		"hpa:envelope.lambda=-1":      "lambda: must be above 0",
		"hpa:envelope.expert.hpx={}":  `envelope.expert: unknown policy "hpx"`,
		"hpa:envelope.expert.lcp.x=1": "allowed: restartCost, risk, service",
	} {
		if _, err := contestants().Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	same, _ := contestants().Key("hpa:envelope={}")
	if other, err := contestants().Key("hpa:envelope.lambda=0.2"); err != nil || other != same {
		t.Errorf("the default written out is another contestant: %s, %s", same, other)
	}
}
