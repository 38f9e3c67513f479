package guard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// now is the instant of the stories about replicas; the good ones were
// started an hour before.
const now = time.Hour

func ready(startedAgo, readyFor time.Duration) scale.Replica {
	return scale.Replica{Phase: scale.Running, StartedAt: scaletest.At(now - startedAgo),
		Readiness: scale.Readiness{Known: true, Ready: true, Since: scaletest.At(now - readyFor)}}
}

// unready has been not ready since so long after its start.
func unready(startedAgo, after time.Duration) scale.Replica {
	return scale.Replica{Phase: scale.Running, StartedAt: scaletest.At(now - startedAgo),
		Readiness: scale.Readiness{Known: true, Since: scaletest.At(now - startedAgo + after)}}
}

func restarted(startedAgo time.Duration) scale.Replica {
	r := unready(startedAgo, time.Second)
	r.Restarts = 3
	return r
}

func failed(startedAgo time.Duration) scale.Replica {
	r := unready(startedAgo, time.Second)
	r.Phase = scale.Failed
	return r
}

func leaving(r scale.Replica) scale.Replica {
	r.DeletedAt = scaletest.At(now)
	return r
}

func several(n int, r scale.Replica) []scale.Replica {
	var all []scale.Replica
	for range n {
		all = append(all, r)
	}
	return all
}

func TestHealth(t *testing.T) {
	old, started := ready(time.Hour, time.Hour), 20*time.Second
	looping := func(ago time.Duration) []scale.Condition {
		return []scale.Condition{{Type: scale.CrashLoop, Since: scaletest.At(now - ago)}}
	}
	for _, tc := range []struct {
		rule       string
		replicas   []scale.Replica
		conditions []scale.Condition
		current    int // 0: as many as there are replicas
		want       int
		limit      int
		code       string
	}{
		{"healthy replicas decide nothing", several(3, old), nil, 0, 9, 9, ""},
		{"one that starts is not failing", append(several(3, old), unready(started, time.Second)), nil, 0, 9, 9, ""},
		{"one that is overloaded is not failing", append(several(3, old), unready(time.Hour, 50*time.Minute)), nil, 0, 9, 9, ""},
		{"never ready in all its grace", append(several(3, old), unready(6*time.Minute, time.Second)), nil, 0, 9, 4, "ReplicasFailing"},
		{"ended with an error", append(several(3, old), failed(started)), nil, 0, 9, 4, "ReplicasFailing"},
		{"restarted and not ready again", append(several(3, old), restarted(started)), nil, 0, 9, 4, "ReplicasFailing"},
		{"restarted and slow to start", append(several(3, old), restarted(2*time.Minute)), nil, 0, 9, 9, ""},
		{"restarted and never ready in all its grace", append(several(3, old), restarted(6*time.Minute)), nil, 0, 9, 4, "ReplicasFailing"},
		{"one that leaves does not count", append(several(3, old), leaving(failed(started))), nil, 3, 9, 9, ""},
		{"one started since works", append(several(3, old), failed(started), ready(15*time.Second, 11*time.Second)), nil, 0, 9, 9, ""},
		{"one started since was ready for a moment only", append(several(3, old), failed(started), ready(15*time.Second, 3*time.Second)), nil, 0, 9, 5, "ReplicasFailing"},
		{"an old sick one among newer good ones", append(several(3, ready(30*time.Minute, 29*time.Minute)), failed(time.Hour)), nil, 0, 9, 9, ""},
		{"healthy ones stay", append(several(3, old), failed(started)), nil, 0, 1, 3, "ReplicasFailing"},
		{"failing ones may go", append(several(3, old), failed(started)), nil, 0, 3, 3, ""},
		{"the current count is no change", append(several(3, old), failed(started)), nil, 0, 4, 4, ""},
		{"a loop with the failing ones missing", several(3, old), looping(time.Minute), 5, 9, 5, scale.CrashLoop},
		{"a loop: healthy ones stay", several(3, old), looping(time.Minute), 5, 1, 3, scale.CrashLoop},
		{"a loop with nothing ready: no rise", several(2, restarted(started)), looping(time.Minute), 0, 9, 2, scale.CrashLoop},
		{"a loop with nothing ready: no fall", several(2, restarted(started)), looping(time.Minute), 0, 1, 2, scale.CrashLoop},
		{"a loop is over when one started since stays ready", append(several(3, old), ready(30*time.Second, 20*time.Second)), looping(time.Minute), 5, 9, 9, ""},
		{"one sick among ten for long: one more is tried", append(several(9, old), failed(11*time.Minute)), nil, 0, 20, 11, "ReplicasFailing"},
		{"not before ten minutes", append(several(9, old), failed(9*time.Minute)), nil, 0, 20, 10, "ReplicasFailing"},
		{"not while another starts", append(several(9, old), failed(11*time.Minute), unready(started, time.Second)), nil, 0, 20, 11, "ReplicasFailing"},
		{"not when the one tried fails too", append(several(9, old), failed(22*time.Minute), failed(11*time.Minute)), nil, 0, 20, 11, "ReplicasFailing"},
		{"not when none is ready", several(1, failed(11*time.Minute)), nil, 0, 5, 1, "ReplicasFailing"},
		{"a long loop of one among ten: one more is tried", several(9, old), looping(11 * time.Minute), 10, 20, 11, scale.CrashLoop},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			obs := scale.Observation{At: scaletest.At(now), CurrentReplicas: tc.current, Replicas: tc.replicas, Conditions: tc.conditions}
			if tc.current == 0 {
				obs.CurrentReplicas = len(tc.replicas)
			}
			g := guard.Health{Grace: scale.Duration(5 * time.Minute)}
			got, reason := g.Limit(obs, tc.want)
			if got != tc.limit || reason.Code != tc.code {
				t.Errorf("at %d, %d wanted: got %d (%s: %s), want %d (%s)", obs.CurrentReplicas, tc.want, got, reason.Code, reason, tc.limit, tc.code)
			}
			if _, why, holds := g.Condition(obs); tc.code != "" && (!holds || why.Code != tc.code) {
				t.Errorf("condition: got %v (%s), want %s", holds, why, tc.code)
			}
		})
	}
}

