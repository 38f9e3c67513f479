package guard_test

import (
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/guard/guardtest"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/google/go-cmp/cmp"
)

// behaving is an autoscaler with a behavior field.
func behaving(rules guard.BehaviorRules) guard.HPA {
	return guard.HPA{Behavior: &rules, Min: 1, Max: 100}
}

// plain is one without.
func plain(window time.Duration) guard.HPA {
	return guard.HPA{StabilizationWindow: scale.Duration(window), Min: 1, Max: 100}
}

func TestHPAConformance(t *testing.T) {
	for name, h := range map[string]guard.HPA{"without behavior": plain(time.Minute), "defaults": behaving(guard.HPADefaults()), "tight": behaving(tight())} {
		for i, g := range h.Guards() {
			t.Run(name+"/"+g.Name(), func(t *testing.T) {
				// Like the original, it knows after a restart no more than what it
				// remembers.
				guardtest.Run(t, guardtest.Promise{LastsForHours: true},
					func() guard.Guard { return h.Guards()[i] },
					func() guard.Guard { return plain(time.Hour).Guards()[i] })
			})
		}
	}
}

// wish is a policy that wants what it is told to, or has no opinion.
type wish struct {
	policy.Policy
	wants  int
	silent bool
}

func (w *wish) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	if w.silent {
		return scale.Recommendation{Proposals: []scale.Proposal{
			{Signal: "a", Replicas: 3}, {Signal: "b", Missing: true, Reason: scale.Because("FailedGetPodsMetric", "none")}}}, scale.ErrNoData
	}
	return scale.Recommendation{Replicas: w.wants, Confidence: 1, Reason: scale.Because("Target", "told to")}, nil
}

// told is one sync of a story: at so many replicas so many are wanted, below 0
// no metric has a value; then what is decided, and the conditions for it.
type told struct {
	after          time.Duration
	current, wants int
	want           int
	able, active   string
	limited        string
}

const (
	rescaled  = "SucceededRescale"
	settled   = "ReadyForNewScale"
	readable  = "SucceededGetScale"
	valid     = "ValidMetricFound"
	inRange   = "DesiredWithinRange"
	down, up  = "ScaleDownStabilized", "ScaleUpStabilized"
	fastUp    = "ScaleUpLimit"
	fastDown  = "ScaleDownLimit"
	few, many = "TooFewReplicas", "TooManyReplicas"
)

