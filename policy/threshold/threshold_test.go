package threshold_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/policy/threshold"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func build(t testing.TB, cfg threshold.Config) *threshold.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := threshold.New(cfg, policy.Env{Target: "web", Min: 1, Max: 50})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(change func(*threshold.Config)) threshold.Config {
	cfg := threshold.Default()
	change(&cfg)
	return cfg
}

func TestConformance(t *testing.T) {
	named := with(func(c *threshold.Config) { c.CPUUtilization, c.QueueDepth = &threshold.Percent{}, &threshold.Count{} })
	t.Run("nothing named", func(t *testing.T) {
		policytest.Run(t,
			func(t *testing.T) policy.Policy { return build(t, threshold.Default()) },
			func(t *testing.T) policy.Policy { return build(t, named) })
	})
	t.Run("named", func(t *testing.T) {
		policytest.Run(t,
			func(t *testing.T) policy.Policy { return build(t, named) },
			func(t *testing.T) policy.Policy { return build(t, threshold.Default()) })
	})
}

func fresh(name string, value float64) scale.Signal {
	return scaletest.Fresh(name, scaletest.At(time.Second), value)
}

func TestRecommend(t *testing.T) {
	byDefault := threshold.Default()
	step2 := with(func(c *threshold.Config) { c.Step = 2 })
	queue := with(func(c *threshold.Config) { c.QueueDepth = &threshold.Count{} })
	latency := with(func(c *threshold.Config) { c.Latency = &threshold.Latency{} })
	most3 := with(func(c *threshold.Config) { c.MaxStep = 3 })
	tokens := with(func(c *threshold.Config) { c.Metrics = []threshold.Metric{{Signal: "tokens", Up: 100}} })
	both := with(func(c *threshold.Config) {
		c.CPUUtilization, c.MemoryUtilization = &threshold.Percent{}, &threshold.Percent{}
	})
	for _, tc := range []struct {
		rule    string
		cfg     threshold.Config
		current int
		signals []scale.Signal
		want    int
		code    string
	}{
		{"above 70 % CPU it adds in proportion", byDefault, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.95)}, 6, "AboveThreshold"},
		{"70 % itself is not above", byDefault, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.70)}, 4, "BetweenThresholds"},
		{"just above adds one", byDefault, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.701)}, 5, "AboveThreshold"},
		{"30 % itself is not below", byDefault, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.30)}, 4, "BetweenThresholds"},
		{"just below 30 % takes one", byDefault, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.299)}, 3, "BelowThreshold"},
		{"down takes a quarter at most", byDefault, 12, []scale.Signal{fresh(scale.CPUUtilization, 0.01)}, 9, "BelowThreshold"},
		{"up at most doubles", byDefault, 10, []scale.Signal{fresh(scale.CPUUtilization, 7)}, 20, "AboveThreshold"},
		{"or adds four", byDefault, 1, []scale.Signal{fresh(scale.CPUUtilization, 70)}, 5, "AboveThreshold"},
		{"maxStep bounds it", most3, 10, []scale.Signal{fresh(scale.CPUUtilization, 7)}, 13, "AboveThreshold"},
		{"in both directions", most3, 10, []scale.Signal{fresh(scale.CPUUtilization, 0.01)}, 7, "BelowThreshold"},
		{"a fixed step is one", step2, 4, []scale.Signal{fresh(scale.CPUUtilization, 7)}, 6, "AboveThreshold"},
		{"in both directions too", step2, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.01)}, 2, "BelowThreshold"},
		{"the last replica stays", step2, 2, []scale.Signal{fresh(scale.CPUUtilization, 0)}, 1, "BelowThreshold"},
		{"none is no reason to add one", byDefault, 0, []scale.Signal{fresh(scale.CPUUtilization, 0)}, 0, "BelowThreshold"},
		{"an absurd value stays a count", byDefault, 8, []scale.Signal{fresh(scale.CPUUtilization, 1e18)}, 16, "AboveThreshold"},

		{"one of several above adds", both, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.1), fresh(scale.MemoryUtilization, 0.9)}, 5, "AboveThreshold"},
		{"the largest of them counts", both, 4, []scale.Signal{fresh(scale.CPUUtilization, 1.4), fresh(scale.MemoryUtilization, 0.9)}, 8, "AboveThreshold"},
		{"one of several between stays", both, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.1), fresh(scale.MemoryUtilization, 0.6)}, 4, "BetweenThresholds"},
		{"all below takes the least that one of them wants", both, 40,
			[]scale.Signal{fresh(scale.CPUUtilization, 0.01), fresh(scale.MemoryUtilization, 0.47)}, 38, "BelowThreshold"},
		{"a missing one does not stop adding", both, 4, []scale.Signal{fresh(scale.MemoryUtilization, 0.9)}, 5, "AboveThreshold"},
		{"a missing one forbids taking", both, 4, []scale.Signal{fresh(scale.CPUUtilization, 0.1)}, 4, "MetricMissing"},

		{"queue above 10 in total adds", queue, 4, []scale.Signal{fresh(scale.QueueDepth, 15)}, 6, "AboveThreshold"},
		{"queue of 10 stays", queue, 4, []scale.Signal{fresh(scale.QueueDepth, 10)}, 4, "BetweenThresholds"},
		{"an empty queue takes", queue, 4, []scale.Signal{fresh(scale.QueueDepth, 0)}, 3, "BelowThreshold"},
		{"a queue before no replica starts some", queue, 0, []scale.Signal{fresh(scale.QueueDepth, 35)}, 4, "AboveThreshold"},
		{"p95 above 5 s adds", latency, 4, []scale.Signal{fresh(scale.Latency, 6)}, 5, "AboveThreshold"},
		{"p95 of 3 s stays", latency, 4, []scale.Signal{fresh(scale.Latency, 3)}, 4, "BetweenThresholds"},
		{"p95 below half takes", latency, 4, []scale.Signal{fresh(scale.Latency, 2)}, 3, "BelowThreshold"},
		{"a signal without a lower threshold adds", tokens, 4, []scale.Signal{fresh("tokens", 150)}, 6, "AboveThreshold"},
		{"but never takes", tokens, 4, []scale.Signal{fresh("tokens", 0)}, 4, "NotAbove"},
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

