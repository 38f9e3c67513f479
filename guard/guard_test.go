package guard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/guard/guardtest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func objective() scale.Objective {
	return scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)}
}

func TestConformance(t *testing.T) {
	between := guardtest.Promise{BetweenCurrentAndWanted: true}
	cooldown := func(d time.Duration) guard.Guard {
		return guard.NewCooldown(guard.CooldownConfig{ScaleUp: scale.Duration(d), ScaleDown: scale.Duration(2 * d)})
	}
	for _, tc := range []struct {
		name     string
		promise  guardtest.Promise
		new, alt func() guard.Guard
	}{
		{"health", between,
			func() guard.Guard { return guard.Health{Grace: scale.Duration(time.Second)} },
			func() guard.Guard { return guard.Health{Grace: scale.Duration(time.Minute)} }},
		{"rollout", between,
			func() guard.Guard {
				o := objective()
				return &guard.Rollout{Config: guard.DefaultRollout(), Objective: &o}
			},
			func() guard.Guard { return &guard.Rollout{Config: guard.DefaultRollout()} }},
		{"data", between,
			func() guard.Guard { return &guard.Data{Signals: []string{scale.Concurrency}} },
			func() guard.Guard { return guard.Bounds{} }},
		{"data with actions", guardtest.Promise{},
			func() guard.Guard { return &guard.Data{Signals: doubtful(), Trust: actions()} },
			func() guard.Guard { return guard.Bounds{} }},
		{"behavior hpa", guardtest.Promise{},
			func() guard.Guard { return guard.NewBehavior(guard.HPADefaults()) },
			func() guard.Guard { return guard.Bounds{} }},
		{"behavior tight", guardtest.Promise{},
			func() guard.Guard { return guard.NewBehavior(tight()) },
			func() guard.Guard { return guard.Bounds{} }},
		{"cooldown", between,
			func() guard.Guard { return cooldown(time.Minute) },
			func() guard.Guard { return guard.Bounds{} }},
		{"objective floor", guardtest.Promise{BetweenCurrentAndWanted: true, LastsForHours: true},
			func() guard.Guard { return &guard.ObjectiveFloor{Objective: objective()} },
			func() guard.Guard { return guard.Bounds{} }},
		{"wake", guardtest.Promise{},
			func() guard.Guard { return guard.Wake{} },
			func() guard.Guard { return guard.Bounds{} }},
		{"budget", guardtest.Promise{LastsForHours: true},
			func() guard.Guard { return nearlyUsedUp(false) },
			func() guard.Guard { return budgetIn(t, "America/New_York") }},
		{"hard budget", guardtest.Promise{LastsForHours: true},
			func() guard.Guard { return nearlyUsedUp(true) },
			func() guard.Guard { return budgetIn(t, "Asia/Tokyo") }},
		{"bounds", guardtest.Promise{},
			func() guard.Guard { return guard.Bounds{Min: 2, Max: 10} },
			func() guard.Guard { return guard.Bounds{Min: 1, Max: 10} }},
	} {
		t.Run(tc.name, func(t *testing.T) { guardtest.Run(t, tc.promise, tc.new, tc.alt) })
	}
}

// Under another wait the last change is as long ago.
func TestACooldownThatIsChangedGoesOn(t *testing.T) {
	was := guard.NewCooldown(guard.CooldownConfig{ScaleUp: scale.Duration(time.Minute)})
	is := guard.NewCooldown(guard.CooldownConfig{ScaleUp: scale.Duration(time.Hour)})
	was.Applied(scaletest.At(0), 2, 3)
	memory, err := was.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := is.Restore(memory); err != nil {
		t.Fatal(err)
	}
	if n, reason := is.Limit(scaletest.Observation(30*time.Minute, 3), 9); n != 3 {
		t.Errorf("30 minutes after a change, under an hour: %d (%s), want 3", n, reason)
	}
}

func TestCooldown(t *testing.T) {
	g := guard.NewCooldown(guard.CooldownConfig{ScaleDown: scale.Duration(5 * time.Minute)})
	limit := func(after time.Duration, current, want int) int {
		n, _ := g.Limit(scaletest.Observation(after, current), want)
		return n
	}
	if n := limit(0, 10, 4); n != 4 {
		t.Errorf("before any change: got %d, want 4", n)
	}
	g.Applied(scaletest.At(0), 8, 8)
	if n := limit(time.Second, 8, 4); n != 4 {
		t.Errorf("an applied change that is none started a cooldown: got %d, want 4", n)
	}
	g.Applied(scaletest.At(0), 8, 10)
	if n := limit(4*time.Minute, 10, 4); n != 10 {
		t.Errorf("inside the cooldown: got %d, want 10", n)
	}
	if n := limit(4*time.Minute, 10, 12); n != 12 {
		t.Errorf("scale-up has no cooldown here: got %d, want 12", n)
	}
	if n := limit(5*time.Minute, 10, 4); n != 4 {
		t.Errorf("after the cooldown: got %d, want 4", n)
	}
}

func TestObjectiveFloor(t *testing.T) {
	g := &guard.ObjectiveFloor{Objective: objective()}
	violated := scaletest.Fresh(scale.ViolationRatio, scaletest.At(0), 0.002)
	met := scaletest.Fresh(scale.ViolationRatio, scaletest.At(0), 0.001)
	if n, reason := g.Limit(scaletest.Observation(0, 6, violated), 3); n != 6 || !strings.Contains(reason.String(), "0.2 %") {
		t.Errorf("violated: got %d (%s), want 6 with the ratio", n, reason)
	}
	if n, _ := g.Limit(scaletest.Observation(0, 6, violated), 9); n != 9 {
		t.Errorf("violated, going up: got %d, want 9", n)
	}
	if n, _ := g.Limit(scaletest.Observation(0, 6, met), 3); n != 3 {
		t.Errorf("exactly at the target counts as met: got %d, want 3", n)
	}
	if n, _ := g.Limit(scaletest.Observation(0, 6), 3); n != 3 {
		t.Errorf("without a violation ratio: got %d, want 3", n)
	}
}
