package control

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// seer is a policy that expects something.
type seer struct {
	thoughtful
	outlook policy.Outlook
}

func (s seer) Outlook() (policy.Outlook, bool) { return s.outlook, true }

func (seer) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	return scale.Recommendation{Replicas: obs.CurrentReplicas}, nil
}

// Who listens to decisions hears what the policy expects and what the day has
// cost, unless an expectation has no end or is no number.
func TestADecisionTellsWhatIsExpectedAndSpent(t *testing.T) {
	expects := policy.Outlook{Signal: "requestRate", Load: 80, Peak: [3]float64{90, 120, 150}, Horizon: 45 * time.Second}
	endless, odd := expects, expects
	endless.Horizon = 0
	odd.Peak[2] = math.NaN()
	for name, c := range map[string]struct {
		policy policy.Policy
		want   *record.Outlook
	}{
		"looks ahead":   {seer{outlook: expects}, &record.Outlook{Signal: "requestRate", Load: 80, Peak: [3]float64{90, 120, 150}, Horizon: 45 * time.Second}},
		"without end":   {seer{outlook: endless}, nil},
		"not a number":  {seer{outlook: odd}, nil},
		"does not look": {&forgetful{}, nil},
	} {
		b := memory.New()
		decisions, err := Decisions(b, All).Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		budget := guard.NewBudget(guard.BudgetConfig{PerReplicaHour: 1, PerDay: 100, Sync: time.Minute})
		p := Planner{Name: "web", Decisions: Decisions(b, "web"), Memories: Memories(b, "web"), Clock: clock.System, Log: slog.New(slog.DiscardHandler),
			plan: Plan{Mode: scale.Apply, Sync: time.Minute, MaxAge: time.Minute, Decider: decide.New("x", c.policy, budget)}}
		p.seen = newAssembler("web", time.Minute)
		p.seen.take(Report{Target: "web", At: clock.System.Now(), Status: &target.Status{SpecReplicas: 2}})
		if !p.decide(t.Context()) {
			t.Fatalf("%s: no decision", name)
		}
		d := <-decisions
		if diff := cmp.Diff(c.want, d.Outlook); diff != "" {
			t.Errorf("%s: outlook (-want +got):\n%s", name, diff)
		}
		if d.Budget == nil || d.Budget.PerDay != 100 {
			t.Errorf("%s: budget %+v, want 100 a day", name, d.Budget)
		}
		if kept := d.Unforeseen(); kept.Outlook != nil || kept.Budget != nil || d.Budget == nil {
			t.Errorf("%s: for the record %+v", name, kept)
		}
	}
}

// What the balancer carries is told by the monitor of its role, the counts by
// another: the whole report has both.
func TestAWholeReportHasWhatTheBalancerCarries(t *testing.T) {
	g := Gatherer{round: map[string]Report{}, missed: map[string]int{"balancer": 0, "executor": 0}, beside: map[string][]scale.Condition{}}
	carried := &Carried{Active: 2, Requests: 7}
	if whole := g.take(Report{By: "balancer", Measured: true, Carried: carried}); len(whole) != 0 {
		t.Fatalf("half a round is told: %+v", whole)
	}
	whole := g.take(Report{By: "executor", Measured: true, Status: &target.Status{SpecReplicas: 2}})
	if len(whole) != 1 || whole[0].Carried != carried || whole[0].Status == nil {
		t.Errorf("got %+v, want one report with counts and carried", whole)
	}
}
