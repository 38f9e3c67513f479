package decide_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const minimum, maximum = 2, 10

// newDecider is an HPA on 3 requests in progress per replica behind every guard.
func newDecider(t testing.TB) *decide.Decider {
	t.Helper()
	return newDeciderTrusting(t, guard.DefaultTrust())
}

func newDeciderTrusting(t testing.TB, trust guard.TrustConfig) *decide.Decider {
	t.Helper()
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(3.0)}}
	p, err := hpa.New(cfg, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	promise := scale.Objective{Threshold: scale.Duration(time.Second), Target: 0.99, Window: scale.Duration(time.Hour)}
	return decide.New("hpa", p,
		guard.Health{Grace: guard.DefaultGrace},
		&guard.Rollout{Config: guard.DefaultRollout(), Objective: &promise},
		&guard.Data{Signals: p.Signals(), Trust: trust},
		guard.NewBehavior(guard.HPADefaults()),
		guard.NewCooldown(guard.CooldownConfig{ScaleDown: scale.Duration(time.Minute)}),
		&guard.ObjectiveFloor{Objective: promise},
		guard.Wake{},
		guard.NewBudget(guard.BudgetConfig{PerReplicaHour: 1, PerDay: 24 * minimum * 3, Min: minimum, Objective: &promise, Sync: 15 * time.Second}),
		guard.Bounds{Min: minimum, Max: maximum},
	)
}

func loaded(d time.Duration, replicas int, concurrency float64) scale.Observation {
	return scaletest.Observation(d, replicas,
		scaletest.Fresh(scale.Concurrency, scaletest.At(d), concurrency),
		scaletest.Fresh(scale.ViolationRatio, scaletest.At(d), 0))
}

func TestDecisionCarriesTheWholeTrail(t *testing.T) {
	got := newDecider(t).Decide(loaded(0, 8, 60))
	if got.DesiredReplicas != maximum || got.SetBy != "bounds" || got.Reason.Code != "TooManyReplicas" {
		t.Errorf("got %d set by %s (%s), want the maximum of %d set by bounds", got.DesiredReplicas, got.SetBy, got.Reason, maximum)
	}
	if got.Recommendation.Replicas != 20 || len(got.Recommendation.Proposals) != 1 {
		t.Errorf("recommendation: got %+v, want 20 from one proposal", got.Recommendation)
	}
	var trail []string
	for _, s := range got.Steps {
		trail = append(trail, fmt.Sprintf("%s %d→%d", s.Guard, s.From, s.To))
	}
	want := []string{"health 20→20", "rollout 20→20", "data 20→20", "behavior 20→16", "cooldown 16→16", "objective floor 16→16", "wake 16→16", "budget 16→16", "bounds 16→10"}
	if diff := cmp.Diff(want, trail); diff != "" {
		t.Errorf("trail (-want +got):\n%s", diff)
	}
}

func TestWithoutDataTheCountIsHeldWithinBounds(t *testing.T) {
	d := newDecider(t)
	if got := d.Decide(scaletest.Observation(0, 5)); got.DesiredReplicas != 5 || !got.NoData || got.Reason.Code != "NoData" {
		t.Errorf("got %d (%s), want 5 held for want of data", got.DesiredReplicas, got.Reason)
	}
	if got := d.Decide(scaletest.Observation(time.Second, 0)); got.DesiredReplicas != minimum || got.SetBy != "bounds" {
		t.Errorf("got %d set by %s, want the minimum even without data", got.DesiredReplicas, got.SetBy)
	}
}

// A fallback is for the moment when the policy has no opinion.
func TestAFallbackHoldsWithoutData(t *testing.T) {
	d := newDeciderTrusting(t, guard.TrustConfig{TrustRules: guard.TrustRules{Absent: guard.FallBack, FallbackReplicas: 7}})
	got := d.Decide(scaletest.Observation(0, 5))
	if got.DesiredReplicas != 7 || got.SetBy != "data" || !got.NoData {
		t.Errorf("got %d set by %s (%s), want the fallback of 7 set by data", got.DesiredReplicas, got.SetBy, got.Reason)
	}
	if got := d.Decide(scaletest.Observation(time.Second, 9)); got.DesiredReplicas != 9 {
		t.Errorf("above it: got %d (%s), want 9 held", got.DesiredReplicas, got.Reason)
	}
}

