package guard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func tight() guard.BehaviorRules {
	minute := scale.Duration(time.Minute)
	return guard.BehaviorRules{
		Up:   guard.Rules{Select: "Min", StabilizationWindow: minute, Rates: []guard.Rate{{Value: 3, Period: minute}, {Percent: true, Value: 50, Period: minute}}},
		Down: guard.Rules{Select: "Max", StabilizationWindow: 2 * minute, Rates: []guard.Rate{{Value: 1, Period: minute}, {Percent: true, Value: 10, Period: minute}}},
	}
}

// step is one instant of a story: after so long, at so many replicas, so many
// are wanted; want is the answer and code the reason. The answer is applied.
type step struct {
	after         time.Duration
	current, asks int
	want          int
	code          string
}

func tell(t *testing.T, g guard.Guard, story []step) {
	t.Helper()
	for _, s := range story {
		obs := scaletest.Observation(s.after, s.current)
		got, reason := g.Limit(obs, s.asks)
		if got != s.want || reason.Code != s.code {
			t.Errorf("after %v at %d, %d wanted: got %d (%s: %s), want %d (%s)", s.after, s.current, s.asks, got, reason.Code, reason, s.want, s.code)
		}
		g.Applied(obs.At, s.current, got)
	}
}

func TestBehaviorHPADefaults(t *testing.T) {
	seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
	tell(t, guard.NewBehavior(guard.HPADefaults()), []step{
		{seconds(0), 1, 30, 5, "ScaleUpLimit"},   // 4 replicas are more than 100 %
		{seconds(5), 5, 30, 5, "ScaleUpLimit"},   // the period's 4 are used up
		{seconds(15), 5, 30, 10, "ScaleUpLimit"}, // 100 % are more than 4
		{seconds(30), 10, 12, 12, ""},            // within the rate
		{seconds(45), 12, 4, 12, "ScaleDownStabilized"},
		{seconds(329), 12, 4, 12, "ScaleDownStabilized"}, // 12 was wanted 299 s ago
		{seconds(331), 12, 4, 4, ""},                     // all that is left in the window are fours
	})
}

func TestBehaviorStabilizesToTheHighestOfTheWindow(t *testing.T) {
	g := guard.NewBehavior(guard.HPADefaults())
	tell(t, g, []step{
		{0, 10, 9, 10, "ScaleDownStabilized"}, // the 10 found at the start count as recommended
		{time.Minute, 10, 7, 10, "ScaleDownStabilized"},
		{4 * time.Minute, 10, 5, 10, "ScaleDownStabilized"},
		{5*time.Minute + time.Second, 10, 5, 7, "ScaleDownStabilized"}, // 10 and 9 have left the window
		{6*time.Minute + time.Second, 7, 5, 5, ""},
	})
}

// After a gap it knows as little of the last minutes as at the start. What it
// remembers from before must not make it less careful than no memory does.
func TestBehaviorKnowsNothingOfATimeInWhichNobodyAsked(t *testing.T) {
	minutes := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	tell(t, guard.NewBehavior(guard.HPADefaults()), []step{
		{0, 10, 10, 10, ""},
		{minutes(4), 10, 1, 10, "ScaleDownStabilized"}, // 10 was wanted 4 minutes ago
		// The controller was off for a quarter of an hour, or there was no data.
		{minutes(19), 10, 1, 10, "ScaleDownStabilized"},
		{minutes(23), 10, 1, 10, "ScaleDownStabilized"},
		{minutes(24), 10, 1, 1, ""}, // five minutes without another wish
	})
	both := guard.NoRules()
	both.Up.StabilizationWindow = scale.Duration(minutes(1))
	tell(t, guard.NewBehavior(both), []step{
		{0, 4, 4, 4, ""},
		{minutes(15), 4, 8, 4, "ScaleUpStabilized"},
		{minutes(15) + 30*time.Second, 4, 8, 4, "ScaleUpStabilized"},
		{minutes(16), 4, 8, 8, ""},
	})
}

// Who decides more seldom than the window is long has no gaps, and must get
// down all the same.
func TestBehaviorOfDecisionsThatComeSeldom(t *testing.T) {
	g := guard.NewBehavior(guard.HPADefaults())
	g.Sync = 10 * time.Minute
	tell(t, g, []step{
		{0, 10, 10, 10, ""},
		{10 * time.Minute, 10, 5, 5, ""},
		{20 * time.Minute, 5, 3, 3, ""},
		{60 * time.Minute, 3, 1, 3, "ScaleDownStabilized"}, // four syncs are a gap
		{70 * time.Minute, 3, 1, 1, ""},
	})
}

