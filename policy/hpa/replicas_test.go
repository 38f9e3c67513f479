package hpa_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// The observations are made an hour after the start of the generated run.
const now = time.Hour

// replica is one that has been ready for long, requests 100 thousandths of a
// processor and uses as many of them as stated; below 0 it is not measured.
func replica(usage int) scale.Replica {
	r := scale.Replica{Phase: scale.Running, StartedAt: scaletest.At(0), Readiness: scale.Readiness{Known: true, Ready: true, Since: scaletest.At(time.Minute)},
		Containers: []scale.Container{{Name: "app", Requests: map[string]int64{"cpu": 100, "memory": 64 << 30}}}}
	if usage >= 0 {
		r.Samples = []scale.Sample{{Signal: "cpu", At: scaletest.At(now), Window: 30 * time.Second, Value: float64(usage) / 1000}}
	}
	return r
}

func with(r scale.Replica, change func(*scale.Replica)) scale.Replica {
	change(&r)
	return r
}

func pending(r *scale.Replica)  { r.Phase = scale.Pending }
func failed(r *scale.Replica)   { r.Phase = scale.Failed }
func deleted(r *scale.Replica)  { r.DeletedAt = scaletest.At(now) }
func notReady(r *scale.Replica) { r.Readiness.Ready = false }

// started lets the replica have started so long ago, and be ready or not since
// some time after that.
func started(ago, after time.Duration) func(*scale.Replica) {
	return func(r *scale.Replica) {
		r.StartedAt = scaletest.At(now - ago)
		r.Readiness.Since = r.StartedAt.Add(after)
	}
}

func several(n, usage int, others ...scale.Replica) []scale.Replica {
	var all []scale.Replica
	for range n {
		all = append(all, replica(usage))
	}
	return append(all, others...)
}

func observed(current int, replicas []scale.Replica, signals ...scale.Signal) scale.Observation {
	obs := scaletest.Observation(now, current, signals...)
	obs.Replicas = replicas
	return obs
}