// A policy that is silent or wants none, a hold for want of data, a cooldown:
// none of it lets requests wait without any replica.
func TestRequestsThatWaitWakeWhateverElseHolds(t *testing.T) {
	cfg := hpa.Default() // on cpuUtilization, which nobody measures at zero
	for _, tc := range []struct {
		rule  string
		guard guard.Guard
	}{
		{"without an opinion", guard.Bounds{Min: 0, Max: 3}},
		{"while data is in doubt", &guard.Data{Signals: []string{scale.CPUUtilization}, Trust: guard.TrustConfig{TrustRules: guard.TrustRules{Absent: guard.Hold}}}},
	} {
		p, err := hpa.New(cfg, policy.Env{})
		if err != nil {
			t.Fatal(err)
		}
		d := decide.New("hpa", p, tc.guard, guard.Wake{}, guard.Bounds{Min: 0, Max: 3})
		obs := scaletest.Observation(0, 0, scaletest.Fresh(scale.QueueDepth, scaletest.At(0), 30))
		if got := d.Decide(obs); got.DesiredReplicas != 1 || got.SetBy != "wake" || got.Reason.String() != "1 instead of 0: 30 requests waiting for a replica" {
			t.Errorf("%s: got %d set by %s (%s), want 1 set by wake", tc.rule, got.DesiredReplicas, got.SetBy, got.Reason)
		}
	}
}

// What lasts is told also when it changes nothing.
func TestConditionsOfGuardsAreTold(t *testing.T) {
	d := newDecider(t)
	obs := loaded(0, 4, 12)
	obs.Conditions = []scale.Condition{{Type: scale.CrashLoop, Since: scaletest.At(-time.Minute)}}
	got := d.Decide(obs)
	if got.Changes() || len(got.Conditions) != 1 || got.Conditions[0].Guard != "health" || !got.Conditions[0].Since.Equal(scaletest.At(-time.Minute)) {
		t.Errorf("got %d and %+v, want 4 and the loop since a minute ago", got.DesiredReplicas, got.Conditions)
	}
	kept := got.Clone()
	if got := d.Decide(loaded(15*time.Second, 4, 12)); len(got.Conditions) != 0 {
		t.Errorf("when it is over: got %+v", got.Conditions)
	}
	if len(kept.Conditions) != 1 || kept.Conditions[0].Reason.Code != scale.CrashLoop {
		t.Errorf("the clone changed: %+v", kept.Conditions)
	}
}

// Only applied changes start a cooldown: a shadow or a recommendation does not.
func TestDecidingAloneStartsNoCooldown(t *testing.T) {
	d := newDecider(t)
	d.Decide(loaded(0, 4, 24))
	d.Decide(loaded(3*time.Minute, 8, 6)) // without it six minutes would be a gap
	if got := d.Decide(loaded(6*time.Minute, 8, 6)); got.DesiredReplicas != 2 {
		t.Fatalf("nothing was applied: got %d (%s), want 2", got.DesiredReplicas, got.Reason)
	}
	d.Applied(scaletest.At(6*time.Minute), 8, 9)
	if got := d.Decide(loaded(6*time.Minute+15*time.Second, 9, 6)); got.DesiredReplicas != 9 || got.SetBy != "cooldown" {
		t.Errorf("after an applied change: got %d set by %s, want 9 held by cooldown", got.DesiredReplicas, got.SetBy)
	}
}

func TestDecisionsStayWithinBoundsWhateverIsSeen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDecider(t)
		for _, obs := range scaletest.Hostile(rapid.Uint64().Draw(rt, "seed"), 40) {
			got := d.Decide(obs)
			if got.DesiredReplicas < minimum || got.DesiredReplicas > maximum {
				rt.Fatalf("got %d, want %d..%d", got.DesiredReplicas, minimum, maximum)
			}
			if got.Reason.String() == "" {
				rt.Fatalf("%d → %d without a reason", got.CurrentReplicas, got.DesiredReplicas)
			}
			if rapid.Bool().Draw(rt, "applied") {
				d.Applied(got.At, got.CurrentReplicas, got.DesiredReplicas)
			}
		}
	})
}

