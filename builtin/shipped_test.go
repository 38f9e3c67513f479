package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
)

// shipped has a body for every policy that ships, and another one.
func shipped() map[string][2]string {
	return map[string][2]string{
		"hpa":        {`{"cpuUtilization":50}`, `{}`},
		"threshold":  {`{}`, `{"profile":"aggressive"}`},
		"baseline":   {`{"warmup":5}`, `{}`},
		"kpa":        {`{}`, `{"metric":"rps"}`},
		"inference":  {`{}`, `{"utilization":60}`},
		"advised":    {`{"base":{"hpa":{}}}`, `{"base":{"kpa":{}}}`},
		"lcp":        {`{}`},
		"learned":    {`{"model":"testdata/fewer.flyball","base":{"hpa":{}}}`, `{"model":"testdata/fewer.flyball","base":{"kpa":{}}}`},
		"predictive": {`{}`},
		"remote":     {`{"url":"http://127.0.0.1:7080/v1/recommend","fallback":{"baseline":{"warmup":5}}}`, `{"url":"http://127.0.0.1:7080/v1/recommend","fallback":{"hpa":{}}}`},
		"schedule": {`{"windows":[{"cron":"0 8 * * *","duration":"30m","min":3,"max":12}],"of":{"combine":{"median":[{"hpa":{}},{"kpa":{}},{"baseline":{}}]}}}`,
			`{"windows":[{"cron":"0 8 * * *","duration":"30m","min":3}]}`},
		"combine": {`{"first":[{"baseline":{"warmup":5}},{"combine":{"max":[{"hpa":{}},{"kpa":{}},{"threshold":{}}]}},` +
			`{"schedule":{"windows":[{"cron":"@hourly","duration":"5m","min":2}],"of":{"hpa":{}}}}]}`,
			`{"min":[{"hpa":{}},{"kpa":{}}]}`},
	}
}

func TestEveryShippedPolicyKeepsItsPromises(t *testing.T) {
	bodies := shipped()
	registry := builtin.New()
	policies := &registry.Policies
	env := policy.Env{Target: "web", Min: 1, Max: 20, Sync: 15 * time.Second, Curves: registry.Curves,
		Objective: &scale.Objective{Threshold: scale.Duration(time.Second), Target: 0.99, Window: scale.Duration(time.Hour)}}
	for _, kind := range policies.Names() {
		t.Run(kind, func(t *testing.T) {
			body, ok := bodies[kind]
			if !ok {
				t.Fatalf("no body for %s: add one to this test", kind)
			}
			build := func(kind, body string) func(t *testing.T) policy.Policy {
				return func(t *testing.T) policy.Policy {
					p, err := policies.New(plugin(kind, body), env)
					if err != nil {
						t.Fatal(err)
					}
					return p
				}
			}
			other := build(kind, body[1])
			if body[1] == "" { // its memory fits any configuration
				other = build("hpa", `{}`)
			}
			policytest.Run(t, build(kind, body[0]), other)
		})
	}
}

// A configuration that was decoded is one that decodes to the same: snapshots
// are bound to its JSON form, and documents are printed in it.
func TestDecodedConfigurationsAreWrittenAsTheyAreRead(t *testing.T) {
	policies := builtin.New().Policies
	for kind, body := range shipped() {
		cfg, err := policies.Decode(plugin(kind, body[0]))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		raw, err := scale.Plugin{Kind: kind, Config: cfg}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again scale.Plugin
		if err := again.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		decoded, err := policies.Decode(again)
		if err != nil {
			t.Fatalf("%s written as %s: %v", kind, raw, err)
		}
		if scale.ConfigHash(cfg) != scale.ConfigHash(decoded) {
			t.Errorf("%s changed:\n%s", kind, cmp.Diff(cfg, decoded))
		}
	}
}

func TestDocumentsWithSchedulesAndCombinations(t *testing.T) {
	load := func(policy string) error {
		text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\n" +
			"spec:\n  target: {process: {command: [./web]}}\n  replicas: {max: 30}\n  policy:\n" + policy
		_, err := v1alpha1.Loader{Plugins: builtin.New(), Env: func(string) (string, bool) { return "", false },
			Stdin: strings.NewReader(text)}.Load([]string{"-"})
		return err
	}
	if err := load(`    schedule:
      windows:
        - {name: office hours, cron: "0 8 * * 1-5", duration: 10h, timeZone: Europe/Berlin, min: 6}
        - {name: night, cron: "0 22 * * *", duration: 8h, timeZone: Europe/Berlin, max: 4}
      of:
        combine:
          max:
            - hpa: {cpuUtilization: 60}
            - kpa: {target: 20}
`); err != nil {
		t.Error(err)
	}
	err := load(`    schedule:
      windows:
        - {cron: "0 8 * *", duration: 10h, min: 6}
        - {cron: "@daily", duration: 400d, min: 6}
      of:
        combine:
          max:
            - hpa: {cpuUtilization: -60}
            - schedule: {windows: []}
            - combine: {min: [{hpa: {}}], max: [{kpa: {target: 0, stableWindow: 0s}}]}
`)
	want := []string{
		"-:10: spec.policy.schedule.windows[0].cron: must be five fields",
		"-:11: spec.policy.schedule.windows[1].duration: must be above 0 and at most 366d",
		"-:15: spec.policy.schedule.of.combine.max[0].hpa.cpuUtilization: must be above 0",
		"-:16: spec.policy.schedule.of.combine.max[1].schedule.windows: needs at least one window",
		"-:17: spec.policy.schedule.of.combine.max[2].combine.min: needs exactly one of",
		"-:17: spec.policy.schedule.of.combine.max[2].combine.max[0].kpa.stableWindow: must be above 0",
	}
	if err == nil {
		t.Fatal("got no fault")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("missing %q in:\n%v", w, err)
		}
	}
}

// A schedule of hpa behaves like hpa.
func TestWrappersTakeTheRulesOfWhatTheyWrap(t *testing.T) {
	policies := builtin.New().Policies
	cfg, err := policies.Decode(plugin("schedule", `{"windows":[{"cron":"@daily","duration":"1h","min":1}],"of":{"hpa":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(guard.HPADefaults(), policies.RulesOf("schedule", cfg)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// The length of a window belongs to the calendar, a latency is a value: both
// stay when time is compressed.
func TestCompressLeavesCalendarsAndLatencies(t *testing.T) {
	policies := builtin.New().Policies
	cfg, err := policies.Decode(plugin("schedule", `{"windows":[{"cron":"@daily","duration":"1h","min":1}],
		"of":{"combine":{"max":[{"threshold":{"latency":{"up":"2s","down":"1s"}}},{"kpa":{}}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range builtin.Compress(cfg, 60) {
		got = append(got, c.String())
	}
	if diff := cmp.Diff([]string{"of.combine.max[1].kpa.stableWindow 1m -> 1s"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
