package combine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/baseline"
	"github.com/flyball-io/flyball/policy/combine"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/kpa"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// builder makes the policies that these tests combine.
func builder(p scale.Plugin, env policy.Env) (policy.Policy, error) {
	switch p.Kind {
	case "hpa":
		cfg := hpa.Default()
		if err := json.Unmarshal(p.Body, &cfg); err != nil {
			return nil, err
		}
		return hpa.New(cfg, env)
	case "kpa":
		return kpa.New(kpa.Default(), env)
	case "baseline":
		cfg := baseline.Default()
		cfg.Warmup = 5
		return baseline.New(cfg, env)
	case "worried":
		var w worried
		err := json.Unmarshal(p.Body, &w.replicas)
		if w.replicas >= 5 {
			w.lasting = []scale.GuardCondition{{Since: scaletest.At(0), Reason: scale.Because("High", "{0} are many", w.replicas)}}
		}
		return w, err
	case "combine":
		var cfg combine.Config
		if err := json.Unmarshal(p.Body, &cfg); err != nil {
			return nil, err
		}
		return combine.New(cfg, env, builder)
	}
	return nil, fmt.Errorf("unknown policy %q", p.Kind)
}

// worried wants a number, and says of every one from 5 on that it is high.
type worried struct {
	replicas float64
	lasting  []scale.GuardCondition
}

func (w worried) Recommend(scale.Observation) (scale.Recommendation, error) {
	return scale.Recommendation{Replicas: int(w.replicas), Confidence: 1}, nil
}
func (worried) Signals() []string                    { return nil }
func (worried) Snapshot() ([]byte, error)            { return []byte("{}"), nil }
func (worried) Restore([]byte) error                 { return nil }
func (w worried) Conditions() []scale.GuardCondition { return w.lasting }

// Conditions of members last whether or not their wishes count. Where several may
// have some the name says whose it is, also two levels down.
func TestConditionsOfMembersAreTold(t *testing.T) {
	worries := func(n int) scale.Plugin { return scale.Plugin{Kind: "worried", Body: fmt.Appendf(nil, "%d", n)} }
	nested := scale.Plugin{Kind: "combine", Body: []byte(`{"max":[{"worried":9},{"worried":5}]}`)}
	for _, tc := range []struct {
		rule string
		cfg  combine.Config
		want []string
	}{
		{"of one that may have some, as it says it", combine.Config{Max: []scale.Plugin{per("a"), worries(7)}}, []string{"7 are many"}},
		{"of those that do not count", combine.Config{Min: []scale.Plugin{worries(2), worries(7)}}, []string{"worried #2: 7 are many"}},
		{"of several, by name", combine.Config{First: []scale.Plugin{worries(6), worries(7)}}, []string{"worried: 6 are many", "worried #2: 7 are many"}},
		{"nested", combine.Config{Max: []scale.Plugin{worries(8), nested}},
			[]string{"worried: 8 are many", "combine: worried: 9 are many", "combine: worried #2: 5 are many"}},
		{"none", combine.Config{Max: abc()}, nil},
	} {
		p := build(t, tc.cfg)
		for range 2 { // the second time nothing is left of the first
			_, _ = p.Recommend(scaletest.Observation(0, 3))
			var got []string
			for _, c := range policy.Conditions(p) {
				got = append(got, c.Reason.String())
				if c.Reason.Code != "High" || !c.Since.Equal(scaletest.At(0)) {
					t.Errorf("%s: got %+v", tc.rule, c)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.rule, diff)
			}
		}
		if n := testing.AllocsPerRun(100, func() { p.Conditions() }); n != 0 {
			t.Errorf("%s: Conditions allocates %v times, want 0", tc.rule, n)
		}
	}
}

// per is an HPA that wants one replica for each unit of a signal.
func per(signal string) scale.Plugin {
	return scale.Plugin{Kind: "hpa", Body: fmt.Appendf(nil, `{"metrics":[{"signal":%q,"averageValue":1}]}`, signal)}
}

func abc() []scale.Plugin { return []scale.Plugin{per("a"), per("b"), per("c")} }

func build(t testing.TB, cfg combine.Config) *combine.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := combine.New(cfg, policy.Env{Target: "web", Min: 1, Max: 50}, builder)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	members := []scale.Plugin{
		per(scale.Concurrency), {Kind: "kpa"}, {Kind: "baseline"},
		{Kind: "combine", Body: []byte(`{"max":[{"hpa":{"cpuUtilization":50}},{"kpa":{}}]}`)},
	}
	for name, cfg := range map[string]combine.Config{
		"max": {Max: members[2:]}, "min": {Min: members[2:]}, "median": {Median: members[:2]}, "first": {First: members},
	} {
		t.Run(name, func(t *testing.T) {
			policytest.Run(t,
				func(t *testing.T) policy.Policy { return build(t, cfg) },
				func(t *testing.T) policy.Policy { return build(t, combine.Config{Max: members[:1]}) })
		})
	}
}