func TestRollout(t *testing.T) {
	since := func(ago time.Duration) []scale.Condition {
		return []scale.Condition{{Type: scale.RolloutInProgress, Since: scaletest.At(now - ago)}}
	}
	signal := func(name string, value float64) []scale.Signal {
		return []scale.Signal{scaletest.Fresh(name, scaletest.At(now), value)}
	}
	promise := objective()
	for _, tc := range []struct {
		rule       string
		conditions []scale.Condition
		signals    []scale.Signal
		objective  *scale.Objective
		want       int
		limit      int
	}{
		{"without a rollout anything goes", nil, nil, nil, 9, 9},
		{"no scale-up", since(time.Minute), nil, nil, 9, 5},
		{"no scale-down", since(time.Minute), nil, nil, 2, 5},
		{"up when requests wait", since(time.Minute), signal(scale.QueueDepth, 1), nil, 9, 9},
		{"up when the objective is violated", since(time.Minute), signal(scale.ViolationRatio, 0.002), &promise, 9, 9},
		{"not when it is met", since(time.Minute), signal(scale.ViolationRatio, 0.001), &promise, 9, 5},
		{"not without an objective", since(time.Minute), signal(scale.ViolationRatio, 0.5), nil, 9, 5},
		{"never down, however much is violated", since(time.Minute), signal(scale.ViolationRatio, 0.5), &promise, 2, 5},
		{"a second before its end", since(10*time.Minute - time.Second), nil, nil, 2, 5},
		{"a stuck rollout holds nothing", since(10 * time.Minute), nil, nil, 2, 2},
		{"nor does one from the future", since(-11 * time.Minute), nil, nil, 2, 2},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			obs := scale.Observation{At: scaletest.At(now), CurrentReplicas: 5, Conditions: tc.conditions, Signals: tc.signals}
			g := &guard.Rollout{Config: guard.DefaultRollout(), Objective: tc.objective}
			got, reason := g.Limit(obs, tc.want)
			if got != tc.limit || (reason.Code == scale.RolloutInProgress) != (got != tc.want) {
				t.Errorf("got %d (%s: %s), want %d", got, reason.Code, reason, tc.limit)
			}
		})
	}
}

func ExampleHealth() {
	obs := scale.Observation{At: scaletest.At(now), CurrentReplicas: 4, Replicas: append(several(3, ready(time.Hour, time.Hour)), failed(time.Minute))}
	fmt.Println(guard.Health{}.Limit(obs, 8))
	fmt.Println(guard.Health{}.Limit(obs, 1))
	// Output:
	// 4 no scale-up to 8: 1 failing beside 3 ready, and none started since is ready
	// 3 no scale-down to 1: 1 failing beside 3 ready, which stay
}

// Whoever has stopped a service starts it again: until then nothing that is
// measured says how many it needs, and no order would be carried out.
func TestTheCountStaysWhileSomebodyHasStoppedTheService(t *testing.T) {
	obs := scale.Observation{At: scaletest.At(now), CurrentReplicas: 2, Conditions: []scale.Condition{{Type: scale.ServiceDown}}}
	for _, want := range []int{0, 1, 7} {
		if n, why := (guard.Health{}).Limit(obs, want); n != 2 || why.Code != scale.ServiceDown {
			t.Errorf("wanted %d: got %d, because %q; want 2 because of %s", want, n, why, scale.ServiceDown)
		}
	}
	if n, why := (guard.Health{}).Limit(obs, 2); n != 2 || why.Code != "" {
		t.Errorf("wanted 2: got %d, because %q; want 2 without a word", n, why)
	}
}
