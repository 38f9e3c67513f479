package guard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/google/go-cmp/cmp"
)

// doubtful are two signals with an action for every state.
func doubtful() []string { return []string{scale.Concurrency, scale.RequestRate} }

func actions() guard.TrustConfig {
	return guard.TrustConfig{
		TrustRules: guard.TrustRules{Stale: guard.Hold, Implausible: guard.Ignore, Absent: guard.FallBack, FallbackReplicas: 7},
		Signals:    []guard.SignalTrust{{Name: scale.RequestRate, TrustRules: guard.TrustRules{Stale: guard.FallBack, FallbackReplicas: 9}}},
	}
}

func signal(name string, trust scale.Trust) scale.Signal {
	s := scaletest.Fresh(name, scaletest.At(0), 1)
	s.Trust = trust
	return s
}

func TestData(t *testing.T) {
	all := func(a guard.TrustAction) guard.TrustConfig {
		return guard.TrustConfig{TrustRules: guard.TrustRules{Stale: a, Absent: a, Implausible: a, FallbackReplicas: 7}}
	}
	concurrency := func(trust scale.Trust) []scale.Signal { return []scale.Signal{signal(scale.Concurrency, trust)} }
	for _, tc := range []struct {
		rule    string
		trust   guard.TrustConfig
		signals []scale.Signal
		want    int
		limit   int
		code    string
	}{
		{"fresh data may scale down", guard.TrustConfig{}, concurrency(scale.Fresh), 2, 2, ""},
		{"stale data may not", guard.TrustConfig{}, concurrency(scale.Stale), 2, 5, "StaleData"},
		{"missing data may not", guard.TrustConfig{}, nil, 2, 5, "NoData"},
		{"absent data may not", guard.TrustConfig{}, concurrency(scale.Absent), 2, 5, "NoData"},
		{"implausible data may not", guard.TrustConfig{}, concurrency(scale.Implausible), 2, 5, "ImplausibleData"},
		{"stale data may scale up", guard.TrustConfig{}, concurrency(scale.Stale), 8, 8, ""},
		{"hold: not down", all(guard.Hold), concurrency(scale.Stale), 2, 5, "StaleData"},
		{"hold: not up", all(guard.Hold), concurrency(scale.Implausible), 8, 5, "ImplausibleData"},
		{"ignore: the policy decides", all(guard.Ignore), concurrency(scale.Stale), 2, 2, ""},
		{"fallback: at least so many", all(guard.FallBack), nil, 5, 7, "Fallback"},
		{"fallback: more may be wanted", all(guard.FallBack), nil, 9, 9, ""},
		{"fallback: only while in doubt", all(guard.FallBack), concurrency(scale.Fresh), 5, 5, ""},
		{"one signal may have rules of its own", guard.TrustConfig{Signals: []guard.SignalTrust{{Name: scale.Concurrency,
			TrustRules: guard.TrustRules{Stale: guard.Ignore}}}}, concurrency(scale.Stale), 2, 2, ""},
		{"and only that one", guard.TrustConfig{Signals: []guard.SignalTrust{{Name: scale.RequestRate,
			TrustRules: guard.TrustRules{Stale: guard.Ignore}}}}, concurrency(scale.Stale), 2, 5, "StaleData"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			g := &guard.Data{Signals: []string{scale.Concurrency}, Trust: tc.trust}
			got, reason := g.Limit(scaletest.Observation(0, 5, tc.signals...), tc.want)
			if got != tc.limit || reason.Code != tc.code {
				t.Errorf("got %d (%s: %s), want %d (%s)", got, reason.Code, reason, tc.limit, tc.code)
			}
		})
	}
}

// A fallback is stronger than a hold: the operator asked for that number.
func TestTheCarefulSignalWins(t *testing.T) {
	g := &guard.Data{Signals: doubtful(), Trust: actions()}
	for _, tc := range []struct {
		rule          string
		first, second scale.Trust
		current, want int
		limit         int
	}{
		{"hold and fallback: at least the fallback", scale.Stale, scale.Stale, 5, 2, 9},
		{"hold and fallback: no more than that", scale.Stale, scale.Stale, 5, 20, 9},
		{"hold and fallback: above it the count stays", scale.Stale, scale.Stale, 12, 20, 12},
		{"fallback never takes replicas away", scale.Absent, scale.Fresh, 12, 3, 12},
		{"the higher of two fallbacks", scale.Absent, scale.Stale, 5, 5, 9},
		{"a target at zero sleeps on", scale.Absent, scale.Absent, 0, 0, 0},
		{"but may be woken", scale.Absent, scale.Absent, 0, 1, 1},
		{"also under a hold, which would let it sleep for ever", scale.Stale, scale.Fresh, 0, 3, 3},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			obs := scaletest.Observation(0, tc.current, signal(scale.Concurrency, tc.first), signal(scale.RequestRate, tc.second))
			if got, reason := g.Limit(obs, tc.want); got != tc.limit {
				t.Errorf("at %d, %d wanted: got %d (%s), want %d", tc.current, tc.want, got, reason, tc.limit)
			}
		})
	}
}