func TestRecommend(t *testing.T) {
	for _, tc := range []struct {
		rule    string
		cfg     combine.Config
		values  map[string]float64
		want    int
		text    string
		current int
	}{
		{"max takes the highest", combine.Config{Max: abc()}, map[string]float64{"a": 3, "b": 9, "c": 6}, 9, "max, by hpa #2: b 9", 6},
		{"min the lowest", combine.Config{Min: abc()}, map[string]float64{"a": 3, "b": 9, "c": 7}, 3, "min, by hpa: a 3", 6},
		{"median the one in the middle", combine.Config{Median: abc()}, map[string]float64{"a": 3, "b": 9, "c": 7}, 7, "median, by hpa #3: c 7", 6},
		{"first the first", combine.Config{First: abc()}, map[string]float64{"a": 3, "b": 9, "c": 7}, 3, "first, by hpa: a 3", 6},
		{"of equal wishes the first gives the reason", combine.Config{Max: abc()}, map[string]float64{"a": 3, "b": 9, "c": 9}, 9, "by hpa #2", 6},
		{"of two in the middle the higher", combine.Config{Median: abc()[:2]}, map[string]float64{"a": 3, "b": 9}, 9, "by hpa #2", 6},

		{"max goes up without one", combine.Config{Max: abc()}, map[string]float64{"a": 3, "b": 9}, 9, "max, by hpa #2", 6},
		{"but not down", combine.Config{Max: abc()}, map[string]float64{"a": 3, "b": 2}, 6, "no scale-down while hpa #3 has no opinion", 6},
		{"min goes up without one", combine.Config{Min: abc()}, map[string]float64{"b": 9, "c": 8}, 8, "min, by hpa #3", 6},
		{"but not down either", combine.Config{Min: abc()}, map[string]float64{"b": 9, "c": 2}, 6, "no scale-down while hpa has no opinion", 6},
		{"median neither", combine.Config{Median: abc()}, map[string]float64{"b": 4, "c": 2}, 6, "no scale-down while hpa has no opinion", 6},
		{"first does without it", combine.Config{First: abc()}, map[string]float64{"b": 2, "c": 9}, 2, "first, by hpa #2: b 2", 6},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			var signals []scale.Signal
			for _, name := range []string{"a", "b", "c"} {
				if v, ok := tc.values[name]; ok {
					signals = append(signals, scaletest.Fresh(name, scaletest.At(0), v))
				}
			}
			rec, err := build(t, tc.cfg).Recommend(scaletest.Observation(0, tc.current, signals...))
			if err != nil || rec.Replicas != tc.want || !strings.Contains(rec.Reason.String(), tc.text) {
				t.Errorf("got %d (%s), %v; want %d (… %s …)", rec.Replicas, rec.Reason, err, tc.want, tc.text)
			}
		})
	}
}

func TestWithoutAnyOpinionThereIsNone(t *testing.T) {
	rec, err := build(t, combine.Config{First: abc()}).Recommend(scaletest.Observation(0, 3))
	if !errors.Is(err, scale.ErrNoData) || len(rec.Proposals) != 3 {
		t.Errorf("got %+v, %v; want ErrNoData and why of each", rec, err)
	}
}

