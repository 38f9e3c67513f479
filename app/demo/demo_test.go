package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/target"
)

func TestParsePolicy(t *testing.T) {
	plugins := builtin.New()
	for text, want := range map[string]string{
		"hpa":                                 "concurrency 2.8 per replica",
		"hpa:cpuUtilization=70":               "cpuUtilization 70 %",
		"hpa:cpuUtilization=70,tolerance=0.2": "cpuUtilization 70 %",
		`hpa:tolerance=0,metrics=[{"signal":"requestRate","averageValue":35}]`: "requestRate 35 per replica",
		`hpa:metrics=[{"signal":"a,]b","value":1}],tolerance=0`:                "a,]b 1",
	} {
		p, err := ParsePolicy(text, plugins)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		cfg, err := plugins.Policies.Decode(p)
		if err != nil || cfg.(*hpa.Config).String() != want {
			t.Errorf("%s: got %v, %v; want %s", text, cfg, err, want)
		}
	}
	for text, want := range map[string]string{
		"hpx":                "known: ",
		"hpa:tolerance":      "key=value",
		"hpa:tolerance=0,":   "key=value",
		"hpa:metrics=[{1},":  "must be a list",
		"hpa:tolerance=many": "tolerance",
		"hpa:tolerances=0.1": "allowed: ",
		"hpa:tolerance=5":    "below 1",
	} {
		if _, err := ParsePolicy(text, plugins); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestTallyChargesReplicasFromCreationToTheEndOfDraining(t *testing.T) {
	ty := newTally("web")
	report := func(after time.Duration, replicas ...scale.Replica) {
		ty.report(control.Report{Target: "web", At: scaletest.At(after), Status: &target.Status{SpecReplicas: len(replicas), Replicas: replicas}})
	}
	draining := scaletest.Replicas(2, 1)
	draining[0].DeletedAt = scaletest.At(9 * time.Second)
	report(0, scaletest.Replicas(1, 1)...)              // 2 for 10 s
	report(10*time.Second, draining...)                 // 3 for 5 s, the draining one too
	report(15*time.Second, scaletest.Replicas(2, 0)...) // 2 for 5 s
	ty.report(control.Report{Target: "other", At: scaletest.At(16 * time.Second), Status: &target.Status{}})
	ty.settle(scaletest.At(20 * time.Second))
	if ty.mean() != 2.25 {
		t.Errorf("got %v replicas on average, want 45 s in 20 s", ty.mean())
	}
	if ty.replicaSeconds != 45 || ty.maxReplicas != 2 {
		t.Errorf("got %v replica-seconds and at most %d, want 45 and 2: the draining one costs but does not count", ty.replicaSeconds, ty.maxReplicas)
	}
}

func TestTallyOfShadowsAndActions(t *testing.T) {
	ty := newTally("web")
	for _, wish := range []int{2, 4, 9} {
		ty.decided(record.Decided{Decision: scale.Decision{Target: "web"}, Shadows: []scale.Decision{{Policy: "s", DesiredReplicas: wish}}})
	}
	ty.applied(record.Applied{Target: "web", From: 1, To: 2})
	ty.applied(record.Applied{Target: "web", From: 2, To: 3, Error: "no room"})
	if got := ty.wishes(); len(got) != 1 || got[0] != (Shadow{Policy: "s", MeanReplicas: 5, MaxReplicas: 9}) {
		t.Errorf("got %+v", got)
	}
	if ty.actions != 1 {
		t.Errorf("got %d actions, want the 1 that succeeded", ty.actions)
	}
}

func TestScorecardIsATableOfTwoColumns(t *testing.T) {
	r := Result{Scorecard: Scorecard{Policy: "hpa", Requests: 1000, ViolationRatio: 0.0123, Latency: load.Latency{P95: 0.1234}, ReplicaHours: 0.5},
		Compare: &Scorecard{Policy: "other", Requests: 1000}, Workload: "shape x", DurationSeconds: 60, TimeCompression: 20, ThresholdSeconds: 0.5, ObjectiveTarget: 0.99}
	var out bytes.Buffer
	r.Print(&out, 60)
	for _, want := range []string{"hpa       other", "1.230 %", "123 ms", "failed or over 500 ms", "0.5000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing %q in\n%s", want, out.String())
		}
	}
}

