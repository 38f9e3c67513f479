package guard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// A replica costs 1 an hour; a day may cost 100, of which the minimum of 2
// takes 48: 52 replica-hours beyond it.
func budgetConfig(hard bool) guard.BudgetConfig {
	promise := objective()
	return guard.BudgetConfig{PerReplicaHour: 1, PerDay: 100, Hard: hard, Min: 2, Sync: 15 * time.Second, Objective: &promise}
}

func budget(hard bool) *guard.Budget { return guard.NewBudget(budgetConfig(hard)) }

// nearlyUsedUp is a budget that pays for half an hour beyond the minimum when
// first asked at 08:00: hostile observations use it up.
func nearlyUsedUp(hard bool) *guard.Budget {
	cfg := budgetConfig(hard)
	cfg.PerDay = 32.5
	return guard.NewBudget(cfg)
}

func budgetIn(t *testing.T, name string) *guard.Budget {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := budgetConfig(true)
	cfg.Zone = zone
	return guard.NewBudget(cfg)
}

// clock is an instant of a day in March, in UTC.
func clock(day int, hour, minute float64) time.Time {
	return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC).Add(time.Duration((hour*60 + minute) * float64(time.Minute)))
}

func seen(at time.Time, replicas int, signals ...scale.Signal) scale.Observation {
	return scale.Observation{At: at, CurrentReplicas: replicas, Signals: signals}
}

// spend lets g see a count all the time between two instants.
func spend(g *guard.Budget, from, to time.Time, replicas int) {
	for at := from; at.Before(to); at = at.Add(15 * time.Minute) {
		g.Limit(seen(at, replicas), replicas)
	}
}

func ratio(trust scale.Trust, value float64) scale.Signal {
	s := signal(scale.ViolationRatio, trust)
	s.Points[0].Value = value
	return s
}

func requests(rate float64) scale.Signal {
	return scaletest.Fresh(scale.RequestRate, scaletest.At(0), rate)
}

func waiting(n float64) scale.Signal { return scaletest.Fresh(scale.QueueDepth, scaletest.At(0), n) }

func TestABudgetPaysForPeaksUntilOnlyTheMinimumIsLeft(t *testing.T) {
	g := budget(true)
	// 15 replicas are 13 beyond the minimum: 52 h ÷ 13 = 4 hours.
	spend(g, clock(2, 0, 0), clock(2, 4, 0), 15)
	n, reason := g.Limit(seen(clock(2, 4, 0), 15), 20)
	if want := "2 instead of 20: 60 of 100 spent, the rest pays for the minimum of 2 until midnight UTC, in 20h"; n != 2 || reason.String() != want {
		t.Errorf("after 4 hours: got %d (%s), want 2 (%s)", n, reason, want)
	}
	since, why, holds := g.Condition(seen(clock(2, 4, 0), 2))
	if !holds || why.Code != "BudgetReached" || !since.Equal(clock(2, 4, 0)) {
		t.Errorf("condition: got %v since %v (%s), want BudgetReached since 4:00", holds, since, why)
	}
	// At the minimum nothing of what is left is used up: the limit stays.
	spend(g, clock(2, 4, 0), clock(3, 0, 0), 2)
	if n, _ := g.Limit(seen(clock(2, 23, 59), 2), 20); n != 2 {
		t.Errorf("a minute before midnight: got %d, want 2", n)
	}
	if n, reason := g.Limit(seen(clock(3, 0, 0), 2), 20); n != 20 {
		t.Errorf("a new day: got %d (%s), want 20", n, reason)
	}
	if _, why, holds := g.Condition(seen(clock(3, 0, 0), 2)); holds {
		t.Errorf("a new day: condition %s", why)
	}
}

func TestTheLastOfABudgetPaysForWhatItPaysUntilTheNextDecision(t *testing.T) {
	g := budget(true)
	spend(g, clock(2, 0, 0), clock(2, 3, 45), 15)
	g.Limit(seen(clock(2, 3, 45), 15), 15)
	// A minute before 4:00 13 × 60 s are left: 52 replicas for 15 s.
	if n, reason := g.Limit(seen(clock(2, 3, 59), 15), 90); n != 2+52 {
		t.Errorf("got %d (%s), want 54: the rest pays for 52 more for 15 s", n, reason)
	}
}