// What is still starting was asked for already.
func TestStartingReplicasAreNotAskedForAgain(t *testing.T) {
	p := build(t, threshold.Default())
	for ready, want := range map[int]int{0: 8, 4: 8, 7: 10, 8: 11} {
		obs := scaletest.Observation(time.Second, 8, fresh(scale.CPUUtilization, 0.95))
		obs.Replicas = scaletest.Replicas(ready, 8-ready)
		if rec, err := p.Recommend(obs); err != nil || rec.Replicas != want {
			t.Errorf("%d of 8 ready at 95 %%: got %d (%s), %v; want %d", ready, rec.Replicas, rec.Reason, err, want)
		}
	}
}

// Signals that nobody named count from the moment they are seen.
func TestSignalsThatNobodyNamed(t *testing.T) {
	p := build(t, threshold.Default())
	if diff := cmp.Diff([]string{scale.CPUUtilization}, p.Signals()); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	low, stale := fresh(scale.CPUUtilization, 0.1), fresh(scale.Latency, 1)
	stale.Trust = scale.Stale
	for _, step := range []struct {
		name    string
		signals []scale.Signal
		want    int
		code    string
	}{
		{"on CPU alone it takes", []scale.Signal{low}, 3, "BelowThreshold"},
		{"the queue adds", []scale.Signal{low, fresh(scale.QueueDepth, 20)}, 8, "AboveThreshold"},
		{"now the queue is missed", []scale.Signal{low}, 4, "MetricMissing"},
		{"empty it lets go", []scale.Signal{low, fresh(scale.QueueDepth, 0), fresh(scale.Latency, 1)}, 3, "BelowThreshold"},
		{"a stale latency holds", []scale.Signal{low, fresh(scale.QueueDepth, 0), stale}, 4, "MetricMissing"},
		{"without requests there is none", []scale.Signal{low, fresh(scale.QueueDepth, 0), fresh(scale.RequestRate, 0)}, 3, "BelowThreshold"},
		{"with requests there should be", []scale.Signal{low, fresh(scale.QueueDepth, 0), fresh(scale.RequestRate, 3)}, 4, "MetricMissing"},
	} {
		rec, err := p.Recommend(scaletest.Observation(time.Second, 4, step.signals...))
		if err != nil || rec.Replicas != step.want || rec.Reason.Code != step.code {
			t.Fatalf("%s: got %d (%s: %s), %v; want %d (%s)", step.name, rec.Replicas, rec.Reason.Code, rec.Reason, err, step.want, step.code)
		}
	}
}