func TestHPAStories(t *testing.T) {
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	seconds := func(n int) scale.Duration { return scale.Duration(s(n)) }
	rules := func(change func(*guard.BehaviorRules)) guard.HPA {
		r := guard.HPADefaults()
		change(&r)
		return behaving(r)
	}
	for _, tc := range []struct {
		story string
		hpa   guard.HPA
		told  []told
	}{
		{"without a behavior field the end of the window still counts", plain(s(60)), []told{
			{s(0), 10, 10, 10, settled, valid, inRange},
			{s(60), 10, 4, 10, down, valid, inRange},
			{s(61), 10, 4, 4, rescaled, valid, inRange},
		}},
		{"with one it does not", rules(func(r *guard.BehaviorRules) { r.Down.StabilizationWindow = seconds(60) }), []told{
			{s(0), 10, 10, 10, settled, valid, inRange},
			{s(59), 10, 4, 10, down, valid, inRange},
			{s(60), 10, 4, 4, rescaled, valid, inRange},
		}},
		{"without it up goes twice the count, or 4, each time it decides", plain(0), []told{
			{s(0), 1, 50, 4, rescaled, valid, fastUp},
			{s(1), 4, 50, 8, rescaled, valid, fastUp},
			{s(2), 8, 3, 3, rescaled, valid, inRange},
		}},
		{"with it by 4 or 100 % in 15 s", behaving(guard.HPADefaults()), []told{
			{s(0), 1, 50, 5, rescaled, valid, fastUp},
			{s(14), 5, 50, 5, settled, valid, fastUp},
			{s(15), 5, 50, 10, rescaled, valid, fastUp},
		}},
		{"a part of a replica more is one", rules(func(r *guard.BehaviorRules) {
			r.Up.Rates = []guard.Rate{{Percent: true, Value: 50, Period: seconds(15)}}
		}), []told{
			{s(0), 5, 50, 8, rescaled, valid, fastUp},
		}},
		{"the count that is found first is a recommendation, also while there is no metric", plain(s(60)), []told{
			{s(0), 10, -1, 10, readable, "FailedGetPodsMetric", ""},
			{s(45), 10, 4, 10, down, valid, inRange},
			{s(75), 10, 4, 4, rescaled, valid, inRange}, // the ten of the beginning has left, and there is no other
		}},
		{"above the maximum metrics are not asked, nor remembered", plain(s(60)), []told{
			{s(0), 120, 3, 100, rescaled, "", ""},
			{s(70), 100, 3, 3, rescaled, valid, inRange},
			{s(140), 120, 3, 100, rescaled, "", ""},
		}},
		{"below the minimum neither", guard.HPA{StabilizationWindow: seconds(60), Min: 5, Max: 9}, []told{
			{s(0), 2, 9, 5, rescaled, "", ""},
			{s(15), 5, 1, 5, down, valid, few}, // the two that were found
			{s(30), 5, 50, 9, rescaled, valid, many},
		}},
		{"outside of its bounds it needs no metric", guard.HPA{Min: 5, Max: 9}, []told{
			{s(0), 2, -1, 5, rescaled, "", ""},
			{s(15), 12, -1, 9, rescaled, "", ""},
		}},
		{"at zero it is switched off", guard.HPA{Min: 2, Max: 9}, []told{
			{s(0), 0, 7, 0, readable, "ScalingDisabled", ""},
			{s(15), 0, -1, 0, readable, "ScalingDisabled", ""},
			{s(30), 0, 0, 0, readable, "ScalingDisabled", ""},
		}},
		{"unless it went there by itself", guard.HPA{Min: 0, Max: 9, FromZero: true}, []told{
			{s(0), 3, 3, 3, settled, valid, inRange},
			{s(15), 3, 0, 0, rescaled, valid, inRange},
			{s(30), 0, 0, 0, settled, valid, inRange},
			{s(45), 0, -1, 0, readable, "FailedGetPodsMetric", ""},
			{s(60), 0, 7, 4, rescaled, valid, fastUp},
			{s(75), 4, 4, 4, settled, valid, inRange},
			{s(90), 0, 7, 0, readable, "ScalingDisabled", ""}, // by hand
		}},
		{"the up window wants to be sure", rules(func(r *guard.BehaviorRules) { r.Up.StabilizationWindow = seconds(60) }), []told{
			{s(0), 4, 6, 4, up, valid, inRange},
			{s(30), 4, 7, 4, up, valid, inRange},
			{s(60), 4, 9, 7, rescaled, valid, inRange}, // the four and the six have left
		}},
		{"a change is forgotten by the longest period of its own direction", rules(func(r *guard.BehaviorRules) {
			r.Down = guard.Rules{Select: "Max", Rates: []guard.Rate{{Value: 1, Period: seconds(600)}}}
		}), []told{
			{s(0), 2, 6, 6, rescaled, valid, inRange},   // four more
			{s(30), 6, 7, 7, rescaled, valid, inRange},  // takes the place of the four
			{s(45), 7, 1, 5, rescaled, valid, fastDown}, // the period began with 7 − 1, not with 7 − 5
		}},
	} {
		t.Run(tc.story, func(t *testing.T) { playHPA(t, tc.hpa, tc.told) })
	}
}

func playHPA(t *testing.T, h guard.HPA, story []told) {
	t.Helper()
	w := &wish{}
	d := decide.New("wish", w, h.Guards()...)
	for _, s := range story {
		w.wants, w.silent = s.wants, s.wants < 0
		obs := scaletest.Observation(s.after, s.current)
		got := d.Decide(obs)
		said := map[string]string{}
		for _, c := range h.Conditions(&got) {
			said[c.Type] = c.Reason
			if negative := []string{"ScalingDisabled", "FailedGetPodsMetric", inRange}; c.True == slices.Contains(negative, c.Reason) {
				t.Errorf("after %v: %s is %v because of %s", s.after, c.Type, c.True, c.Reason)
			}
		}
		want := map[string]string{guard.AbleToScale: s.able}
		if s.active != "" {
			want[guard.ScalingActive] = s.active
		}
		if s.limited != "" {
			want[guard.ScalingLimited] = s.limited
		}
		if diff := cmp.Diff(want, said); diff != "" || got.DesiredReplicas != s.want {
			t.Errorf("after %v at %d, %d wanted: got %d (%s), want %d; conditions (-want +got):\n%s", s.after, s.current, s.wants, got.DesiredReplicas, got.Reason, s.want, diff)
		}
		if got.Changes() {
			d.Applied(obs.At, got.CurrentReplicas, got.DesiredReplicas)
		}
	}
}

func TestHPADecidesWithoutAllocating(t *testing.T) {
	for name, h := range map[string]guard.HPA{"without behavior": plain(5 * time.Minute), "with": behaving(guard.HPADefaults())} {
		d, obs := decide.New("wish", &wish{wants: 6}, h.Guards()...), scaletest.Observation(0, 8)
		step := func() {
			obs.At = obs.At.Add(15 * time.Second)
			got := d.Decide(obs)
			d.Applied(obs.At, 8, 7)
			d.Applied(obs.At, 7, 8)
			_ = got
		}
		for range 100 {
			step()
		}
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: allocates %v times in steady state, want 0", name, n)
		}
	}
}
