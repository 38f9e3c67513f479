package learned_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

const sync = 15 * time.Second

// curves are worked out once for all tests.
var curves = queueing.NewLibrary(queueing.DefaultLibrary)

// What is learned of a service takes a while, and is not what is told here.
func environment(t testing.TB) policy.Env {
	t.Helper()
	env := policy.Env{
		Target: "web", Min: 1, Max: 50, Sync: sync, Curves: curves,
		Objective: &scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)},
	}
	env.Service = capacity.NewLearner(hints(), *env.Objective, env.Topology, 100, env.Curves)
	return env
}

func hints() capacity.Config {
	return capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4, Startup: scale.Duration(30 * time.Second)}
}

// bases are what models correct here: one that looks ahead, one that does not.
func bases(p scale.Plugin, env policy.Env) (policy.Policy, error) {
	switch p.Kind {
	case "predictive":
		cfg := predictive.Default()
		cfg.Service = hints()
		return predictive.New(cfg, env)
	case "hpa":
		cfg := hpa.Default()
		each := 40.0
		cfg.Metrics = []hpa.Metric{{Signal: scale.RequestRate, AverageValue: &each}}
		return hpa.New(cfg, env)
	}
	return nil, fmt.Errorf("unknown policy %q", p.Kind)
}

func build(t testing.TB, base string, m *learned.Model) *learned.Policy {
	t.Helper()
	cfg := learned.Default()
	cfg.Model, cfg.Base.Kind = "web.flyball", base
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := learned.New(cfg, environment(t), bases, func(string) ([]byte, error) { return file(t, m), nil })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serves is a service that takes requests at a rate with so many replicas.
func serves(at time.Duration, rate float64, replicas int) scale.Observation {
	obs := scaletest.Observation(at, replicas)
	add := func(name string, value float64) {
		obs.Signals = append(obs.Signals, scale.Signal{Name: name, Trust: scale.Fresh, Window: 10 * time.Second,
			Points: []series.Point{{At: obs.At, Value: value}}})
	}
	used := rate / 50 / float64(max(1, replicas))
	add(scale.Concurrency, rate*0.08)
	add(scale.Latency, 0.2)
	add(scale.RequestRate, rate)
	add(scale.Utilization, used)
	add(scale.ViolationRatio, 0)
	return obs
}

func TestItKeepsThePromisesOfPolicies(t *testing.T) {
	for base, actions := range map[string][]int{"predictive": {0}, "hpa": {0, 3, 7}} {
		for _, action := range actions {
			t.Run(fmt.Sprintf("%s, action %d", base, action), func(t *testing.T) {
				policytest.Run(t,
					func(t *testing.T) policy.Policy { return build(t, base, model(t, action)) },
					func(t *testing.T) policy.Policy {
						other := map[string]string{"predictive": "hpa", "hpa": "predictive"}[base]
						return build(t, other, model(t, action))
					})
			})
		}
	}
}

func TestItCorrectsWhatTheBaseWants(t *testing.T) {
	for _, base := range []string{"predictive", "hpa"} {
		alone, _ := bases(scale.Plugin{Kind: base}, environment(t))
		for action, factor := range learned.StandardActions() {
			p := build(t, base, model(t, action))
			for i := range 20 {
				obs := serves(time.Duration(i)*sync, 800, 20)
				want, err := alone.Recommend(obs)
				got, gotErr := p.Recommend(obs)
				if (err == nil) != (gotErr == nil) {
					t.Fatalf("%s: %v, and corrected %v", base, err, gotErr)
				}
				if err != nil {
					continue
				}
				n := int(math.Floor(float64(want.Replicas)*float64(factor) + 0.5))
				n = max(n, min(required(t), want.Replicas)) // nothing that 800/s require is taken away
				if i > 0 && got.Replicas != n {
					t.Fatalf("%s × %v at %d: got %d (%s), want %d of %d", base, factor, i, got.Replicas, got.Reason, n, want.Replicas)
				}
			}
			alone, _ = bases(scale.Plugin{Kind: base}, environment(t))
		}
	}
}

// required is how many replicas 800 requests/s require.
func required(t testing.TB) int {
	t.Helper()
	env := environment(t)
	return env.Service.Demand(800, 0.001)
}

func TestItSaysWhatItCorrects(t *testing.T) {
	p := build(t, "hpa", model(t, 5))
	_, _ = p.Recommend(serves(0, 800, 20))
	rec, err := p.Recommend(serves(sync, 800, 20))
	if err != nil || rec.Reason.String() != "25 replicas where hpa wants 20: × 1.25" {
		t.Errorf("got %q, %v", rec.Reason, err)
	}
	if last := rec.Proposals[len(rec.Proposals)-1]; last.Signal != "model" || last.Replicas != 25 || len(rec.Proposals) < 2 {
		t.Errorf("proposals %+v: want the base's, and the model's", rec.Proposals)
	}
	p = build(t, "hpa", model(t, 3))
	_, _ = p.Recommend(serves(0, 800, 20))
	alone, _ := bases(scale.Plugin{Kind: "hpa"}, environment(t))
	want, _ := alone.Recommend(serves(sync, 800, 20))
	if rec, _ = p.Recommend(serves(sync, 800, 20)); rec.Reason.String() != want.Reason.String() {
		t.Errorf("as the base: got %q, want its reason %q", rec.Reason, want.Reason)
	}
}

// A number that training never showed is not for the model to judge.
func TestWhatTrainingNeverShowedIsTheBases(t *testing.T) {
	m := model(t, 7)
	at := index(t, "stale")
	m.Features.Least[at], m.Features.Most[at], m.Features.Std[at] = 0, 0.1, 0.05
	p := build(t, "hpa", m)
	story := func(i int, age time.Duration) scale.Recommendation {
		obs := serves(time.Duration(i)*sync, 800, 20)
		for s := range obs.Signals {
			obs.Signals[s].Points[0].At = obs.At.Add(-age)
		}
		rec, err := p.Recommend(obs)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	if rec := story(0, time.Second); rec.Replicas != 40 {
		t.Fatalf("known: got %d (%s), want 40", rec.Replicas, rec.Reason)
	}
	rec := story(1, 8*time.Second)
	last := rec.Proposals[len(rec.Proposals)-1]
	if rec.Replicas != 20 || last.Reason.Code != "OutOfDistribution" || !strings.HasPrefix(last.Reason.String(), "stale is 0.34") {
		t.Fatalf("strange: got %d, %q: want the base's 20, and that stale is too high", rec.Replicas, last.Reason)
	}
	if rec := story(2, time.Second); rec.Replicas != 40 {
		t.Fatalf("known again: got %d (%s), want 40", rec.Replicas, rec.Reason)
	}
	// What lasts is a condition, and the model is no longer asked in between.
	for i := 3; i < 40; i++ {
		story(i, 8*time.Second)
	}
	since := policy.Conditions(p)
	if len(since) != 1 || since[0].Reason.Code != "ModelDrift" || !strings.Contains(since[0].Reason.String(), "stale") {
		t.Fatalf("conditions %v: want that the model drifts", since)
	}
	if rec := story(40, time.Second); rec.Replicas != 20 || rec.Proposals[len(rec.Proposals)-1].Reason.Code != "Drift" {
		t.Fatalf("drifting: got %d (%s), want the base's", rec.Replicas, rec.Reason)
	}
	for i := 41; i < 160; i++ {
		story(i, time.Second)
	}
	if rec := story(160, time.Second); rec.Replicas != 40 || len(policy.Conditions(p)) != 0 {
		t.Fatalf("fits again: got %d (%s), %v", rec.Replicas, rec.Reason, policy.Conditions(p))
	}
}

// The net reads the decisions before too: a strange moment is the base's as long as
// it is among the eight that it sees.
func TestAStrangeMomentIsTheBasesUntilItIsOutOfSight(t *testing.T) {
	m := model(t, 7)
	for i, name := range learned.Names() {
		if strings.HasPrefix(name, "load-") || name == "load" {
			m.Features.Least[i], m.Features.Most[i], m.Features.Std[i] = -0.5, 0, 0.01
		}
	}
	p := build(t, "hpa", m)
	for i := range 20 {
		rate := 800.0 // of 1,000 that 20 replicas carry
		if i == 6 {
			rate = 1300
		}
		rec, err := p.Recommend(serves(time.Duration(i)*sync, rate, 20))
		if err != nil {
			t.Fatal(err)
		}
		said := rec.Proposals[len(rec.Proposals)-1].Reason
		if strange := i >= 6 && i < 6+learned.Steps; strange != (said.Code == "OutOfDistribution") {
			t.Errorf("decision %d: %q; strange from 6 to 13", i, said)
		}
		if i == 8 && !strings.HasPrefix(said.String(), "load-2 is 0.13, in training -0.5 to 0") {
			t.Errorf("decision 8: %q, want that the load two decisions before was strange", said)
		}
	}
}

func index(t testing.TB, name string) int {
	t.Helper()
	for i, n := range learned.Names() {
		if n == name {
			return i
		}
	}
	t.Fatalf("no number %q", name)
	return 0
}

// A signal that is no number never reaches the net.
func TestWhatIsNoNumberIsTheBases(t *testing.T) {
	p := build(t, "hpa", model(t, 7))
	_, _ = p.Recommend(serves(0, 800, 20))
	obs := serves(sync, 800, 20)
	for i := range obs.Signals {
		if obs.Signals[i].Name == scale.Latency {
			obs.Signals[i].Points[0].Value = math.NaN()
		}
	}
	rec, err := p.Recommend(obs)
	if err != nil || rec.Replicas != 20 {
		t.Errorf("got %d (%s), %v: want the base's 20", rec.Replicas, rec.Reason, err)
	}
	if rec, err = p.Recommend(serves(2*sync, 800, 20)); err != nil || rec.Replicas != 40 {
		t.Errorf("then got %d (%s), %v: want the model's 40", rec.Replicas, rec.Reason, err)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	good := file(t, model(t, 3))
	missing := errors.New("no such file")
	without := environment(t)
	without.Objective = nil
	for name, tc := range map[string]struct {
		env  policy.Env
		base string
		data []byte
		err  error
		says string
	}{
		"no objective":    {without, "hpa", good, nil, "needs objective.latency"},
		"no file":         {environment(t), "hpa", nil, missing, "no such file"},
		"no model":        {environment(t), "hpa", good[:100], nil, "web.flyball: not a model of this program"},
		"no such base":    {environment(t), "hpx", good, nil, `base: unknown policy "hpx"`},
		"what works here": {environment(t), "hpa", good, nil, ""},
	} {
		cfg := learned.Default()
		cfg.Model, cfg.Base.Kind = "web.flyball", tc.base
		_, err := learned.New(cfg, tc.env, bases, func(string) ([]byte, error) { return tc.data, tc.err })
		if (err != nil) != (tc.says != "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want %q", name, err, tc.says)
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	err := learned.Config{Strangeness: -1}.Validate()
	want := "model: must name a model of the program or a file\nbase: needs exactly one policy\nstrangeness: must be between 0 and 1000, got -1"
	if err == nil || cmp.Diff(want, err.Error()) != "" {
		t.Errorf("got %v", err)
	}
}

// Deciding allocates nothing of its own; the base names its signals twice more.
func TestCorrectingAllocatesNothing(t *testing.T) {
	p, alone := build(t, "hpa", model(t, 5)), must(bases(scale.Plugin{Kind: "hpa"}, environment(t)))
	i := 0
	next := func() scale.Observation { i++; return serves(time.Duration(i)*sync, 800, 20) }
	measure := func(p policy.Policy) float64 {
		all := make([]scale.Observation, 300)
		for k := range all {
			all[k] = next()
		}
		k := 0
		return testing.AllocsPerRun(200, func() { _, _ = p.Recommend(all[k]); k++ })
	}
	if own := measure(p) - measure(alone); own > 2 {
		t.Errorf("%v allocations more than the base", own)
	}
}

func must(p policy.Policy, err error) policy.Policy {
	if err != nil {
		panic(err)
	}
	return p
}

// What was measured lately is as much a reason not to ask the model as anything
// else, and what it sees of the past are the decisions before.
func TestTheModelSeesTheDecisionsBefore(t *testing.T) {
	m := model(t, 7)
	load := index(t, "load")
	m.Features.Least[load], m.Features.Most[load], m.Features.Std[load] = -0.5, 0, 0.01
	p := build(t, "hpa", m)
	for i, tc := range []struct {
		rate float64
		says string
	}{{400, "Learned"}, {800, "Learned"}, {1300, "OutOfDistribution"}, {800, "Learned"}} {
		rec, err := p.Recommend(serves(time.Duration(i)*sync, tc.rate, 20))
		if err != nil {
			t.Fatal(err)
		}
		if said := rec.Proposals[len(rec.Proposals)-1]; said.Reason.Code != tc.says {
			t.Errorf("%v/s on 1,000: %q, want %s", tc.rate, said.Reason, tc.says)
		}
	}
	var got []float32
	for _, name := range []string{"load-7", "load-3", "load-2", "load-1", "load"} {
		x := p.Seen()[index(t, name)]
		got = append(got, float32(math.Round(float64((1+x)/(1-x))*1000)/1000)) // of (x−1)/(x+1)
	}
	if diff := cmp.Diff([]float32{0.4, 0.4, 0.8, 1.3, 0.8}, got); diff != "" {
		t.Errorf("loads that it sees (-want +got):\n%s", diff)
	}
}