// Whoever kept the promise and whatever it took: the sentence takes no side.
func TestTheVerdictSaysWhoKeptThePromiseAndWhatItTook(t *testing.T) {
	for _, tc := range []struct {
		rule          string
		missed, other float64 // shares of the requests
		hours, others float64
		want          string
	}{
		{"both, the first with less", 0.001, 0.009, 0.8, 1, "Both kept the promise, that at most 1 % of the requests miss; predictive took 20 % fewer replica-hours than hpa."},
		{"both, the other with less", 0.001, 0.009, 1, 0.9, "Both kept the promise, that at most 1 % of the requests miss; hpa took 10 % fewer replica-hours than predictive."},
		{"both with as much", 0.001, 0.001, 1, 1.003, "Both kept the promise, that at most 1 % of the requests miss; they took equally many replica-hours."},
		{"the first alone", 0.01, 0.02, 1, 0.9, "predictive kept the promise and hpa broke it: 1 % and 2 % of the requests missed, 1 % may; hpa took 10 % fewer replica-hours than predictive."},
		{"the other alone", 0.02, 0.01, 0.9, 1, "hpa kept the promise and predictive broke it: 1 % and 2 % of the requests missed, 1 % may; predictive took 10 % fewer replica-hours than hpa."},
		{"neither", 0.02, 0.03, 0, 0, "Neither kept the promise: predictive missed it with 2 % of the requests, hpa with 3 %, and 1 % may miss; they took equally many replica-hours."},
	} {
		r := Result{Scorecard: Scorecard{Policy: "predictive", Requests: 9, ViolationRatio: tc.missed, ReplicaHours: tc.hours},
			Compare: &Scorecard{Policy: "hpa", Requests: 9, ViolationRatio: tc.other, ReplicaHours: tc.others}, ObjectiveTarget: 0.99}
		if got := r.verdict(); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.rule, got, tc.want)
		}
	}
	alone := Result{Scorecard: Scorecard{Policy: "predictive", Requests: 9, ViolationRatio: 0.02, MeanReplicas: 5.25, Shadows: []Shadow{{Policy: "hpa", MeanReplicas: 6}}},
		ObjectiveTarget: 0.99, ThresholdSeconds: 0.5}
	const want = "predictive broke the promise: 2 % of the requests failed or took over 500 ms, and 1 % may. It took 5.25 replicas on average; hpa, only watched, wished for 6."
	if got := alone.verdict(); got != want {
		t.Errorf("alone: got\n%s\nwant\n%s", got, want)
	}
	if got := (Result{}).verdict(); got != "" {
		t.Errorf("no request: got %q, want nothing", got)
	}
}

func TestTheScorecardFitsSixtyColumns(t *testing.T) {
	card := Scorecard{Policy: "predictive", Requests: 123456, Shadows: []Shadow{{Policy: "hpa (requestRate 35 per replica)", MeanReplicas: 4.5, MaxReplicas: 1}}}
	r := Result{Scorecard: card, Compare: &card, Workload: "shape weekly", DurationSeconds: 60, TimeCompression: 20, ThresholdSeconds: 0.5, ObjectiveTarget: 0.99,
		Warnings: []string{"the load generator itself was up to 20 ms late (p99), which is part of the latencies: use a lower rate or a freer machine"}, Interrupted: true}
	var out bytes.Buffer
	r.Print(&out, 60)
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 60 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"most 1 replica\n", "mean replicas"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing %q in\n%s", want, &out)
		}
	}
}

// Two services have a load generator each: a note says of which it is.
func TestANoteSaysWhoseItIs(t *testing.T) {
	sides := []*side{{result: load.Result{Warnings: []string{"late"}}}, {result: load.Result{Warnings: []string{"late"}}}}
	if got := notes(sides, 1, "hpa"); len(got) != 1 || got[0] != "hpa: late" {
		t.Errorf("got %q, want that it is of hpa", got)
	}
	if got := notes(sides[:1], 0, "hpa"); len(got) != 1 || got[0] != "late" {
		t.Errorf("alone: got %q, want the note as it is", got)
	}
}