// Without requests there is no latency and nothing that could miss an
// objective. That they are not measured is then no doubt.
func TestWhatIsMeasuredOfRequestsIsNotMissedWithoutRequests(t *testing.T) {
	value := func(name string, v float64) scale.Signal { return scaletest.Fresh(name, scaletest.At(0), v) }
	idle, busy := value(scale.RequestRate, 0), value(scale.RequestRate, 5)
	for _, tc := range []struct {
		rule    string
		signals []scale.Signal
		limit   int
	}{
		{"no requests: absent says nothing", []scale.Signal{idle}, 2},
		{"no requests: stale says nothing", []scale.Signal{idle, signal(scale.Latency, scale.Stale), signal(scale.ViolationRatio, scale.Stale)}, 2},
		{"an impossible value is always one", []scale.Signal{idle, signal(scale.Latency, scale.Implausible)}, 5},
		{"requests come", []scale.Signal{busy}, 5},
		{"whether they come is not known", []scale.Signal{signal(scale.RequestRate, scale.Stale)}, 5},
		{"none came lately, but some are not answered yet", []scale.Signal{idle, value(scale.Concurrency, 3)}, 5},
		{"none came lately, but some wait", []scale.Signal{idle, value(scale.QueueDepth, 3)}, 5},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			g := &guard.Data{Signals: []string{scale.Latency, scale.ViolationRatio}}
			obs := scaletest.Observation(0, 5, tc.signals...)
			if got, reason := g.Limit(obs, 2); got != tc.limit {
				t.Errorf("got %d (%s), want %d", got, reason, tc.limit)
			}
			if _, why, holds := g.Condition(obs); holds != (tc.limit == 5) {
				t.Errorf("condition: got %v (%s)", holds, why)
			}
		})
	}
	processor := &guard.Data{Signals: []string{scale.CPUUtilization}}
	if got, _ := processor.Limit(scaletest.Observation(0, 5, idle), 2); got != 5 {
		t.Errorf("what is not measured of requests: got %d, want 5", got)
	}
}

// What lasts is told with its beginning, whatever the signals are that come
// and go meanwhile.
func TestDoubtIsToldSinceItBegan(t *testing.T) {
	g := &guard.Data{Signals: doubtful()}
	for _, tc := range []struct {
		after         time.Duration
		first, second scale.Trust
		holds         bool
		since         time.Duration
		words         string
	}{
		{0, scale.Fresh, scale.Fresh, false, 0, ""},
		{time.Minute, scale.Fresh, scale.Absent, true, time.Minute, "requestRate is absent"},
		{2 * time.Minute, scale.Stale, scale.Fresh, true, time.Minute, "concurrency is stale"},
		{3 * time.Minute, scale.Fresh, scale.Fresh, false, 0, ""},
		{4 * time.Minute, scale.Implausible, scale.Fresh, true, 4 * time.Minute, "concurrency is implausible"},
	} {
		obs := scaletest.Observation(tc.after, 5, signal(scale.Concurrency, tc.first), signal(scale.RequestRate, tc.second))
		g.Limit(obs, 5)
		since, why, holds := g.Condition(obs)
		if holds != tc.holds || why.String() != tc.words || (holds && !since.Equal(scaletest.At(tc.since))) {
			t.Errorf("after %v: got %v since %v %q, want %v since %v %q", tc.after, holds, since, why, tc.holds, tc.since, tc.words)
		}
	}
}

func TestAFallbackAddsNoReplicasThatFail(t *testing.T) {
	obs := scaletest.Observation(0, 3)
	obs.Conditions = []scale.Condition{{Type: scale.CrashLoop, Since: scaletest.At(0)}}
	g := &guard.Data{Signals: []string{scale.Concurrency}, Trust: guard.TrustConfig{TrustRules: guard.TrustRules{Absent: guard.FallBack, FallbackReplicas: 7}}}
	if got, reason := g.Limit(obs, 3); got != 3 {
		t.Errorf("got %d (%s), want 3 while replicas fail", got, reason)
	}
}

func TestTrustConfigReportsEveryFault(t *testing.T) {
	cfg := guard.TrustConfig{TrustRules: guard.TrustRules{Stale: "Panic", Absent: guard.FallBack},
		Signals: []guard.SignalTrust{{Name: "a", TrustRules: guard.TrustRules{Stale: guard.FallBack}}, {Name: "a"}, {}, {Name: "b", TrustRules: guard.TrustRules{FallbackReplicas: -1}}}}
	want := []string{
		`stale: must be one of HoldScaleDown, Hold, Ignore, Fallback, got "Panic"`,
		"absent: Fallback needs fallbackReplicas",
		"signals[0].stale: Fallback needs fallbackReplicas",
		`signals[1].name: "a" already has rules in signals[0]`,
		"signals[2].name: must not be empty",
		"signals[3].fallbackReplicas: must be at least 1, got -1",
	}
	if diff := cmp.Diff(want, strings.Split(cfg.Validate().Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := actions().Validate(); err != nil {
		t.Errorf("a sound configuration: %v", err)
	}
}

// A policy that goes over to another signal is held by that one alone; what
// others decide on holds as ever.
func TestWhatAPolicyDecidesOnNow(t *testing.T) {
	deciding := []string{scale.RequestRate}
	g := &guard.Data{Signals: []string{scale.ViolationRatio}, Deciding: func() []string { return deciding }}
	cpu := scaletest.Fresh(scale.CPUUtilization, scaletest.At(0), 0.5)
	obs := scaletest.Observation(0, 5, cpu, scaletest.Fresh(scale.ViolationRatio, scaletest.At(0), 0))
	if n, why := g.Limit(obs, 2); n != 5 || why.Subject != scale.RequestRate {
		t.Errorf("it decides on a rate that is absent: got %d (%s), want 5", n, why)
	}
	deciding = []string{scale.CPUUtilization}
	if n, why := g.Limit(obs, 2); n != 2 {
		t.Errorf("it decides on CPU: got %d (%s), want 2", n, why)
	}
	if n, why := g.Limit(scaletest.Observation(0, 5, cpu), 2); n != 5 || why.Subject != scale.ViolationRatio {
		t.Errorf("the objective cannot be seen: got %d (%s), want 5", n, why)
	}
}