func TestTheRateTellsWhenABudgetWillBeReached(t *testing.T) {
	g := budget(true)
	g.Limit(seen(clock(2, 0, 0), 15), 15)
	g.Limit(seen(clock(2, 0, 0).Add(time.Second), 15), 15)
	began, why, holds := g.Condition(seen(clock(2, 0, 0).Add(time.Second), 15))
	if !began.Equal(clock(2, 0, 0)) {
		t.Errorf("at risk since %v, want since the first observation", began)
	}
	if want := "0 of 100 spent; at 15 replicas the budget is reached at 04:00"; !holds || why.String() != want {
		t.Errorf("got %v %q, want %q", holds, why, want)
	}
	g.Limit(seen(clock(2, 0, 0), 4), 4)
	if _, why, holds := g.Condition(seen(clock(2, 0, 0), 4)); holds {
		t.Errorf("2 beyond the minimum for 24 h are 48 of 52: got %s", why)
	}
}

func TestWhatUsersNeedIsStrongerThanABudgetThatIsNotHard(t *testing.T) {
	noObjective := budgetConfig(false)
	noObjective.Objective = nil
	for _, tc := range []struct {
		rule   string
		cfg    guard.BudgetConfig
		ratio  []scale.Signal
		want   int
		limits int
	}{
		{"hard: down to the minimum", budgetConfig(true), []scale.Signal{ratio(scale.Fresh, 0.5)}, 15, 2},
		{"violated: the count stays", budgetConfig(false), []scale.Signal{ratio(scale.Fresh, 0.5)}, 15, 15},
		{"violated: but does not rise", budgetConfig(false), []scale.Signal{ratio(scale.Fresh, 0.5)}, 20, 15},
		{"in doubt: the count stays", budgetConfig(false), []scale.Signal{ratio(scale.Stale, 0)}, 15, 15},
		{"met: one less", budgetConfig(false), []scale.Signal{ratio(scale.Fresh, 0)}, 15, 14},
		{"not measured yet, after a start: the count stays", budgetConfig(false), nil, 15, 15},
		{"no requests, so nothing to measure: one less", budgetConfig(false), []scale.Signal{requests(0)}, 15, 14},
		{"requests wait: the count stays", budgetConfig(false), []scale.Signal{waiting(3), ratio(scale.Fresh, 0)}, 15, 15},
		{"no objective: down to the minimum", noObjective, []scale.Signal{ratio(scale.Fresh, 0.5)}, 15, 2},
		{"never below the minimum by itself", budgetConfig(true), nil, 1, 1},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			g := guard.NewBudget(tc.cfg)
			spend(g, clock(2, 0, 0), clock(2, 4, 0), 15)
			if n, reason := g.Limit(seen(clock(2, 4, 0), 15, tc.ratio...), tc.want); n != tc.limits {
				t.Errorf("at 15, %d wanted: got %d (%s), want %d", tc.want, n, reason, tc.limits)
			}
		})
	}
}

// At a minimum of zero the last replica is what decides whether anybody is
// served at all.
func TestWhetherAnEmptyBudgetLetsAServiceSleep(t *testing.T) {
	noObjective := budgetConfig(false)
	noObjective.Objective = nil
	met := ratio(scale.Fresh, 0)
	for _, tc := range []struct {
		rule          string
		cfg           guard.BudgetConfig
		signals       []scale.Signal
		current, want int
		limits        int
	}{
		{"hard: nobody wakes it", budgetConfig(true), []scale.Signal{waiting(3)}, 0, 1, 0},
		{"no objective: nobody wakes it", noObjective, []scale.Signal{waiting(3)}, 0, 1, 0},
		{"users come first: who waits wakes it", budgetConfig(false), []scale.Signal{waiting(3), met}, 0, 1, 1},
		{"with one replica, whatever is wanted", budgetConfig(false), []scale.Signal{waiting(3), met}, 0, 8, 1},
		{"nobody waits: it sleeps on", budgetConfig(false), []scale.Signal{met}, 0, 1, 0},
		{"the last one stays while requests come", budgetConfig(false), []scale.Signal{requests(5), met}, 1, 1, 1},
		{"the last but one does not", budgetConfig(false), []scale.Signal{requests(5), met}, 2, 2, 1},
		{"and goes without any", budgetConfig(false), []scale.Signal{requests(0), met}, 1, 1, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			cfg := tc.cfg
			cfg.Min, cfg.PerDay = 0, 60
			g := guard.NewBudget(cfg)
			spend(g, clock(2, 0, 0), clock(2, 4, 0), 15)
			if n, reason := g.Limit(seen(clock(2, 4, 0), tc.current, tc.signals...), tc.want); n != tc.limits {
				t.Errorf("at %d, %d wanted: got %d (%s), want %d", tc.current, tc.want, n, reason, tc.limits)
			}
		})
	}
}