// Each rule that the differential test against Kubernetes (test/hpadiff) has
// shown to matter: a mutation of it makes both fail.
func TestReplicasCountOneByOne(t *testing.T) {
	cpu := func(percent int) hpa.Metric {
		return hpa.Metric{Type: hpa.Resource, Signal: "cpu", AverageUtilization: &percent}
	}
	plain := func(cores float64) hpa.Metric {
		return hpa.Metric{Type: hpa.Resource, Signal: "cpu", AverageValue: &cores}
	}
	const missing = -1 // no proposal is wanted
	for _, tc := range []struct {
		rule     string
		metric   hpa.Metric
		current  int
		replicas []scale.Replica
		want     int
		code     string
	}{
		{"usage over request against the target", cpu(50), 4, several(4, 90), 8, "Target"},
		{"a utilization is cut to whole percent first: 110.67 % is 110 %, within tolerance", cpu(100), 3, several(1, 110, replica(111), replica(111)), 3, "WithinTolerance"},
		{"55.9 % of 50 % is 55 %, and that is within tolerance", cpu(50), 10, several(9, 56, replica(55)), 10, "WithinTolerance"},
		{"an average value is cut to whole thousandths first", plain(0.050), 3, several(2, 55, replica(56)), 3, "WithinTolerance"},
		{"dust is rounded up: 0.07 × 100 is 7.000000000000001", cpu(100), 100, several(100, 7), 8, "Target"},

		{"one that goes does not count", cpu(50), 3, several(2, 90, with(replica(0), deleted)), 4, "Target"},
		{"nor does one that has failed", cpu(50), 3, several(2, 90, with(replica(0), failed)), 4, "Target"},
		{"one that has ended well is missing", cpu(50), 3, several(2, 90, with(replica(missing), func(r *scale.Replica) { r.Phase = scale.Succeeded })), 4, "Target"},
		{"one that is pending uses nothing when there is too little: 2 × 90 % of 3 are 60 %", cpu(50), 3, several(2, 90, with(replica(missing), pending)), 4, "Target"},
		{"and is left out when there is too much", cpu(50), 3, several(2, 20, with(replica(missing), pending)), 1, "Target"},

		{"without a sample: it uses nothing when others use too much", cpu(50), 3, several(2, 90, replica(missing)), 4, "Target"},
		{"all it requests when others use too little", cpu(50), 5, several(4, 10, replica(missing)), 3, "Target"},
		{"the target where that is more", cpu(200), 5, several(3, 50, replica(missing), replica(missing)), 3, "Target"},
		{"exactly the target of an average value", plain(0.050), 5, several(4, 10, replica(missing)), 2, "Target"},
		{"nothing is known of it when others are on target", cpu(50), 5, several(4, 50, replica(missing)), 5, "WithinTolerance"},
		{"it must not turn the direction round", cpu(50), 2, several(1, 40, replica(missing)), 2, "NotAllReady"},
		{"nor may the few that are known", cpu(50), 10, several(2, 90, replica(missing)), 10, "NotAllReady"},

		{"in its first five minutes one must be ready", cpu(50), 3, several(2, 20, with(replica(90), started(2*time.Minute, 0))), 3, "Target"},
		{"and not ready it is left out", cpu(50), 3, several(2, 20, with(with(replica(90), started(2*time.Minute, 0)), notReady)), 1, "Target"},
		{"a sample from before it was ready is left out", cpu(50), 3, several(2, 20, with(replica(90), started(time.Minute, 31*time.Second))), 1, "Target"},
		{"one that begins as it was ready counts", cpu(50), 3, several(2, 20, with(replica(90), started(time.Minute, 30*time.Second))), 3, "Target"},
		{"after five minutes exactly the readiness of the sample is not asked", cpu(50), 3, several(2, 20, with(replica(90), started(5*time.Minute, 5*time.Minute-time.Second))), 3, "Target"},
		{"later one that was never ready is left out", cpu(50), 3, several(2, 20, with(with(replica(90), started(time.Hour, 29*time.Second)), notReady)), 1, "Target"},
		{"but one that was ready and is overloaded counts", cpu(50), 3, several(2, 20, with(with(replica(90), started(time.Hour, 30*time.Second)), notReady)), 3, "Target"},
		{"without a known start it is left out", cpu(50), 3, several(2, 20, with(replica(90), func(r *scale.Replica) { r.StartedAt = time.Time{} })), 1, "Target"},
		{"without a probe too", cpu(50), 3, several(2, 20, with(replica(90), func(r *scale.Replica) { r.Readiness = scale.Readiness{} })), 1, "Target"},
		{"a probe whose result is lost does not make it unready", cpu(50), 3, several(2, 20, with(replica(90), func(r *scale.Replica) { r.Readiness = scale.Readiness{Since: r.StartedAt} })), 3, "Target"},

		{"no replica at all", cpu(50), 3, nil, missing, "FailedGetResourceMetric"},
		{"none that is measured", cpu(50), 2, several(2, missing), missing, "FailedGetResourceMetric"},
		{"none that is ready", cpu(50), 1, several(0, 0, with(with(replica(90), started(time.Minute, 0)), notReady)), missing, "FailedGetResourceMetric"},
		{"a request that is not stated, even of one that goes", cpu(50), 2, several(2, 90, with(with(replica(90), deleted), func(r *scale.Replica) { r.Containers = []scale.Container{{Name: "app"}} })), missing, "FailedGetResourceMetric"},
		{"an average value needs no request", plain(0.05), 2, several(2, 90, with(replica(90), func(r *scale.Replica) { r.Containers = nil })), 6, "Target"},
		{"no request is no divisor", cpu(50), 1, several(0, 0, with(replica(90), func(r *scale.Replica) { r.Containers[0].Requests = map[string]int64{"cpu": 0} })), missing, "FailedGetResourceMetric"},
		{"a sample that is no number is none", cpu(50), 1, several(0, 0, with(replica(90), func(r *scale.Replica) { r.Samples[0].Value = math.NaN() })), missing, "FailedGetResourceMetric"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			cfg := hpa.Default()
			cfg.Metrics = []hpa.Metric{tc.metric}
			rec, err := build(t, cfg).Recommend(observed(tc.current, tc.replicas))
			got := rec.Proposals[0]
			if (err != nil) != (tc.want == missing) || (err != nil && !errors.Is(err, scale.ErrNoData)) {
				t.Fatalf("got %d (%s), %v", got.Replicas, got.Reason, err)
			}
			if got.Reason.Code != tc.code || (err == nil && rec.Replicas != tc.want) {
				t.Errorf("got %d (%s: %s), want %d (%s)", rec.Replicas, got.Reason.Code, got.Reason, tc.want, tc.code)
			}
		})
	}
}

