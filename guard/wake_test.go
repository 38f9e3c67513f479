package guard_test

import (
	"testing"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func TestRequestsThatWaitGetAReplica(t *testing.T) {
	stale := signal(scale.QueueDepth, scale.Stale)
	for _, tc := range []struct {
		rule          string
		queue         []scale.Signal
		current, want int
		limit         int
	}{
		{"asleep, somebody waits: one", []scale.Signal{waiting(3)}, 0, 0, 1},
		{"the policy may want more", []scale.Signal{waiting(3)}, 0, 4, 4},
		{"the one that was woken stays until nobody waits", []scale.Signal{waiting(1)}, 1, 0, 1},
		{"awake: any other count is the policy's matter", []scale.Signal{waiting(3)}, 5, 2, 2},
		{"nobody waits: asleep", []scale.Signal{waiting(0)}, 0, 0, 0},
		{"in doubt: asleep", []scale.Signal{stale}, 0, 0, 0},
		{"not measured: asleep", nil, 0, 0, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			got, reason := guard.Wake{}.Limit(scaletest.Observation(0, tc.current, tc.queue...), tc.want)
			if got != tc.limit {
				t.Errorf("at %d, %d wanted: got %d (%s), want %d", tc.current, tc.want, got, reason, tc.limit)
			}
		})
	}
	closed := guard.Wake{Closed: func(scale.Observation) bool { return true }}
	if got, reason := closed.Limit(scaletest.Observation(0, 0, waiting(3)), 0); got != 0 {
		t.Errorf("closed: got %d (%s), want 0", got, reason)
	}
}