// Whatever else is seen: while replicas crash-loop and none was started since
// that works, the count rises to the minimum at most, also by a fallback.
func TestFailingReplicasNeverDriveTheCountUp(t *testing.T) {
	trust := guard.TrustConfig{TrustRules: guard.TrustRules{Stale: guard.FallBack, Absent: guard.FallBack, Implausible: guard.Hold, FallbackReplicas: 7}}
	rapid.Check(t, func(rt *rapid.T) {
		d := newDeciderTrusting(t, trust)
		for _, obs := range scaletest.Hostile(rapid.Uint64().Draw(rt, "seed"), 40) {
			obs.Conditions = []scale.Condition{{Type: scale.CrashLoop, Since: obs.At.Add(-rapid.SampledFrom([]time.Duration{0, time.Minute, 9 * time.Minute}).Draw(rt, "ago"))}}
			for i := range obs.Replicas {
				obs.Replicas[i].StartedAt = obs.At.Add(-time.Hour)
			}
			got := d.Decide(obs)
			if got.DesiredReplicas > max(obs.CurrentReplicas, minimum) {
				rt.Fatalf("from %d to %d set by %s (%s)", obs.CurrentReplicas, got.DesiredReplicas, got.SetBy, got.Reason)
			}
			d.Applied(got.At, got.CurrentReplicas, got.DesiredReplicas)
		}
	})
}

func TestRestoredDeciderDecidesAsIfNeverStopped(t *testing.T) {
	running := newDecider(t)
	for i, obs := range scaletest.Hostile(7, 200) {
		restored := newDecider(t)
		data, err := running.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := restored.Restore(data); err != nil {
			t.Fatal(err)
		}
		want := running.Decide(obs).Clone()
		got := restored.Decide(obs).Clone()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("observation %d (-running +restored):\n%s", i, diff)
		}
		if i%3 == 0 {
			restored.Applied(got.At, got.CurrentReplicas, got.DesiredReplicas)
		}
		running = restored
	}
}

func TestRestoreRefusesAnotherDecider(t *testing.T) {
	p, _ := hpa.New(hpa.Default(), policy.Env{})
	data, err := decide.New("hpa", p, guard.Bounds{Min: 1, Max: 2}).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string][]byte{"other configuration": data, "garbage": []byte("{"), "empty object": []byte("{}")} {
		if err := newDecider(t).Restore(s); !errors.Is(err, scale.ErrSnapshot) {
			t.Errorf("%s: got %v, want ErrSnapshot", name, err)
		}
	}
}

// A time without data is no advice to stay: it must not enter the windows of
// the rules.
func TestWithoutAnOpinionTheRulesRememberNothing(t *testing.T) {
	d := newDecider(t)
	d.Decide(loaded(0, 8, 60))
	before := wishes(t, d)
	if got := d.Decide(scaletest.Observation(time.Minute, 8)); !got.NoData || got.DesiredReplicas != 8 {
		t.Errorf("got %d, want 8 held", got.DesiredReplicas)
	}
	if diff := cmp.Diff(before, wishes(t, d)); diff != "" {
		t.Errorf("memory changed (-before +after):\n%s", diff)
	}
}

// Nor must a count that the policy holds because a signal of several is
// missing: it is no wish either.
func TestAHeldCountIsNoWish(t *testing.T) {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(3.0)}, {Signal: scale.RequestRate, AverageValue: new(10.0)}}
	p, err := hpa.New(cfg, policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	d := decide.New("hpa", p, guard.NewBehavior(guard.HPADefaults()), guard.Bounds{Min: minimum, Max: maximum})
	if got := d.Decide(loaded(0, 8, 6)); got.DesiredReplicas != 8 || got.Reason.Code != "MetricMissing" || len(got.Steps) != 1 {
		t.Errorf("got %d (%s) after %d steps, want 8 held for want of the request rate, and the bounds alone asked", got.DesiredReplicas, got.Reason, len(got.Steps))
	}
	d.Decide(loaded(15*time.Second, 8, 60)) // more is wanted, and that may be remembered
	data, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), `"replicas"`); n != 2 {
		t.Errorf("got %d remembered wishes, want the count found first and the 20: %s", n, data)
	}
}