// Only of processors does a start say nothing of the load.
func TestMemoryAndSignalsOfReplicasAskForNoReadiness(t *testing.T) {
	for _, m := range []hpa.Metric{
		{Type: hpa.Resource, Signal: "memory", AverageValue: new(50.0)},
		{Type: hpa.Pods, Signal: "sessions", AverageValue: new(50.0)},
	} {
		starting := with(replica(-1), started(time.Minute, 0))
		starting.Readiness.Ready = false
		starting.Samples = []scale.Sample{{Signal: m.Signal, At: scaletest.At(now), Value: 150}}
		cfg := hpa.Default()
		cfg.Metrics = []hpa.Metric{m}
		rec, err := build(t, cfg).Recommend(observed(2, []scale.Replica{starting, starting}))
		if err != nil || rec.Replicas != 6 {
			t.Errorf("%s: got %d (%s), %v; want 6: 150 at 50 each", m.Signal, rec.Replicas, rec.Reason, err)
		}
	}
}

func TestContainers(t *testing.T) {
	two := func(app, side float64, whole bool) scale.Replica {
		r := replica(-1)
		r.Containers = []scale.Container{{Name: "app", Requests: map[string]int64{"cpu": 100}}, {Name: "side", Requests: map[string]int64{"cpu": 300}}}
		if whole {
			r.Containers = append(r.Containers, scale.Container{Requests: map[string]int64{"cpu": 200}})
		}
		for name, cores := range map[string]float64{"app": app, "side": side} {
			if cores >= 0 {
				r.Samples = append(r.Samples, scale.Sample{Signal: "cpu", Container: name, At: scaletest.At(now), Window: time.Second, Value: cores})
			}
		}
		return r
	}
	of := func(container string) hpa.Metric {
		return hpa.Metric{Type: hpa.ContainerResource, Signal: "cpu", Container: container, AverageUtilization: new(50)}
	}
	all := hpa.Metric{Type: hpa.Resource, Signal: "cpu", AverageUtilization: new(50)}
	for _, tc := range []struct {
		rule    string
		metric  hpa.Metric
		replica scale.Replica
		want    int // -1: no proposal
	}{
		{"together they use 200 of 400", all, two(0.1, 0.1, false), 2},
		{"one alone 100 of 100", of("app"), two(0.1, 0.1, false), 4},
		{"a request of the whole replica counts instead of theirs: 200 of 200", all, two(0.1, 0.1, true), 4},
		{"but not for one of them", of("side"), two(0.1, 0.3, true), 4},
		{"one that is not measured makes the replica missing", all, two(0.1, -1, false), -1},
		{"the other one does not mind", of("app"), two(0.1, -1, false), 4},
		{"one that does not exist", of("proxy"), two(0.1, 0.1, false), -1},
	} {
		cfg := hpa.Default()
		cfg.Metrics = []hpa.Metric{tc.metric}
		rec, err := build(t, cfg).Recommend(observed(2, []scale.Replica{tc.replica, tc.replica}))
		if (err != nil) != (tc.want < 0) || (err == nil && rec.Replicas != tc.want) {
			t.Errorf("%s: got %d (%s), %v; want %d", tc.rule, rec.Replicas, rec.Proposals[0].Reason, err, tc.want)
		}
	}
}

