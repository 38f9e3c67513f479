package present_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/present"
	"github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// stairs is a load in parts of a minute.
func stairs(name string, rates ...float64) evaluate.Case {
	var load workload.Steps
	for _, rate := range rates {
		load = append(load, workload.Level{RPS: rate, For: time.Minute})
	}
	s := sim.Default()
	s.Name, s.Load, s.Replicas.Max = name, load, 40
	s.Service.Topology = queueing.Central
	return evaluate.Case{Trace: name, Scenario: s}
}

// judged plays static and square-root staffing, each at several settings, on
// two loads.
func judged(t *testing.T, swept bool) present.Input {
	t.Helper()
	in := present.Input{Levels: []float64{0.01, 0.05}, Reference: "static", Command: "flyball evaluate --sweep"}
	contestants := []evaluate.Contestant{evaluate.Static(12), evaluate.SquareRoot(2), evaluate.EveryStep()}
	if swept {
		in.Families = evaluate.Families{}
		contestants = contestants[2:]
		for i := range 5 {
			contestants = append(contestants, evaluate.Static(4+2*i), evaluate.SquareRoot(0.5+float64(i)))
		}
		for _, c := range contestants[1:] {
			in.Families[c.Name()] = c.Policy
		}
	}
	cases := []evaluate.Case{stairs("calm", 200, 220, 200), stairs("steep", 150, 190, 150)}
	dir := t.TempDir()
	results, err := evaluate.Judge(context.Background(), cases, contestants, []uint64{1, 2}, evaluate.Options{Timelines: dir, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	in.Results = results
	in.Timeline = func(run evaluate.Run) ([]sim.Moment, error) {
		i := slices.IndexFunc(results.Runs, func(r evaluate.Run) bool { return r.Trace == run.Trace && r.Policy == run.Policy && r.Seed == run.Seed })
		data, err := os.ReadFile(filepath.Join(dir, evaluate.TimelineNames(results.Runs)[i]))
		if err != nil {
			return nil, err
		}
		return evaluate.ReadTimeline(bytes.NewReader(data))
	}
	return in
}

func present1(t *testing.T, in present.Input) report.Report {
	t.Helper()
	r, err := present.Report(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Write(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// The page says of cost at equal violations what the statistics say of it.
func TestSweptPoliciesAreComparedAtEqualViolations(t *testing.T) {
	in := judged(t, true)
	r := present1(t, in)
	if len(r.Comparisons) != 1 || r.Comparisons[0].Baseline != "static" || r.Comparisons[0].Candidate != "sqrt" {
		t.Fatalf("%d comparisons, want that of sqrt with static: %+v", len(r.Comparisons), r.Comparisons)
	}
	c := r.Comparisons[0]
	standings := in.Results.Standings(in.Families, in.Levels)
	all := evaluate.CompareAt(standings, "static", 0.01, func(trace string) string { return trace }, 1)
	want := all[slices.IndexFunc(all, func(f evaluate.FamilyComparison) bool { return f.Candidate == "sqrt" })]
	got := row(t, c, "replica_hours").Improvement
	if want.Comparison == nil || got == nil || math.Abs(got.Value-(1-want.Ratio)) > 1e-12 || math.Abs(got.Low-(1-want.High)) > 1e-12 {
		t.Errorf("replica-hours: %+v, want 1 less the ratio of %+v", got, want.Comparison)
	}
	if !strings.Contains(c.Basis, "at 1\u00a0% avoidable violations, on 2 traces") {
		t.Errorf("the basis is %q", c.Basis)
	}
	agrees(t, c)
	if len(c.Rows) < 20 {
		t.Errorf("%d metrics are compared, want those of results.json", len(c.Rows))
	}
	if len(r.Frontiers) != 3 || r.Frontiers[0].Name != "" || len(r.Frontiers[0].Curves) != 2 || len(r.Frontiers[0].Curves[0].Points) != 5 {
		t.Errorf("frontiers %+v, want one pooled and two of traces, each with five settings of two policies", r.Frontiers)
	}
	if len(r.Standings) != 4 || r.Standings[1].Policy != "sqrt" || r.Standings[1].Median < 1 {
		t.Errorf("standings %+v, want two policies at two levels, sqrt not under the oracle", r.Standings)
	}
}

// agrees fails the test where a row contradicts itself, or cost the replica-hours
// that it is paid for.
func agrees(t *testing.T, c report.Comparison) {
	t.Helper()
	for _, m := range report.Metrics() {
		row := row(t, c, m.Key)
		want := m.Improvement(row.Baseline, row.Candidate)
		if row.Improvement == nil {
			continue // one trace alone has it
		}
		if got := row.Improvement.Value; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s goes from %v to %v: told as %v better, want %v", m.Key, row.Baseline, row.Candidate, got, want)
		}
	}
	hours := row(t, c, "replica_hours")
	for _, key := range []string{"cost", "mean_replicas"} {
		if got := row(t, c, key); math.Abs(got.Improvement.Value-hours.Improvement.Value) > 1e-9 {
			t.Errorf("%s is %v better and replica-hours are %v, at equal violations", key, got.Improvement.Value, hours.Improvement.Value)
		}
	}
}

func TestLatenciesAreMediansOverTraces(t *testing.T) {
	in := judged(t, false)
	in.Results.Runs = nil
	for i, p95 := range []float64{0.1, 0.2, 900} {
		for _, policy := range []string{"static:replicas=12", "sqrt:beta=2"} {
			for seed := range 2 {
				run := evaluate.Run{Trace: string(rune('a' + i)), Policy: policy, Requests: 100, ReplicaHours: 1, LatencyP95: p95 + float64(seed)/10}
				in.Results.Runs = append(in.Results.Runs, run)
			}
		}
	}
	in.Timeline = nil
	got := row(t, present1(t, in).Comparisons[0], "latency_p95_seconds")
	if math.Abs(got.Baseline-0.25) > 1e-12 || got.Over != "median" {
		t.Errorf("p95 over traces is %v (%s), want 0.25: the median of the means over seeds", got.Baseline, got.Over)
	}
}

func TestTheSettingInShort(t *testing.T) {
	in := present.Input{Results: evaluate.Results{Header: evaluate.Header{Cases: []evaluate.CaseHeader{{
		Service: "lognormal 0.08007243039195433 s, CV 0.5", Slots: 4, Topology: "leastconn", StartupSeconds: 30.0123456,
	}}}}}
	if got, want := present1(t, in).Setting, "service lognormal 0.0801 s, CV 0.5, 4 at a time; leastconn; start-up 30\u00a0s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// With one setting for all traces the HPA is set against others, never against
// itself.
func TestOneSettingForAll(t *testing.T) {
	in := judged(t, true)
	const setting = "static:replicas=8"
	in.Families[setting] = "static, one setting for 1 %"
	in.Calibrated = []evaluate.Calibrated{{Level: 0.01, Setting: setting}}
	r := present1(t, in)
	for _, c := range r.Comparisons {
		if c.Baseline == c.Candidate {
			t.Errorf("%s is compared with itself", c.Baseline)
		}
	}
	if c := r.Comparisons[0]; c.Baseline != "static, one setting for all" || c.BaselineSetting != "replicas=8" || c.Candidate != "sqrt" {
		t.Errorf("the first comparison is that of %s with %s (%s)", c.Candidate, c.Baseline, c.BaselineSetting)
	}
	for _, p := range r.Policies {
		if strings.Contains(p, "for 1 %") {
			t.Errorf("it has two names: %q", r.Policies)
		}
	}
}

func row(t *testing.T, c report.Comparison, key string) report.Row {
	t.Helper()
	i := slices.IndexFunc(c.Rows, func(r report.Row) bool { return r.Key == key })
	if i < 0 {
		t.Fatalf("no row %s", key)
	}
	return c.Rows[i]
}

func TestPoliciesAsTheyAre(t *testing.T) {
	in := judged(t, false)
	r := present1(t, in)
	if len(r.Comparisons) != 1 || r.Comparisons[0].Basis != "" || r.Standings != nil {
		t.Fatalf("comparisons %+v, want one that holds nothing equal, and no standings", r.Comparisons)
	}
	hours := map[string]float64{}
	for _, run := range in.Results.Runs {
		if run.Policy == "static:replicas=12" {
			hours[run.Trace] += run.ReplicaHours / 2
		}
	}
	if got, want := row(t, r.Comparisons[0], "replica_hours").Baseline, math.Sqrt(hours["calm"]*hours["steep"]); math.Abs(got-want) > 1e-9 {
		t.Errorf("static costs %v replica-hours, want %v, the geometric mean of two traces", got, want)
	}
	for _, row := range r.Comparisons[0].Rows {
		if e := row.Improvement; e != nil && !math.IsNaN(e.Value) && (e.Low > e.Value+1e-9 || e.High < e.Value-1e-9) {
			t.Errorf("%s: %v lies outside of its own interval %v to %v", row.Key, e.Value, e.Low, e.High)
		}
	}
	if len(r.Runs) != 8 || slices.Contains(r.Runs, report.Run{Policy: "oracle"}) {
		t.Errorf("%d runs, want 2 policies × 2 traces × 2 seeds", len(r.Runs))
	}
	trace := r.Traces[1]
	if len(trace.Lines) != 2 || len(trace.Oracle) == 0 || trace.Length != 3*time.Minute {
		t.Errorf("timeline of %s: %d lines, %d counts of the oracle, %v long", trace.Name, len(trace.Lines), len(trace.Oracle), trace.Length)
	}
}

func TestATimelineThatIsGone(t *testing.T) {
	in := judged(t, false)
	in.Timeline = func(evaluate.Run) ([]sim.Moment, error) { return nil, errors.New("no such file") }
	if _, err := present.Report(in); err == nil || !strings.Contains(err.Error(), "timeline of static:replicas=12 on calm: no such file") {
		t.Errorf("got %v, want an error that names the run", err)
	}
}

func TestNothingWasPlayed(t *testing.T) {
	r := present1(t, present.Input{})
	if len(r.Comparisons)+len(r.Frontiers)+len(r.Traces)+len(r.Runs) != 0 {
		t.Errorf("a report of nothing holds %+v", r)
	}
}

func TestBalancingIsSummedWhereAllHold(t *testing.T) {
	cost := func(trace, topology string, hours float64) evaluate.TopologyCost {
		c := evaluate.TopologyCost{Trace: trace, Topology: topology, Family: "hpa", Level: 0.001}
		if hours > 0 {
			c.ReplicaHours = &hours
		}
		return c
	}
	r := present1(t, present.Input{Levels: []float64{0.001}, Topologies: []evaluate.TopologyCost{
		cost("a", "leastconn", 100), cost("a", "random", 200), cost("b", "leastconn", 50), cost("b", "random", 0), cost("c", "leastconn", 10), cost("c", "random", 30),
	}})
	want := "[{leastconn hpa 110 0.001 true} {random hpa 230 0.001 false}]"
	if got := fmt.Sprint(r.Topologies); got != want {
		t.Errorf("got %s, want %s: b fails with random and is left out", got, want)
	}
}

// The page's answer is about the candidate of the protocol, where there is one.
func TestTheCandidateIsTheAnswer(t *testing.T) {
	in := judged(t, true)
	for _, run := range slices.Clone(in.Results.Runs) {
		for _, other := range []string{"first", "second"} {
			if strings.HasPrefix(run.Policy, "sqrt:") {
				again := run
				again.Policy = strings.Replace(run.Policy, "sqrt", other, 1)
				in.Families[again.Policy] = other
				in.Results.Runs = append(in.Results.Runs, again)
			}
		}
	}
	in.Timeline = nil
	if c := present1(t, in).Comparisons[0]; c.Candidate != "first" {
		t.Errorf("without a candidate the answer is about %s, want first", c.Candidate)
	}
	in.Results.Targets = &evaluate.Targets{Candidate: "second"}
	if c := present1(t, in).Comparisons[0]; c.Candidate != "second" {
		t.Errorf("the answer is about %s, want the candidate second", c.Candidate)
	}
}
