package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

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
	r.Print(&out)
	for _, want := range []string{"hpa           other", "1.230 %", "123 ms", "failed or over 500 ms", "0.5000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing %q in\n%s", want, out.String())
		}
	}
}