// Where each replica is measured a utilization counts by replica also without
// a type, as long as the signal of the target can be trusted.
func TestUtilizationWithoutATypeCountsByReplica(t *testing.T) {
	measured := func(share float64) scale.Replica {
		return with(replica(-1), func(r *scale.Replica) {
			r.Samples = []scale.Sample{{Signal: scale.CPUUtilization, At: scaletest.At(now), Window: time.Second, Value: share}}
		})
	}
	signal := func(trust scale.Trust) scale.Signal {
		s := scaletest.Fresh(scale.CPUUtilization, scaletest.At(now), 0.9)
		s.Trust = trust
		return s
	}
	starting := with(with(measured(3), started(time.Minute, 0)), notReady)
	cfg := hpa.Config{Tolerance: 0.1, CPUUtilization: 50, CPUInitializationPeriod: scale.Duration(5 * time.Minute)}
	for _, tc := range []struct {
		rule     string
		replicas []scale.Replica
		signals  []scale.Signal
		want     int
		missing  bool
	}{
		{"the start of one is no load", []scale.Replica{measured(0.4), measured(0.4), starting}, []scale.Signal{signal(scale.Fresh)}, 2, false},
		{"without samples of replicas the whole counts", several(2, -1), []scale.Signal{signal(scale.Fresh)}, 4, false},
		{"old samples of replicas are not used when the signal is stale", []scale.Replica{measured(0.1)}, []scale.Signal{signal(scale.Stale)}, 3, true},
		{"nor when nobody knows the signal", []scale.Replica{measured(0.1)}, nil, 3, true},
		{"few that are listed do not turn the direction round", []scale.Replica{measured(0.9)}, []scale.Signal{signal(scale.Fresh)}, 3, false},
		{"an absurd share is none", []scale.Replica{measured(0.4), measured(1e18)}, []scale.Signal{signal(scale.Fresh)}, 3, false},
		{"nor is one below zero", []scale.Replica{measured(0.4), measured(-5)}, []scale.Signal{signal(scale.Fresh)}, 3, false},
		{"a share needs no request", []scale.Replica{with(measured(0.9), func(r *scale.Replica) { r.Containers = nil }), measured(0.9)}, []scale.Signal{signal(scale.Fresh)}, 4, false},
	} {
		rec, err := build(t, cfg).Recommend(observed(3, tc.replicas, tc.signals...))
		if (err != nil) != tc.missing || (err == nil && rec.Replicas != tc.want) {
			t.Errorf("%s: got %d (%s), %v; want %d", tc.rule, rec.Replicas, rec.Proposals[0].Reason, err, tc.want)
		}
	}
}

// Of a whole target the typed rules are Kubernetes' own, without our guards.
func TestObjectAndExternal(t *testing.T) {
	half := []scale.Replica{replica(-1), replica(-1), with(replica(-1), deleted), with(replica(-1), notReady)}
	for _, tc := range []struct {
		rule              string
		metric            hpa.Metric
		current, existing int
		replicas          []scale.Replica
		value             float64
		want              int // -1: no proposal
	}{
		{"a value scales the running and ready, also one that goes", hpa.Metric{Type: hpa.Object, Value: new(10.0)}, 4, 4, half, 20, 6},
		{"few that are ready may turn the direction round", hpa.Metric{Type: hpa.Object, Value: new(10.0)}, 9, 9, half, 20, 6},
		{"without a type they may not", hpa.Metric{Value: new(10.0)}, 9, 9, half, 20, 9},
		{"outside of the tolerance replicas must be known", hpa.Metric{Type: hpa.External, Value: new(10.0)}, 4, 4, nil, 20, -1},
		{"within it need not", hpa.Metric{Type: hpa.External, Value: new(10.0)}, 4, 4, nil, 10.9, 4},
		{"at zero the value alone counts, without tolerance", hpa.Metric{Type: hpa.External, Value: new(10.0)}, 0, 0, nil, 10.9, 2},
		{"an average is over those that exist", hpa.Metric{Type: hpa.External, AverageValue: new(10.0)}, 4, 8, half, 84, 8},
		{"without a type over those asked for", hpa.Metric{AverageValue: new(10.0)}, 8, 4, half, 84, 8},
		{"with none that exists any load is out of tolerance", hpa.Metric{Type: hpa.Object, AverageValue: new(10.0)}, 3, 0, half, 5, 1},
		{"and no load wants none", hpa.Metric{Type: hpa.Object, AverageValue: new(10.0)}, 3, 0, half, 0, 0},
		{"a sum below zero is taken for an overflow", hpa.Metric{Type: hpa.External, AverageValue: new(10.0)}, 4, 4, half, -0.001, math.MaxInt32},
		{"of an object it is not", hpa.Metric{Type: hpa.Object, AverageValue: new(10.0)}, 4, 4, half, -0.001, 0},
		{"targets are whole thousandths, rounded up: 0.0015 is 0.002", hpa.Metric{Type: hpa.External, AverageValue: new(0.0015)}, 1, 1, half, 0.006, 3},
	} {
		tc.metric.Signal = "load"
		cfg := hpa.Default()
		cfg.Metrics = []hpa.Metric{tc.metric}
		obs := observed(tc.current, tc.replicas, scaletest.Fresh("load", scaletest.At(now), tc.value))
		obs.ObservedReplicas = tc.existing
		rec, err := build(t, cfg).Recommend(obs)
		if (err != nil) != (tc.want < 0) || (err == nil && rec.Replicas != tc.want) {
			t.Errorf("%s: got %d (%s), %v; want %d", tc.rule, rec.Replicas, rec.Proposals[0].Reason, err, tc.want)
		}
	}
}

