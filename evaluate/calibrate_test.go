package evaluate

import (
	"math"
	"testing"

	"github.com/flyball-io/flyball/queueing"
)

func played(trace, policy string, violations, hours float64) Run {
	return Run{Trace: trace, Policy: policy, Requests: 1000, AvoidableViolationRatio: violations, ReplicaHours: hours,
		LowerBoundReplicaHours: 10, OracleEveryStepReplicaHours: 20}
}

// One setting for every workload must hold the level on each trace, so the
// roughest trace decides how generous it is everywhere.
func TestOneSettingHoldsOnEachTrace(t *testing.T) {
	tuning := []Run{
		played("smooth", "hpa:35", 0, 80), played("smooth", "hpa:65", 0, 40), played("smooth", "hpa:80", 0.0005, 30),
		played("rough", "hpa:35", 0.0009, 60), played("rough", "hpa:65", 0.009, 45), played("rough", "hpa:80", 0.06, 40),
	}
	for level, want := range map[float64]struct {
		setting string
		held    bool
		over    float64
	}{
		0.001:  {"hpa:35", true, math.Sqrt(4 * 3)}, // 80/20 and 60/20
		0.01:   {"hpa:65", true, math.Sqrt(2 * 2.25)},
		0.1:    {"hpa:80", true, math.Sqrt(1.5 * 2)},
		0.0001: {"hpa:35", false, math.Sqrt(4 * 3)}, // none does: the one nearest
	} {
		c, ok := Calibrate(tuning, level)
		if !ok || c.Setting != want.setting || c.Held != want.held || math.Abs(c.OverOracle-want.over) > 1e-12 {
			t.Errorf("at %v: got %s, held %v, %v × the oracle; want %+v", level, c.Setting, c.Held, c.OverOracle, want)
		}
	}
	c, _ := Calibrate(tuning, 0.01)
	c.Apply([]Run{played("new", "hpa:65", 0.02, 50), played("new", "hpa:35", 0, 90)})
	if len(c.Report) != 1 || c.Report[0].Violations != 0.02 || c.Report[0].OverOracle != 2.5 {
		t.Errorf("applied: got %+v, want 2 %% at 2.5 × the oracle", c.Report)
	}
	if _, ok := Calibrate([]Run{played("a", "x", 0, 1), played("b", "y", 0, 1)}, 0.1); ok {
		t.Error("no setting was played on every trace: got one")
	}
}

func TestInHindsightEachTraceHasItsOwn(t *testing.T) {
	runs := []Run{
		played("smooth", "hpa:60", 0.0001, 300), played("smooth", "hpa:80", 0.01, 200),
		played("rough", "hpa:60", 0.02, 300),
	}
	got := InHindsight(runs, []float64{0.001})
	if len(got) != 2 {
		t.Fatalf("got %+v, want two traces", got)
	}
	if smooth := got[0]; smooth.ReplicaHours == nil || math.Abs(*smooth.ReplicaHours-250) > 1e-9 || smooth.Setting != "hpa:60" || *smooth.SettingHours != 300 {
		t.Errorf("smooth: got %+v, want 250 on the frontier and hpa:60 at 300", smooth)
	}
	if rough := got[1]; rough.ReplicaHours != nil || rough.Setting != "" {
		t.Errorf("rough: got %+v, want none: no setting holds it", rough)
	}
}

func TestStandingsAndComparisonsAtEqualViolations(t *testing.T) {
	families := Families{"hpa:60": "hpa", "hpa:80": "hpa", "new:1": "new", "new:2": "new"}
	var r Results
	for _, trace := range []string{"a/1", "a/2", "b"} {
		r.Runs = append(r.Runs,
			played(trace, "hpa:60", 0.0001, 300), played(trace, "hpa:80", 0.01, 200),
			played(trace, "new:1", 0.0001, 150), played(trace, "new:2", 0.01, 100))
		r.Clairvoyants = append(r.Clairvoyants, CaseClairvoyant{Trace: trace, Seed: 1,
			EveryStep: Certified{ReplicaHours: 125, AvoidableRatio: 0.0001, Requests: 10}, Priced: []Certified{{Theta: 1, ReplicaHours: 75, AvoidableRatio: 0.01, Requests: 10}}})
	}
	r.Runs = append(r.Runs, played("c", "hpa:80", 0.5, 10), played("c", "new:2", 0.0005, 100))
	standings := r.Standings(families, []float64{0.001})
	if s := standings[0]; s.Family != "hpa" || math.Abs(*s.ReplicaHours-250) > 1e-9 || math.Abs(*s.OverOracle-2.5) > 1e-9 || s.Unexplored {
		t.Errorf("got %+v, want hpa at 250 hours, 2.5 × the oracle's 100", s)
	}
	// 5 % is beyond the boldest schedule: (0.05 − 0.01)/(1 − 0.01) of the time
	// nobody is served.
	beyond, want := r.Standings(families, []float64{0.05}), 75*(1-0.04/0.99)
	if s := beyond[2]; s.Family != OracleFamily || math.Abs(*s.ReplicaHours-want) > 1e-9 || s.Unexplored || math.Abs(*beyond[0].OverOracle-200/want) > 1e-9 {
		t.Errorf("beyond the boldest: got the oracle at %v hours and hpa at %v of it, want %v and %v", *s.ReplicaHours, *beyond[0].OverOracle, want, 200/want)
	}
	cluster := func(trace string) string { return trace[:1] }
	all := CompareAt(standings, "hpa", 0.001, cluster, 1)
	if len(all) != 2 || all[0].Candidate != "new" {
		t.Fatalf("got %+v, want new and the oracle against hpa", all)
	}
	c := all[0]
	if c.Traces != 2 || math.Abs(c.Ratio-0.5) > 1e-12 || len(c.ReferenceFails) != 1 || c.ReferenceFails[0] != "c" {
		t.Errorf("got %+v, want half the cost on two files; on c hpa holds nothing", c)
	}
}

func TestAnotherTopologyAtEqualViolations(t *testing.T) {
	cases := Balanced([]Case{{Trace: "a"}}, []queueing.Topology{queueing.LeastConn, queueing.Random})
	if len(cases) != 2 || cases[1].Trace != "a@random" || cases[1].Scenario.Name != "a" || cases[1].Scenario.Service.Topology != queueing.Random {
		t.Fatalf("got %+v", cases)
	}
	runs := []Run{
		played("a@leastconn", "hpa:60", 0.0005, 100), played("a@random", "hpa:60", 0.03, 100), played("a@random", "hpa:30", 0.001, 250),
	}
	got := TopologyCosts(runs, Families{"hpa:60": "hpa", "hpa:30": "hpa"}, []float64{0.001})
	if len(got) != 2 || *got[0].Ratio != 1 || *got[1].Ratio != 2.5 || got[1].Topology != "random" {
		t.Errorf("got %+v, want random to cost 2.5 × least connections", got)
	}
}