func TestBehaviorSelectMinIsTheSmallestChange(t *testing.T) {
	rules := tight()
	rules.Up.StabilizationWindow, rules.Down.StabilizationWindow = 0, 0
	tell(t, guard.NewBehavior(rules), []step{
		{0, 4, 20, 6, "ScaleUpLimit"},                 // 50 % of 4 = 2, fewer than 3
		{2 * time.Minute, 10, 20, 13, "ScaleUpLimit"}, // 3, fewer than 50 % = 5
		{4 * time.Minute, 13, 20, 16, "ScaleUpLimit"},
	})
	tell(t, guard.NewBehavior(rules), []step{
		{0, 30, 5, 27, "ScaleDownLimit"},                // Max: 10 % of 30 = 3, more than 1
		{30 * time.Second, 27, 5, 27, "ScaleDownLimit"}, // used up
		{2 * time.Minute, 27, 5, 24, "ScaleDownLimit"},  // 27 × 0.9 = 24.3, truncated
	})
}

// Both lists of changes move the start of a period (kubernetes PR 109058): 5
// replicas less and 5 more within a minute leave the whole rate available.
func TestBehaviorStartOfPeriodCountsBothDirections(t *testing.T) {
	rules := guard.NoRules()
	rules.Up.Rates = []guard.Rate{{Value: 2, Period: scale.Duration(time.Minute)}}
	g := guard.NewBehavior(rules)
	g.Applied(scaletest.At(0), 10, 5)
	n, _ := g.Limit(scaletest.Observation(time.Second, 5), 20)
	if n != 12 {
		t.Errorf("after going from 10 to 5 within the period: got %d, want 10 + 2", n)
	}
}

// Whoever takes replicas away by hand can make a period begin with fewer than
// none. Such a policy allows nothing, and with Min it is the one that counts.
func TestBehaviorAPeriodThatBeganBelowZeroAllowsNothing(t *testing.T) {
	rules := guard.NoRules()
	rules.Up.Select = "Min"
	rules.Up.Rates = []guard.Rate{{Value: 1, Period: scale.Duration(10 * time.Minute)}, {Percent: true, Value: 300, Period: scale.Duration(time.Second)}}
	g := guard.NewBehavior(rules)
	g.Applied(scaletest.At(0), 0, 10)
	if n, reason := g.Limit(scaletest.Observation(time.Minute, 5), 50); n != 5 || reason.Code != "ScaleUpLimit" {
		t.Errorf("5 left of 10 that were added: got %d (%s), want 5: the period began with -5", n, reason)
	}
}

func TestBehaviorDisabledHoldsItsDirection(t *testing.T) {
	rules := guard.NoRules()
	rules.Down.Select = "Disabled"
	tell(t, guard.NewBehavior(rules), []step{{0, 5, 2, 5, "ScaleDownLimit"}, {time.Second, 5, 9, 9, ""}})
}

func TestBehaviorConfigOverDefaults(t *testing.T) {
	zero, disabled, tolerance := 0, "Disabled", 0.05
	cfg := guard.BehaviorConfig{ScaleDown: &guard.RulesConfig{StabilizationWindowSeconds: &zero, Tolerance: &tolerance,
		Policies: []guard.RateConfig{{Type: "Percent", Value: 10, PeriodSeconds: 60}}}, ScaleUp: &guard.RulesConfig{SelectPolicy: &disabled}}
	rules := cfg.Over(guard.HPADefaults())
	if rules.Down.StabilizationWindow != 0 || len(rules.Down.Rates) != 1 || rules.Down.Rates[0].Value != 10 || rules.Down.Select != "Max" {
		t.Errorf("scale-down: got %+v, want the configured policy alone, no window, select Max kept", rules.Down)
	}
	if rules.Down.Tolerance == nil || *rules.Down.Tolerance != 0.05 || rules.Up.Tolerance != nil {
		t.Errorf("tolerances: got %v down, %v up, want 0.05 down and none up", rules.Down.Tolerance, rules.Up.Tolerance)
	}
	if rules.Up.Select != "Disabled" || len(rules.Up.Rates) != 2 {
		t.Errorf("scale-up: got %+v, want Disabled with the default policies kept", rules.Up)
	}
	if again := (guard.BehaviorConfig{}).Over(guard.HPADefaults()); again.Down.StabilizationWindow.Std() != 300*time.Second {
		t.Error("laying one configuration over the defaults changed the defaults")
	}
}

func TestBehaviorConfigReportsEveryFault(t *testing.T) {
	window, sel, tolerance := 4000, "Avg", -0.1
	cfg := guard.BehaviorConfig{ScaleUp: &guard.RulesConfig{StabilizationWindowSeconds: &window, SelectPolicy: &sel, Tolerance: &tolerance,
		Policies: []guard.RateConfig{{Type: "Pod", Value: 0, PeriodSeconds: 1801}}}}
	got := cfg.Validate().Error()
	for _, want := range []string{"scaleUp.stabilizationWindowSeconds: must be between 0 and 3600, got 4000", "scaleUp.selectPolicy: must be one of", "scaleUp.tolerance: must be at least 0, got -0.1",
		"scaleUp.policies[0].type: must be one of", "scaleUp.policies[0].value: must be above 0", "scaleUp.policies[0].periodSeconds: must be between"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}
