package guard_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// roomless has been asked for and not been placed.
func roomless() scale.Replica { return scale.Replica{Phase: scale.Pending} }

func TestNoMoreAreAskedForThanCanBePlaced(t *testing.T) {
	fits := func(limit int) scale.Condition {
		return scale.Condition{Type: scale.CannotPlace, Since: scaletest.At(now - time.Minute), Limit: limit}
	}
	looping := scale.Condition{Type: scale.CrashLoop, Since: scaletest.At(now - time.Minute)}
	for _, tc := range []struct {
		rule       string
		ready      int
		waiting    int
		conditions []scale.Condition
		want       int
		limit      int
		code       string
	}{
		{"what waits for room is not asked for twice", 6, 4, []scale.Condition{fits(6)}, 12, 10, scale.CannotPlace},
		{"what waits stays asked for", 6, 4, []scale.Condition{fits(6)}, 10, 10, ""},
		{"fewer are fewer", 6, 4, []scale.Condition{fits(6)}, 7, 7, ""},
		{"up to the room there is", 3, 0, []scale.Condition{fits(6)}, 12, 6, scale.CannotPlace},
		{"within the room", 3, 0, []scale.Condition{fits(6)}, 5, 5, ""},
		{"no room at all", 0, 1, []scale.Condition{fits(0)}, 2, 1, scale.CannotPlace},
		{"those that fail need no room", 3, 0, []scale.Condition{fits(6), looping}, 12, 3, scale.CrashLoop},
		{"without the condition", 6, 4, nil, 12, 12, ""},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			obs := scaletest.Observation(now, tc.ready+tc.waiting)
			obs.Replicas = append(several(tc.ready, ready(time.Hour, 50*time.Minute)), several(tc.waiting, roomless())...)
			obs.Conditions = tc.conditions
			got, reason := guard.Health{}.Limit(obs, tc.want)
			if got != tc.limit || reason.Code != tc.code {
				t.Errorf("%d → %d (%s: %s), want %d (%s)", tc.want, got, reason.Code, reason, tc.limit, tc.code)
			}
		})
	}
}