// wishes is what the decider remembers, without the guards that are asked in
// any case and those that watch: they remember time that passes and the service, not
// wishes.
func wishes(t *testing.T, d *decide.Decider) map[string]any {
	t.Helper()
	data, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var memory map[string]map[string]any
	if err := json.Unmarshal(data, &memory); err != nil {
		t.Fatal(err)
	}
	guards := memory["guards"]
	delete(guards, "data")
	delete(guards, "budget")
	delete(guards, "objective floor")
	if len(guards) < 4 {
		t.Fatalf("guards in the snapshot: %v", guards)
	}
	return map[string]any{"policy": memory["policy"], "guards": guards}
}

// What does not depend on the configuration is kept when a plan is replaced: a
// change is as long ago under another cooldown. Of another kind nothing is.
func TestRecallKeepsWhatFits(t *testing.T) {
	old := newDecider(t)
	old.Decide(loaded(0, 8, 60))
	old.Applied(scaletest.At(0), 8, 10)
	p, err := hpa.New(hpa.Default(), policy.Env{}) // another target
	if err != nil {
		t.Fatal(err)
	}
	// Policy and bounds differ too, but have no memory to lose. A day's cost is that
	// of a day that began elsewhere.
	elsewhere := guard.NewBudget(guard.BudgetConfig{PerReplicaHour: 1, PerDay: 240, Zone: time.FixedZone("Kolkata", 19800)})
	next := decide.New("hpa", p, guard.NewBehavior(guard.NoRules()), guard.NewCooldown(guard.CooldownConfig{ScaleDown: scale.Duration(2 * time.Minute)}), elsewhere, guard.Bounds{Min: 1, Max: 99})
	memory, err := old.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"budget"}, next.Recall(memory)); diff != "" {
		t.Errorf("started afresh (-want +got):\n%s", diff)
	}
	obs := scaletest.Observation(90*time.Second, 10, scaletest.Fresh(scale.CPUUtilization, scaletest.At(90*time.Second), 0.1))
	if got := next.Decide(obs); got.SetBy != "cooldown" {
		t.Errorf("set by %s, want the longer cooldown since the change that was recalled", got.SetBy)
	}
	if afresh := next.Recall([]byte("{")); len(afresh) != 5 {
		t.Errorf("garbage: %v started afresh, want all five parts", afresh)
	}
}

func TestCloneOutlivesTheNextDecision(t *testing.T) {
	d := newDecider(t)
	kept := d.Decide(loaded(0, 8, 60)).Clone()
	before := fmt.Sprint(kept)
	d.Decide(loaded(time.Second, 3, 1))
	if after := fmt.Sprint(kept); after != before {
		t.Errorf("the clone changed:\nbefore %s\nafter  %s", before, after)
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	d, obs := newDecider(t), loaded(0, 8, 60)
	obs.Conditions = []scale.Condition{{Type: scale.CrashLoop, Since: obs.At}, {Type: scale.RolloutInProgress, Since: obs.At}}
	step := func() {
		obs.At = obs.At.Add(15 * time.Second)
		obs.Signals[0].Points[0].At = obs.At
		d.Decide(obs)
	}
	for range 100 {
		step() // fills the stabilization window once
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("Decide allocates %v times in steady state, want 0", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	d, obs := newDecider(b), loaded(0, 8, 60)
	b.ReportAllocs()
	for b.Loop() {
		obs.At = obs.At.Add(15 * time.Second)
		d.Decide(obs)
	}
}

func ExampleDecider() {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(3.0)}}
	p, _ := hpa.New(cfg, policy.Env{})
	d := decide.New("hpa", p, guard.NewBehavior(guard.HPADefaults()), guard.Bounds{Min: 1, Max: 20})
	got := d.Decide(scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 26)))
	fmt.Println(got.CurrentReplicas, "→", got.DesiredReplicas, "because", got.Recommendation.Reason)
	fmt.Println(got.SetBy+":", got.Reason)
	// Output:
	// 4 → 8 because concurrency 26 at 3 per replica: 9
	// behavior: 8 instead of 9: the rate policies allow no more for now
}
