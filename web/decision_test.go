package web_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

type logAnswer struct{ Decisions []web.DecisionView }

func (r *rig) log(query string) []web.DecisionView {
	r.t.Helper()
	var got logAnswer
	if code := r.get("/api/v1/targets/shop/decisions"+query, &got); code != 200 {
		r.t.Fatalf("%s: status %d", query, code)
	}
	return got.Decisions
}

func second(n int) time.Time { return start().Add(time.Duration(n) * time.Second) }

func TestDecisionsThatSayTheSameShareALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for i := range 4 {
			r.decide(decision(second(i), 5, 5, 5))
		}
		r.decide(decision(second(4), 5, 8, 8))
		lines := r.log("")
		if len(lines) != 2 || lines[0].To != 8 || lines[1].Count != 4 {
			t.Fatalf("log %+v, want 5 → 8 above a run of 4", lines)
		}
		run := lines[1]
		if run.At != float64(second(0).Unix()) || run.Until != float64(second(3).Unix()) {
			t.Errorf("run from %v to %v, want its first to its last decision", run.At, run.Until)
		}
	})
}

func TestDecisionHeldByAnotherGuardGetsALineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		first, other := decision(second(0), 5, 3, 5), decision(second(1), 5, 3, 5)
		other.Decision.Steps[0].To, other.Decision.Steps[1].From = 5, 5 // held by the first guard already
		r.decide(first)
		r.decide(decision(second(0), 5, 2, 5)) // another number, the same guard
		r.decide(other)
		if lines := r.log(""); len(lines) != 2 || lines[1].Count != 2 || lines[1].Recommendation.Replicas != 2 {
			t.Errorf("log %+v: want the two held by behavior in one line with the newest number, the other above", lines)
		}
	})
}

func TestLogFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		r.decide(decision(second(0), 5, 5, 5)) // nothing
		r.decide(decision(second(1), 5, 8, 8)) // changes
		r.decide(decision(second(2), 8, 4, 8)) // held
		r.decide(decision(second(3), 8, 4, 7)) // changes, held
		third, fourth := second(2).UnixMilli(), second(3).UnixMilli()
		for query, want := range map[string]string{
			"":                                       "7 8 8 5",
			"?filter=all":                            "7 8 8 5",
			"?filter=changes":                        "7 8",
			"?filter=held":                           "7 8",
			"?limit=1":                               "7",
			fmt.Sprintf("?before=%d&limit=1", third): "8",
			fmt.Sprintf("?before=%d", third-1000):    "5",
			fmt.Sprintf("?filter=changes&before=%d", third-1000): "",
			fmt.Sprintf("?filter=held&before=%d&limit=", fourth): "8",
		} {
			got := ""
			for i, d := range r.log(query) {
				if i > 0 {
					got += " "
				}
				got += fmt.Sprint(d.To)
			}
			if got != want {
				t.Errorf("%q: %q, want %q", query, got, want)
			}
		}
		if held := r.log("?filter=held"); held[1].Recommendation.Replicas != 4 {
			t.Errorf("held %+v, want the one whose recommendation was 4", held[1])
		}
	})
}

func TestLogIsACopyAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		d := decision(second(0), 1, 2, 2)
		r.decide(d)
		d.Decision.Steps[0].Guard = "overwritten" // the decider's next decision
		if got := r.log("")[0].Steps[0].Guard; got != "staleData" {
			t.Errorf("guard %q: the log shares memory with the decider", got)
		}
		for i := range 3000 {
			r.decide(decision(second(i), i%2, 1-i%2, 1-i%2))
		}
		if n := len(r.log("?limit=2000")); n != 2000 {
			t.Errorf("%d lines, want 2000", n)
		}
	})
}

func TestAppliedIsNotedAtItsDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		r.decide(decision(second(0), 5, 8, 8))
		r.decide(decision(second(1), 5, 8, 8))
		r.apply(record.Applied{Target: "shop", At: second(1), From: 5, To: 8, Error: "docker: no such image"})
		r.decide(decision(second(2), 5, 8, 8))
		got := r.log("")[0]
		if got.Applied == nil || got.Applied.Error != "docker: no such image" || got.Count != 3 {
			t.Errorf("decision %+v (%+v), want a run of 3 that could not be applied", got, got.Applied)
		}
	})
}

func TestAppliedMayOvertakeItsDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		r.apply(record.Applied{Target: "shop", At: second(1), From: 5, To: 8})
		r.decide(decision(second(0), 5, 7, 7))
		r.decide(decision(second(1), 5, 8, 8))
		lines := r.log("")
		if lines[0].Applied == nil || lines[1].Applied != nil {
			t.Errorf("applied at 5 → 8: %v, at 5 → 7: %v; want it at the decision of its own instant", lines[0].Applied, lines[1].Applied)
		}
	})
}

func TestModeFollowsTheDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		d := decision(second(0), 5, 8, 8)
		d.Mode = scale.Paused
		r.decide(d)
		var got targetAnswer
		r.get("/api/v1/targets/shop", &got)
		if got.Target.Mode != scale.Paused {
			t.Errorf("mode %q, want Paused: it was paused after the start", got.Target.Mode)
		}
	})
}

func TestDecisionWithoutTrailHasEmptyLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		r.decide(record.Decided{Mode: scale.Apply, Decision: scale.Decision{Target: "shop", At: second(0), NoData: true}})
		if got := r.log("")[0]; got.Steps == nil || !got.NoData {
			t.Errorf("decision %+v, want no data and a list of steps", got)
		}
	})
}