func TestProfiles(t *testing.T) {
	for _, tc := range []struct {
		profile  string
		up, down time.Duration
		aim      string
	}{
		{threshold.Balanced, 0, 0, "cpuUtilization 30–70 %"},
		{threshold.Aggressive, 30 * time.Second, 2 * time.Minute, "cpuUtilization 20–60 %"},
		{threshold.Conservative, time.Minute, 5 * time.Minute, "cpuUtilization 40–80 %"},
	} {
		cfg := with(func(c *threshold.Config) { c.Profile = tc.profile })
		if up, down := cfg.DefaultCooldown(); up.Std() != tc.up || down.Std() != tc.down {
			t.Errorf("%s: cooldown %v up, %v down; want %v, %v", tc.profile, up, down, tc.up, tc.down)
		}
		if got := cfg.String(); got != tc.aim {
			t.Errorf("%s aims at %q, want %q", tc.profile, got, tc.aim)
		}
	}
}

func TestNamingOneLeavesOnlyThoseNamed(t *testing.T) {
	cfg := with(func(c *threshold.Config) {
		c.Profile, c.Latency = threshold.Aggressive, &threshold.Latency{Up: scale.Duration(2 * time.Second)}
		c.Metrics = []threshold.Metric{{Signal: "tokens", Up: 100}}
	})
	if diff := cmp.Diff([]string{scale.Latency, "tokens"}, build(t, cfg).Signals()); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	if got, want := cfg.String(), "latency 1–2 s, tokens 100"; got != want {
		t.Errorf("aims at %q, want %q", got, want)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	low := 7.0
	bad := threshold.Config{Profile: "brave", Step: -1, MaxStep: -1,
		CPUUtilization: &threshold.Percent{Up: 20}, Latency: &threshold.Latency{Up: -1},
		Metrics: []threshold.Metric{{Up: 1}, {Signal: "x"}, {Signal: "y", Up: 5, Down: &low}, {Signal: scale.CPUUtilization, Up: 1}},
	}
	got := bad.Validate().Error()
	for _, want := range []string{
		`profile: must be one of balanced, aggressive, conservative, got "brave"`,
		"step: must be at least 0", "maxStep: must be at least 0",
		"cpuUtilization.down: must be above 0 and below up (20), got 30",
		"latency.up: must be above 0", "metrics[0].signal: must not be empty", "metrics[1].up: must be above 0",
		"metrics[2].down: must be above 0 and below up (5), got 7", `metrics[3].signal: "cpuUtilization" already has thresholds`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
	both := with(func(c *threshold.Config) { c.Step, c.MaxStep = 1, 2 }).Validate()
	if both == nil || !strings.HasPrefix(both.Error(), "maxStep: ") {
		t.Errorf("step and maxStep: got %v", both)
	}
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	p := build(t, threshold.Default())
	obs := scaletest.Observation(time.Second, 4, fresh(scale.CPUUtilization, 0.9), fresh(scale.MemoryUtilization, 0.2), fresh(scale.QueueDepth, 3))
	if n := testing.AllocsPerRun(200, func() { _, _ = p.Recommend(obs) }); n != 0 {
		t.Errorf("Recommend allocates %v times, want 0", n)
	}
}

// The service follows the wish at once and uses load cores of one per replica.
// After each change of the load the count settles, and stays: a step never
// leads beyond the other threshold.
func TestTheCountSettles(t *testing.T) {
	p, now, replicas := build(t, threshold.Default()), time.Duration(0), 3
	for _, phase := range []struct {
		load float64
		want []int
	}{
		{1.5, []int{3, 3, 3}},             // 50 %
		{6, []int{7, 9, 9, 9}},            // 200 %: four more; 86 %: ceil(7 × 86 / 70); 67 %
		{2, []int{7, 6, 6}},               // 22 %: a quarter; 29 %: one; 33 %
		{0.1, []int{5, 4, 3, 2, 1, 1, 1}}, // a quarter at a time, the last one stays
		{5, []int{5, 8, 8, 8}},            // 500 %: four more; 100 %: ceil(5 × 100 / 70); 63 %
	} {
		var got []int
		for range phase.want {
			now += 15 * time.Second
			cpu := scaletest.Fresh(scale.CPUUtilization, scaletest.At(now), phase.load/float64(replicas))
			rec, err := p.Recommend(scaletest.Observation(now, replicas, cpu))
			if err != nil {
				t.Fatal(err)
			}
			replicas = rec.Replicas
			got = append(got, replicas)
		}
		if diff := cmp.Diff(phase.want, got); diff != "" {
			t.Errorf("load %v (-want +got):\n%s", phase.load, diff)
		}
	}
}