func TestToleranceHasADirection(t *testing.T) {
	env := policy.Env{ScaleUpTolerance: new(0.5), ScaleDownTolerance: new(0.0)}
	for _, tc := range []struct {
		rule   string
		metric hpa.Metric
		load   float64
		want   int
	}{
		{"half above is within the behaviour's up", hpa.Metric{Signal: "load", AverageValue: new(10.0)}, 60, 4},
		{"anything below is not within its down", hpa.Metric{Signal: "load", AverageValue: new(10.0)}, 30, 3},
		{"the metric's own goes before both", hpa.Metric{Signal: "load", AverageValue: new(10.0), Tolerance: new(0.3)}, 60, 6},
		{"in both directions", hpa.Metric{Signal: "load", AverageValue: new(10.0), Tolerance: new(0.3)}, 30, 4},
	} {
		p, err := hpa.New(hpa.Config{Tolerance: 0.1, Metrics: []hpa.Metric{tc.metric}}, env)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := p.Recommend(scaletest.Observation(now, 4, scaletest.Fresh("load", scaletest.At(now), tc.load)))
		if err != nil || rec.Replicas != tc.want {
			t.Errorf("%s: got %d (%s), %v; want %d", tc.rule, rec.Replicas, rec.Reason, err, tc.want)
		}
	}
}

// A processor that is measured by its utilization needs the same signal as one
// that is named: somebody must measure it.
func TestSignalsOfResources(t *testing.T) {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Type: hpa.Resource, Signal: "cpu", AverageUtilization: new(50)}, {Type: hpa.Resource, Signal: scale.MemoryUtilization, AverageValue: new(1e9)},
		{Type: hpa.Pods, Signal: "sessions", AverageValue: new(5.0)}}
	if got := strings.Join(build(t, cfg).Signals(), " "); got != "cpuUtilization memoryUtilization sessions" {
		t.Errorf("got %s", got)
	}
}

func TestValidateKnowsTheTypes(t *testing.T) {
	for want, m := range map[string]hpa.Metric{
		"averageValue: must be above 0, got 0":                                                        {Signal: "x", AverageValue: new(0.0)},
		"averageUtilization: must be above 0, got 0":                                                  {Signal: "x", AverageUtilization: new(0)},
		`type: must be one of Resource, ContainerResource, Pods, Object, External, got "resource"`:    {Signal: "x", Type: "resource", Value: new(1.0)},
		"value: type Resource takes one of averageUtilization, averageValue":                          {Signal: "cpu", Type: hpa.Resource, Value: new(1.0)},
		"averageUtilization: type Pods takes one of averageValue":                                     {Signal: "x", Type: hpa.Pods, AverageUtilization: new(1)},
		"container: needed with type ContainerResource and only there":                                {Signal: "cpu", Type: hpa.ContainerResource, AverageUtilization: new(1)},
		`container: needed with type ContainerResource and only there, got type "" and container "a"`: {Signal: "cpu", Container: "a", AverageUtilization: new(1)},
		`"x" needs exactly one of value, averageValue, got 0`:                                         {Signal: "x", Type: hpa.External},
	} {
		cfg := hpa.Default()
		cfg.Metrics = []hpa.Metric{m}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "metrics[0]."+want) && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Type: hpa.Resource, Signal: "cpu", AverageUtilization: new(50)}, {Type: hpa.External, Signal: "load", Value: new(3.0)}}
	p, obs := build(t, cfg), observed(5, several(4, 90, replica(-1)), scaletest.Fresh("load", scaletest.At(now), 7))
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Recommend(obs) }); n != 0 {
		t.Errorf("allocates %v times, want 0", n)
	}
}