func TestProposalsAreTheMembers(t *testing.T) {
	cfg := combine.Config{Max: []scale.Plugin{per("a"), {Kind: "kpa"}, per("b")}}
	rec, err := build(t, cfg).Recommend(scaletest.Observation(0, 3, scaletest.Fresh("a", scaletest.At(0), 5), scaletest.Fresh("b", scaletest.At(0), 3)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range rec.Proposals {
		got = append(got, fmt.Sprintf("%s %d missing=%v: %s", p.Signal, p.Replicas, p.Missing, p.Reason))
	}
	want := []string{
		"hpa 5 missing=false: a 5 at 1 per replica: 5",
		`kpa 3 missing=true: kpa: signal "concurrency": no trustworthy data`,
		"hpa #2 3 missing=false: b 3 is within tolerance of 3: stay at 3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("proposals (-want +got):\n%s", diff)
	}
}

// While a signal is in doubt nothing goes down, except that first can do
// without those that not all members need.
func TestSignals(t *testing.T) {
	two := []scale.Plugin{
		{Kind: "hpa", Body: []byte(`{"metrics":[{"signal":"x","averageValue":1},{"signal":"y","averageValue":1}]}`)},
		{Kind: "hpa", Body: []byte(`{"metrics":[{"signal":"y","averageValue":1},{"signal":"z","averageValue":1}]}`)},
	}
	for _, tc := range []struct {
		name      string
		cfg       combine.Config
		essential []string
	}{
		{"max", combine.Config{Max: two}, []string{"x", "y", "z"}},
		{"min", combine.Config{Min: two}, []string{"x", "y", "z"}},
		{"median", combine.Config{Median: two}, []string{"x", "y", "z"}},
		{"first", combine.Config{First: two}, []string{"y"}},
	} {
		p := build(t, tc.cfg)
		if diff := cmp.Diff([]string{"x", "y", "z"}, p.Signals()); diff != "" {
			t.Errorf("%s: signals (-want +got):\n%s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.essential, policy.Essential(p)); diff != "" {
			t.Errorf("%s: essential (-want +got):\n%s", tc.name, diff)
		}
	}
}

// A snapshot whose second member does not fit leaves the first one as it was.
func TestRestoreIsAllOrNothing(t *testing.T) {
	cfg := combine.Config{Max: []scale.Plugin{{Kind: "kpa"}, {Kind: "kpa"}}}
	running := build(t, cfg)
	obs := scaletest.Observation(time.Minute, 5, scaletest.Fresh(scale.Concurrency, scaletest.At(time.Minute), 700))
	if _, err := running.Recommend(obs); err != nil {
		t.Fatal(err)
	}
	before, err := running.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := build(t, cfg).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(fresh), `"kind":"kpa"`, `"kind":"xpa"`, 2)
	bad = strings.Replace(bad, `"kind":"xpa"`, `"kind":"kpa"`, 1) // the first fits, the second does not
	if err := running.Restore([]byte(bad)); !errors.Is(err, scale.ErrSnapshot) || !strings.HasPrefix(err.Error(), "kpa #2: ") {
		t.Fatalf("got %v, want the fault of kpa #2", err)
	}
	after, err := running.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("memory changed (-before +after):\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	for want, cfg := range map[string]combine.Config{
		"needs exactly one of max, min, median, first":      {},
		"min: needs exactly one of":                         {Max: abc(), Min: abc()},
		"first: needs exactly one of max, min, median, fir": {Median: abc(), First: abc()},
	} {
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if got, want := (combine.Config{Max: abc()}).String(), "max of hpa, hpa #2, hpa #3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := combine.New(combine.Config{Max: []scale.Plugin{per("a"), {Kind: "x"}}}, policy.Env{}, builder)
	if err == nil || !strings.HasPrefix(err.Error(), "max[1]: ") {
		t.Errorf("a member that cannot be built: got %v", err)
	}
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	p := build(t, combine.Config{Median: abc()})
	obs := scaletest.Observation(0, 4, scaletest.Fresh("a", scaletest.At(0), 6), scaletest.Fresh("b", scaletest.At(0), 9), scaletest.Fresh("c", scaletest.At(0), 2))
	if n := testing.AllocsPerRun(200, func() { _, _ = p.Recommend(obs) }); n != 0 {
		t.Errorf("Recommend allocates %v times, want 0", n)
	}
}

// closed is a member with a time at which nobody is to be served.
type closed struct{ *hpa.Policy }

func (closed) Closed(scale.Observation) bool { return true }

// A member that closes closes all where its zero would count. Otherwise another
// one may want a replica.
func TestWhoClosesTheService(t *testing.T) {
	build := func(p scale.Plugin, env policy.Env) (policy.Policy, error) {
		built, err := builder(scale.Plugin{Kind: "hpa", Body: []byte("{}")}, env)
		if err != nil || p.Kind != "closed" {
			return built, err
		}
		return closed{built.(*hpa.Policy)}, nil
	}
	shut, open := scale.Plugin{Kind: "closed"}, scale.Plugin{Kind: "hpa"}
	for _, tc := range []struct {
		rule string
		cfg  combine.Config
		want bool
	}{
		{"one of min", combine.Config{Min: []scale.Plugin{open, shut}}, true},
		{"one of max", combine.Config{Max: []scale.Plugin{open, shut}}, false},
		{"all of max", combine.Config{Max: []scale.Plugin{shut, shut}}, true},
		{"one of two of median", combine.Config{Median: []scale.Plugin{shut, open}}, false},
		{"two of three of median", combine.Config{Median: []scale.Plugin{shut, open, shut}}, true},
		{"the first of first", combine.Config{First: []scale.Plugin{shut, open}}, true},
		{"who stands in for it", combine.Config{First: []scale.Plugin{open, shut}}, false},
		{"none of min", combine.Config{Min: []scale.Plugin{open, open}}, false},
	} {
		p, err := combine.New(tc.cfg, policy.Env{}, build)
		if err != nil {
			t.Fatal(err)
		}
		if got := policy.Closed(p, scaletest.Observation(0, 0)); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.rule, got, tc.want)
		}
	}
}
