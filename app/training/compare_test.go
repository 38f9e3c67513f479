package training

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// run is what a policy came to on a trace of ten hours, of which 1 in 1,000 may
// violate.
func run(trace, policy string, hours, allowed float64) evaluate.Run {
	return evaluate.Run{Trace: trace, Policy: policy, ReplicaHours: hours, AvoidableViolationRatio: allowed / 1000, Requests: 1e6, HoursScored: 10}
}

// Worked by hand: on both loads predictive costs 100 replica-hours and violates as
// much as is allowed; with a risk of 4, 90 and four times as much. A model that
// violates twice as much, half way on the scale of logarithms, has to be held against
// 95; one of 90 hours is 90/95 of that.
func TestModelsAreComparedAtEqualViolations(t *testing.T) {
	f := Field{
		Models: []string{"learned:1", "learned:2"}, Base: "predictive", Sweep: []string{"predictive", "predictive:risk=4"},
		Allowed: map[string]float64{"a": 0.001, "b": 0.001}, Cluster: func(trace string) string { return trace },
	}
	for _, trace := range []string{"a", "b"} {
		f.Runs = append(f.Runs, run(trace, "predictive", 100, 1), run(trace, "predictive:risk=4", 90, 4),
			run(trace, "learned:1", 90, 2), run(trace, "learned:2", 95, 2))
	}
	c := f.Compare("all", []string{"a", "b"})
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-9) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	near("violations", c.Violations.Mean, 2)
	near("of predictive", c.BaseViolations, 1)
	near("hours", c.Hours.Mean, math.Sqrt(0.9*0.95))
	near("cost of the first", c.Each[0].Cost, (90+2*10)/110.)
	near("equal of the first", *c.Each[0].Equal, 90/95.)
	near("equal", c.Equal.Mean, math.Sqrt(90/95.))
	near("equal of predictive", *c.EqualBase, 1)
	near("worst", c.Worst, (95+2*10)/110.)
	// Two models that are drawn twice, on loads that are alike.
	near("low", c.Hours.Low, 0.9)
	near("high", c.Hours.High, 0.95)

	f.Runs = append(f.Runs, run("c", "predictive", 100, 1), run("c", "predictive:risk=4", 90, 4), run("c", "learned:1", 90, 0.1), run("c", "learned:2", 90, 0.1))
	f.Allowed["c"] = 0.001
	if c := f.Compare("none", []string{"c"}); c.Equal != nil || c.Each[0].Equal != nil {
		t.Errorf("got %v at violations that predictive comes to at no risk, want none", c.Equal)
	}
}

// A play that failed costs nothing: where a model or the base has none, the load is
// left out for all.
func TestALoadWithAFailedPlayIsLeftOut(t *testing.T) {
	f := Field{
		Models: []string{"learned:1", "learned:2"}, Base: "predictive", Sweep: []string{"predictive", "predictive:risk=4"},
		Allowed: map[string]float64{}, Cluster: func(trace string) string { return trace },
	}
	traces := []string{"a", "b", "c", "d"}
	for _, trace := range traces {
		f.Allowed[trace] = 0.001
		if trace != "c" { // the base failed on it, and nobody played d
			f.Runs = append(f.Runs, run(trace, "predictive", 100, 1))
		}
		f.Runs = append(f.Runs, run(trace, "predictive:risk=4", 90, 4), run(trace, "learned:1", 90, 2))
		if trace != "b" {
			f.Runs = append(f.Runs, run(trace, "learned:2", 95, 2))
		}
	}
	f.Runs = slices.DeleteFunc(f.Runs, func(r evaluate.Run) bool { return r.Trace == "d" })
	c := f.Compare("all", traces)
	want := f.Compare("all", []string{"a"})
	if c.Loads != 1 || c.Cost != want.Cost || c.Hours != want.Hours || c.Worst != want.Worst || c.WorstLoad != "a" {
		t.Errorf("got %+v, want what is known of a", c)
	}
	if none := f.Compare("none", []string{"b", "c"}); none.Loads != 0 || none.Worst != 0 || none.Cost != (Estimate{}) || none.Equal != nil {
		t.Errorf("of no load: got %+v, want nothing", none)
	}
	// A risk of 4 that failed on a is no part of the frontier: the base as it comes is.
	f.Runs = slices.DeleteFunc(f.Runs, func(r evaluate.Run) bool { return r.Policy == "predictive:risk=4" })
	if c := f.Compare("all", []string{"a"}); c.Equal == nil || math.Abs(c.Equal.Mean-math.Sqrt(0.9*0.95)) > 1e-9 {
		t.Errorf("got %v at equal violations, want what the hours are over those of the base", c.Equal)
	}
}

// Loads of one file are drawn together: if they were drawn each for itself, the
// interval would be narrower than what is known.
func TestWindowsOfOneFileAreOneObservation(t *testing.T) {
	f := Field{Models: []string{"learned:1"}, Base: "predictive", Sweep: []string{"predictive"}, Allowed: map[string]float64{}}
	var traces []string
	for i := range 8 {
		trace := string(rune('a' + i))
		hours := 90.0
		if i >= 4 {
			hours = 110
		}
		traces, f.Allowed[trace] = append(traces, trace), 0.001
		f.Runs = append(f.Runs, run(trace, "predictive", 100, 1), run(trace, "learned:1", hours, 1))
	}
	width := func(cluster func(string) string) float64 {
		f.Cluster = cluster
		c := f.Compare("all", traces)
		return c.Hours.High - c.Hours.Low
	}
	alone := width(func(trace string) string { return trace })
	together := width(func(trace string) string {
		if trace < "e" {
			return "first"
		}
		return "second"
	})
	if !(together > 1.3*alone) {
		t.Errorf("intervals of %.3f with two files and of %.3f with eight, want the first wider", together, alone)
	}
}

// account is a ledger that somebody else keeps.
type account struct{ own, expert float64 }

func (a *account) Costs() (own, expert float64) { return a.own, a.expert }
func (a *account) Began() time.Time             { return time.Unix(1, 0) }

// wants is a decider of a constant.
type wants int

func (w wants) Decide(obs scale.Observation) scale.Decision {
	return scale.Decision{DesiredReplicas: int(w), SetBy: "envelope"}
}
func (wants) Applied(time.Time, int, int) {}

func TestAnAuditCountsBreaches(t *testing.T) {
	a, books := &Audit{Runs: 1}, &account{own: 120, expert: 100}
	d := &audited{Decider: wants(3), books: books, audit: a, lambda: 0.2}
	d.Decide(scale.Observation{})
	if a.Breaches != 0 || a.Limited != 1 || a.Begun != 1 || a.Most != 1.2 {
		t.Errorf("got %+v, want none at what is allowed", a)
	}
	books.own = 120.1
	if d.Decide(scale.Observation{}); a.Breaches != 1 || a.Decisions != 2 {
		t.Errorf("got %+v, want one breach", a)
	}
}

// A contestant without an envelope cannot be audited.
func TestAnAuditNeedsAnEnvelope(t *testing.T) {
	who := (&Audit{}).Of(evaluate.Contestant{New: func(*sim.Scenario) (sim.Decider, error) { return wants(1), nil }}, 0.2)
	if _, err := who.New(nil); err == nil {
		t.Error("got no error of a decider without an envelope")
	}
}