// spentAt returns what the reason says is spent, by asking for too much.
func spentAt(g *guard.Budget, at time.Time, replicas int) float64 {
	_, reason := g.Limit(seen(at, replicas), 1<<30)
	return reason.Args[2]
}

func TestWhatIsCounted(t *testing.T) {
	at := func(hour float64) time.Time { return clock(2, hour, 0) }
	for _, tc := range []struct {
		rule  string
		story func(g *guard.Budget) (end time.Time)
		want  float64
	}{
		{"a gap counts at the last known count", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(8), 4), 4)
			return at(10)
		}, 8},
		{"from an applied change on the new count", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(8), 4), 9)
			g.Applied(at(8), 4, 9)
			return at(10)
		}, 18},
		{"a change that was not applied costs nothing", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(8), 4), 9)
			return at(10)
		}, 8},
		{"a gap over midnight counts from there", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(20), 4), 4)
			return clock(3, 1, 30)
		}, 6},
		{"a gap of days counts the last of them", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(20), 4), 4)
			return clock(9, 1, 30)
		}, 6},
		{"a clock set back counts nothing twice", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(8), 4), 4)
			g.Limit(seen(at(10), 4), 4)
			g.Limit(seen(at(9), 4), 4)
			return at(9)
		}, 8},
		{"a clock that was a year ahead is forgotten", func(g *guard.Budget) time.Time {
			g.Limit(seen(at(8+365*24), 4), 4)
			g.Limit(seen(at(8), 4), 4)
			return at(9)
		}, 4},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			g := budget(true)
			end := tc.story(g)
			if got := spentAt(g, end, 4); got != tc.want {
				t.Errorf("spent: got %v, want %v", got, tc.want)
			}
		})
	}
}

// On 2026-03-29 Berlin has 23 hours: the minimum of 2 takes 46 of them.
func TestADayBelongsToAPlace(t *testing.T) {
	g := budgetIn(t, "Europe/Berlin")
	midnight := clock(28, 23, 0)
	g.Limit(seen(midnight.Add(-time.Minute), 50), 50)
	if got := spentAt(g, midnight, 2); got != 0 {
		t.Errorf("at midnight in Berlin: %v spent, want 0", got)
	}
	_, reason := g.Limit(seen(midnight, 2), 1<<30)
	if left := reason.Args[5]; left != 23*3600 {
		t.Errorf("%v s left at the beginning of the day, want 23 h", left)
	}
}

// Another price or budget is no reason to forget what was used today.
func TestAChangedBudgetRemembersTheDay(t *testing.T) {
	old := budget(true)
	spend(old, clock(2, 0, 0), clock(2, 4, 0), 15)
	old.Limit(seen(clock(2, 4, 0), 15), 15)
	memory, err := old.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	cfg := budgetConfig(true)
	cfg.PerDay = 110
	g := guard.NewBudget(cfg)
	if err := g.Restore(memory); err != nil {
		t.Fatal(err)
	}
	obs := seen(clock(2, 4, 0), 7)
	g.Limit(obs, 7)
	_, why, _ := g.Condition(obs)
	if want := "60 of 110 spent; at 7 replicas the budget is reached at 06:00"; why.String() != want {
		t.Errorf("got %q, want %q", why, want)
	}
}

func ExampleBudget() {
	g := guard.NewBudget(guard.BudgetConfig{PerReplicaHour: 0.04, PerDay: 20, Min: 2, Sync: 15 * time.Second, Hard: true})
	spend(g, clock(2, 0, 0), clock(2, 12, 0), 40)
	_, reason := g.Limit(seen(clock(2, 12, 0), 40), 40)
	fmt.Println(reason)
	// Output:
	// 2 instead of 40: 19.2 of 20 spent, the rest pays for the minimum of 2 until midnight UTC, in 12h
}
