package hpa_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func concurrency(perReplica float64) hpa.Config {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(perReplica)}}
	return cfg
}

func build(t testing.TB, cfg hpa.Config) *hpa.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := hpa.New(cfg, policy.Env{Target: "web", Min: 1, Max: 20})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	policytest.Run(t,
		func(t *testing.T) policy.Policy { return build(t, concurrency(3)) },
		func(t *testing.T) policy.Policy { return build(t, concurrency(4)) })
}

func TestConformanceOfTypedMetrics(t *testing.T) {
	typed := func(load float64) hpa.Config {
		cfg := hpa.Default()
		cfg.Metrics = []hpa.Metric{{Type: hpa.External, Signal: scale.Concurrency, AverageValue: &load}, {Type: hpa.Object, Signal: scale.Latency, Value: &load}}
		return cfg
	}
	policytest.Run(t,
		func(t *testing.T) policy.Policy { return build(t, typed(3)) },
		func(t *testing.T) policy.Policy { return build(t, typed(4)) })
}

func TestRecommend(t *testing.T) {
	second := scaletest.At(time.Second)
	metrics := func(m ...hpa.Metric) hpa.Config { return hpa.Config{Tolerance: 0.1, Metrics: m} }
	perReplica := hpa.Metric{Signal: scale.Concurrency, AverageValue: new(3.0)}
	latency := hpa.Metric{Signal: scale.Latency, Value: new(0.25)}
	zero := 0.0
	for _, tc := range []struct {
		rule    string
		cfg     hpa.Config
		current int
		signals []scale.Signal
		want    int
		code    string
	}{
		{"total divided by the target per replica, rounded up", metrics(perReplica), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 19)}, 7, "Target"},
		{"10 % above the target is within tolerance", metrics(perReplica), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 13.2)}, 4, "WithinTolerance"},
		{"11 % above is not", metrics(perReplica), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 13.4)}, 5, "Target"},
		{"a metric's own tolerance counts", metrics(hpa.Metric{Signal: scale.Concurrency, AverageValue: new(3.0), Tolerance: &zero}), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 12.1)}, 5, "Target"},
		{"from zero the tolerance does not apply", metrics(perReplica), 0,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 1)}, 1, "Target"},
		{"no load wants no replica", metrics(perReplica), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 0)}, 0, "Target"},
		{"a division that comes out even is not rounded up", metrics(hpa.Metric{Signal: scale.Concurrency, AverageValue: new(0.7)}), 1,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 2.1)}, 3, "Target"},
		{"a value target scales the ready replicas by its ratio", metrics(latency), 4,
			[]scale.Signal{scaletest.Fresh(scale.Latency, second, 0.5)}, 8, "Target"},
		{"a utilization target is a percentage", hpa.Config{Tolerance: 0.1, CPUUtilization: 50}, 4,
			[]scale.Signal{scaletest.Fresh(scale.CPUUtilization, second, 0.9)}, 8, "Target"},
		{"without metrics the target is 80 % CPU", hpa.Default(), 5,
			[]scale.Signal{scaletest.Fresh(scale.CPUUtilization, second, 0.4)}, 3, "Target"},
		{"the largest proposal wins", metrics(perReplica, latency), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 30), scaletest.Fresh(scale.Latency, second, 0.3)}, 10, "Target"},
		{"a missing metric does not stop a scale-up", metrics(perReplica, latency), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 30)}, 10, "Target"},
		{"a missing metric forbids a scale-down", metrics(perReplica, latency), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 3)}, 4, "MetricMissing"},
		{"an absurd value stays a count", metrics(perReplica), 4,
			[]scale.Signal{scaletest.Fresh(scale.Concurrency, second, 1e18)}, 1<<31 - 1, "Target"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			rec, err := build(t, tc.cfg).Recommend(scaletest.Observation(time.Second, tc.current, tc.signals...))
			if err != nil {
				t.Fatal(err)
			}
			if rec.Replicas != tc.want || rec.Reason.Code != tc.code {
				t.Errorf("got %d (%s: %s), want %d (%s)", rec.Replicas, rec.Reason.Code, rec.Reason, tc.want, tc.code)
			}
		})
	}
}

// Replicas still starting are part of the current count: a hold keeps them.
func TestHoldKeepsStartingReplicas(t *testing.T) {
	obs := scaletest.Observation(time.Second, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(time.Second), 12))
	obs.Replicas = scaletest.Replicas(2, 2)
	rec, err := build(t, concurrency(3)).Recommend(obs)
	if err != nil || rec.Replicas != 4 {
		t.Errorf("got %d, %v; want to stay at the 4 specified", rec.Replicas, err)
	}
}

// Over its target a service is never made smaller because few of its replicas
// are ready, and under it never larger.
func TestReadinessDoesNotTurnTheDirectionRound(t *testing.T) {
	cfg := hpa.Config{Tolerance: 0.1, CPUUtilization: 70}
	for ready, want := range map[int]int{0: 10, 1: 10, 4: 10, 10: 22} {
		obs := scaletest.Observation(time.Second, 10, scaletest.Fresh(scale.CPUUtilization, scaletest.At(time.Second), 1.5))
		obs.Replicas = scaletest.Replicas(ready, 10-ready)
		rec, err := build(t, cfg).Recommend(obs)
		if err != nil || rec.Replicas != want {
			t.Errorf("%d of 10 ready at 150 %%: got %d (%s), %v; want %d", ready, rec.Replicas, rec.Reason, err, want)
		}
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	bad := hpa.Config{Tolerance: -1, CPUUtilization: -5, Metrics: []hpa.Metric{
		{}, {Signal: "x", AverageValue: new(1.0), Value: new(2.0)}, {Signal: "y", Value: new(-1.0)},
	}}
	got := bad.Validate().Error()
	for _, want := range []string{"tolerance: ", "cpuUtilization: ", "metrics[0].signal: must not be empty",
		"metrics[1].signal: \"x\" needs exactly one", "metrics[2].value: must be above 0"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}
