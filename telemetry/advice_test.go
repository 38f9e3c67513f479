package telemetry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/telemetry"
)

// Each question to an advisor is counted by how it ended; what was not asked took
// no time.
func TestQuestionsToAdvisors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		answered := record.Advised{Asked: "load 3", Said: "{}", Took: 15 * time.Second, In: 400, Out: 50, Cost: 0.25}
		other := func(change func(*record.Advised)) record.Advised { a := answered; change(&a); return a }
		for _, a := range []record.Advised{
			answered, answered,
			other(func(a *record.Advised) { a.Cached, a.In, a.Out, a.Cost = true, 0, 0, 0 }),
			other(func(a *record.Advised) { a.Error = "answer refused" }),
			{Asked: "load 3", Error: "status 500"},
			{Error: "pace: nobody is asked until 18:00"},
		} {
			for _, name := range []string{"shop", "another instance's"} {
				r.do(control.Exchanges(r.bus, name).Publish(t.Context(), control.Exchange{Target: name, Advised: a}))
			}
		}
		for family, want := range map[string]map[string]float64{
			telemetry.AdvisorRequests: {"outcome=ok,target=shop": 2, "outcome=cached,target=shop": 1, "outcome=refused,target=shop": 1, "outcome=error,target=shop": 1, "outcome=unasked,target=shop": 1},
			telemetry.AdvisorTokens:   {"direction=read,target=shop": 1200, "direction=written,target=shop": 150},
			telemetry.AdvisorCost:     {"target=shop": 0.75},
		} {
			if diff := cmp.Diff(want, r.values(family)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", family, diff)
			}
		}
		h := r.families()[telemetry.AdvisorDuration].Metric[0].Histogram
		if h.GetSampleCount() != 4 || h.GetSampleSum() != 45 {
			t.Errorf("durations: got %d with a sum of %v, want the 4 that were asked, 45 s", h.GetSampleCount(), h.GetSampleSum())
		}
	})
}

func TestWhatDecisionsMakeOfAdvice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "shop")
		defer r.stop()
		decide := func(proposals ...scale.Proposal) {
			r.decide(record.Decided{Decision: scale.Decision{Target: "shop", Policy: "advised", Recommendation: scale.Recommendation{Proposals: proposals}}})
		}
		advice := func(code, words string) scale.Proposal {
			return scale.Proposal{Signal: "advisor", Reason: scale.Because(code, words, 0.4)}
		}
		decide(advice("Advice", "weighs {0%}"))
		decide(advice("AdviceVetoed", "weighs {0%}"))
		if got := r.values(telemetry.AdviceWeight)["target=shop"]; got != 0.4 {
			t.Errorf("weight: got %v, want 0.4", got)
		}
		decide(advice("AdviceVetoed", "weighs 40 %")) // as it comes from another process
		want := map[string]float64{"target=shop,use=agreed": 1, "target=shop,use=vetoed": 2}
		if diff := cmp.Diff(want, r.values(telemetry.AdviceDecisions)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got := r.values(telemetry.AdviceWeight); len(got) != 0 {
			t.Errorf("a weight that nobody tells is %v", got)
		}
		decide(advice("Advice", "weighs {0%}"))
		decide()
		if got := r.values(telemetry.AdviceWeight); len(got) != 0 {
			t.Errorf("without advice: got %v", got)
		}
	})
}
