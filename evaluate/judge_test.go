package evaluate

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// smallCases are two loads, one of them also as a fluid.
func smallCases() []Case {
	a, b := wavy(1, 6), wavy(2, 6)
	a.Trace, b.Trace = "first", "second"
	fluid := a
	fluid.Fluid = true
	return []Case{a, fluid, b}
}

func smallField() []Contestant {
	return []Contestant{Static(12), SquareRoot(1), SquareRoot(2), EveryStep()}
}

// saved judges and returns what results.json and results.csv hold.
func saved(t *testing.T, contestants []Contestant, o Options) string {
	t.Helper()
	r, err := Judge(context.Background(), smallCases(), contestants, []uint64{1, 2}, o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range []string{"results.json", "results.csv"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return string(all)
}

func TestResultsAreTheSameHoweverManyWorkOnThem(t *testing.T) {
	testenv.Long(t)
	want := saved(t, smallField(), Options{Workers: 1})
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		if got := saved(t, smallField(), Options{Workers: 2 * procs}); got != want {
			t.Errorf("with %d threads and twice as many workers: other results:\n%s", procs, firstDifference(want, got))
		}
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "want " + a[i] + "\ngot  " + b[i]
		}
	}
	return "one is longer"
}

// Killed in the middle, in the middle of a line even, and called again.
func TestAStoppedJudgementGoesOnWhereItWas(t *testing.T) {
	want := saved(t, smallField(), Options{})
	for _, after := range []int{1, 30} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		partly, err := Judge(ctx, smallCases(), smallField(), []uint64{1, 2}, Options{Workers: 2, Keep: dir, Progress: func(done, _ int) {
			if done >= after {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d: got %v, want that it was canceled", after, err)
		}
		if len(partly.Runs) >= 24 {
			t.Errorf("stopped after %d: all %d runs are done", after, len(partly.Runs))
		}
		for _, run := range partly.Runs {
			if run.OracleEqualReplicaHours == 0 {
				t.Errorf("stopped after %d: %s on %s is told without its oracle", after, run.Policy, run.Trace)
			}
		}
		kept, err := os.OpenFile(filepath.Join(dir, keptName), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = kept.WriteString(`{"key":"0123","run":{"tra`)
		kept.Close()
		played := 0
		again := Options{Keep: dir, Progress: func(done, total int) {
			if played == 0 && done < after {
				t.Errorf("stopped after %d: only %d of %d are taken over", after, done, total)
			}
			played++
		}}
		if got := saved(t, smallField(), again); got != want {
			t.Errorf("stopped after %d: other results:\n%s", after, firstDifference(want, got))
		}
		played = 0
		if got := saved(t, smallField(), again); got != want || played != 1 {
			t.Errorf("once more: %d plays, want none but the same results", played-1)
		}
	}
}

// Runs whose oracle has not been played yet are not told half.
func TestARunIsToldWithItsOracleOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	r, err := Judge(context.Background(), smallCases(), smallField(), []uint64{1}, Options{Keep: dir, NoOracle: true})
	if err != nil || len(r.Runs) != 12 || r.Runs[0].OracleEqualReplicaHours != 0 {
		t.Fatalf("without an oracle: got %d runs (%v), want 12 without one", len(r.Runs), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, err = Judge(ctx, smallCases(), smallField(), []uint64{1}, Options{Keep: dir, Progress: func(int, int) { cancel() }})
	if !errors.Is(err, context.Canceled) || len(r.Runs) != 0 {
		t.Errorf("stopped before the oracle was played: got %d runs (%v), want none", len(r.Runs), err)
	}
}

// What a run follows from is in its key: nothing else is taken over.
func TestOnlyTheSamePlayIsTakenOver(t *testing.T) {
	base := groundOf(t, wavy(1, 3))
	play := task{ground: base, seed: 1, who: Static(3), schedule: -1}
	key := base.key("v1", &play)
	changed := map[string]string{}
	note := func(what string, g *ground, version string, t task) { changed[what] = g.key(version, &t) }
	with := func(change func(c *Case)) *ground {
		c := wavy(1, 3)
		change(&c)
		return groundOf(t, c)
	}
	note("version", base, "v2", play)
	for what, t := range map[string]task{
		"seed": {seed: 2, who: Static(3), schedule: -1}, "contestant": {seed: 1, who: Static(4), schedule: -1},
		"oracle": {seed: 1, schedule: 0}, "its price": {seed: 1, schedule: 1},
	} {
		note(what, base, "v1", t)
	}
	for what, change := range map[string]func(c *Case){
		"load":      func(c *Case) { c.Scenario.Load = wavy(2, 3).Scenario.Load },
		"fluid":     func(c *Case) { c.Fluid = true },
		"trace":     func(c *Case) { c.Trace, c.Scenario.Name = "other", "wavy" },
		"name":      func(c *Case) { c.Scenario.Name = "other" },
		"slots":     func(c *Case) { c.Scenario.Service.Slots++ },
		"warm-up":   func(c *Case) { c.Scenario.Warmup = time.Second },
		"start-up":  func(c *Case) { c.Scenario.Replicas.Startup++ },
		"initial":   func(c *Case) { c.Scenario.Replicas.Initial = 40 },
		"scrape":    func(c *Case) { c.Scenario.Metrics.Scrape++ },
		"client":    func(c *Case) { c.Scenario.Client.Timeout++ },
		"faults":    func(c *Case) { c.Scenario.Faults.MetricLoss = 0.5 },
		"objective": func(c *Case) { c.Scenario.Objective.Target = 0.94 },
		"sync":      func(c *Case) { c.Scenario.Sync *= 2 },
		"step":      func(c *Case) { c.Scenario.Step = 100 * time.Millisecond },
		"calendar":  func(c *Case) { c.Scenario.Start = c.Scenario.Start.Add(time.Hour) },
	} {
		note(what, with(change), "v1", play)
	}
	seen := map[string]string{key: "nothing changed"}
	for what, k := range changed {
		if other, taken := seen[k]; taken {
			t.Errorf("another %s: the same key as with %s", what, other)
		}
		seen[k] = what
	}
	if got := with(func(c *Case) { c.Scenario.Seed = 99; c.Scenario.Timeline = time.Second }).key("v1", &play); got != key {
		t.Error("the scenario's own seed and its timeline make no difference, but the key is another")
	}
}

// bad fails in one of the ways there are.
func bad(how string) Contestant {
	return Contestant{Policy: "bad", Params: how, New: func(*sim.Scenario) (sim.Decider, error) {
		switch how {
		case "errs":
			return nil, errors.New("no such model")
		case "panics":
			panic("in New")
		}
		return explosive{}, nil
	}}
}

type explosive struct{}

func (explosive) Decide(scale.Observation) scale.Decision { panic("in Decide") }
func (explosive) Applied(time.Time, int, int)             {}

// Who fails is named, and the others are judged as if it were not there.
func TestAFailureIsItsContestantsAlone(t *testing.T) {
	cases := smallCases()[:1]
	r, err := Judge(context.Background(), cases, []Contestant{bad("errs"), Static(9), bad("panics"), bad("explodes")}, []uint64{1}, Options{Keep: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 1 || r.Runs[0].Policy != "static:replicas=9" || r.Runs[0].OracleEqualReplicaHours == 0 {
		t.Errorf("got %+v, want one run of static", r.Runs)
	}
	var got []string
	for _, f := range r.Failures {
		got = append(got, f.Policy+": "+f.Error)
	}
	want := []string{
		"bad:errs: bad:errs on first, seed 1: no such model",
		"bad:panics: bad:panics on first, seed 1: panic: in New",
		"bad:explodes: bad:explodes on first, seed 1: panic: in Decide",
	}
	if !slices.Equal(got, want) {
		t.Errorf("failures: got %q, want %q", got, want)
	}
}

func TestARowIsComplete(t *testing.T) {
	r, err := Judge(context.Background(), smallCases()[:1], smallField(), []uint64{1}, Options{PerReplicaHour: 0.5, Version: "v", Protocol: "p"})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range r.Runs {
		if run.Cost != run.ReplicaHours/2 {
			t.Errorf("%s: cost %v, want half of %v replica-hours", run.Policy, run.Cost, run.ReplicaHours)
		}
		if run.OracleEqualReplicaHours <= 0 || run.OracleEveryStepReplicaHours <= run.LowerBoundReplicaHours || run.OracleBoundReplicaHours <= 0 {
			t.Errorf("%s: oracle %v, every step %v, bound %v", run.Policy, run.OracleEqualReplicaHours, run.OracleEveryStepReplicaHours, run.OracleBoundReplicaHours)
		}
	}
	if least := r.Clairvoyants[0].LeastReplicaHours; least != float64(r.Header.Cases[0].Min)*r.Runs[0].HoursScored {
		t.Errorf("with the fewest replicas all the time: got %v replica-hours, want %d for %v h", least, r.Header.Cases[0].Min, r.Runs[0].HoursScored)
	}
	oracle := r.Runs[3]
	if oracle.ReplicaHours != oracle.OracleEveryStepReplicaHours || oracle.AvoidableViolationRatio != oracle.OracleEveryStepViolations {
		t.Errorf("the oracle as a contestant: %v h and %v, want what the oracle beside it pays: %v h and %v", oracle.ReplicaHours, oracle.AvoidableViolationRatio, oracle.OracleEveryStepReplicaHours, oracle.OracleEveryStepViolations)
	}
	if r.Header.Version != "v" || r.Header.Protocol != "p" || len(r.Header.Cases) != 1 || r.Header.Cases[0].Slots != 4 {
		t.Errorf("header: got %+v", r.Header)
	}
	var text bytes.Buffer
	if err := r.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("results.csv: %d rows, %v, want a header and 4", len(rows), err)
	}
	for _, name := range []string{"trace", "avoidable_violation_ratio", "oracle_equal_replica_hours", "reaction_seconds", "theta_u", "accuracy_within_one", "cost"} {
		if !slices.Contains(rows[0], name) {
			t.Errorf("results.csv has no column %s", name)
		}
	}
	data, err := json.Marshal(r.Runs[0])
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	_ = json.Unmarshal(data, &fields)
	if fields["knob"] == nil {
		fields["knob"] = 0.0
	}
	if len(fields) != len(rows[0]) {
		t.Errorf("results.csv has %d columns, results.json %d fields", len(rows[0]), len(fields))
	}
}

// A timeline for each run, though names are unsafe and some alike.
func TestEveryRunHasItsTimeline(t *testing.T) {
	cases := smallCases()
	cases[0].Trace, cases[2].Trace = "a/b c", "a/B c"
	dir := filepath.Join(t.TempDir(), "timelines")
	o := Options{Timelines: dir, Keep: t.TempDir(), NoOracle: true}
	for range 2 { // the second time they are there
		if _, err := Judge(context.Background(), cases, []Contestant{Static(12), SquareRoot(1)}, []uint64{1}, o); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 6 {
		t.Fatalf("got %d files (%v), want one for each of 6 runs", len(files), err)
	}
	names := map[string]bool{}
	for _, f := range files {
		names[strings.ToLower(f.Name())] = true
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		if lines[0] != timelineHeader || len(lines) < 20 || len(strings.Split(lines[5], ",")) != 7 {
			t.Errorf("%s: %d lines, begins with %q", f.Name(), len(lines), lines[0])
		}
	}
	if len(names) != 6 {
		t.Errorf("got %v, want names that differ also where case does not count", names)
	}
	os.Remove(filepath.Join(dir, files[0].Name()))
	plays := 0
	o.Progress = func(int, int) { plays++ }
	if _, err := Judge(context.Background(), cases, []Contestant{Static(12), SquareRoot(1)}, []uint64{1}, o); err != nil || plays != 2 {
		t.Errorf("with one file removed: %d plays (%v), want that one alone", plays-1, err)
	}
}

func TestReferencesByName(t *testing.T) {
	for text, name := range map[string]string{
		"static:replicas=5": "static:replicas=5", "sqrt:beta=1.50": "sqrt:beta=1.5", "oracle": "oracle", "oracle:theta=2": "oracle:theta=2",
		"sqrt:beta=2,hold=300s": "sqrt:beta=2,hold=5m0s",
	} {
		if c, ok, err := Reference(text); !ok || err != nil || c.Name() != name {
			t.Errorf("%s: got %s, %v, %v, want %s", text, c.Name(), ok, err, name)
		}
	}
	for _, text := range []string{"static", "static:replicas=0", "static:replicas=1.5", "static:count=3", "sqrt:beta=-1", "sqrt:beta=NaN", "sqrt:beta=", "oracle:theta=x", "sqrt:beta=1,hold=x", "static:replicas=3,hold=5m"} {
		if _, ok, err := Reference(text); !ok || err == nil {
			t.Errorf("%s: got %v, %v, want an error that says what is allowed", text, ok, err)
		}
	}
	if _, ok, err := Reference("hpa:cpuUtilization=60"); ok || err != nil {
		t.Errorf("hpa is none of ours: got %v, %v", ok, err)
	}
}

// a = 400 · 0.08 s = 32 busy slots: 32 + 2·√32 = 43.3 slots of 4 are 11 replicas.
func TestSquareRootStaffing(t *testing.T) {
	s := wavy(1, 3).Scenario
	s.Load = workload.Constant{RPS: 400, For: time.Hour}
	d, err := SquareRoot(2).New(&s)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Decide(scale.Observation{At: s.Start.Add(time.Minute)}).DesiredReplicas; got != 11 {
		t.Errorf("got %d, want 11", got)
	}
	s.Load = workload.Steps{{RPS: 400, For: time.Minute}, {RPS: 100, For: time.Hour}}
	for second, want := range map[int]int{45: 11, 60: 11, 345: 11, 346: 4} { // 8 + 2·√8 = 13.7 slots
		d, _ = SquareRootHeld(2, 5*time.Minute).New(&s)
		d.Decide(scale.Observation{At: s.Start.Add(45 * time.Second)})
		if got := d.Decide(scale.Observation{At: s.Start.Add(time.Duration(second) * time.Second)}).DesiredReplicas; got != want {
			t.Errorf("at %d s, holding what was at 45 s for 5 minutes: got %d, want %d", second, got, want)
		}
	}
	s.Replicas.Max = 7
	d, _ = SquareRoot(2).New(&s)
	if got := d.Decide(scale.Observation{At: s.Start}).DesiredReplicas; got != 7 {
		t.Errorf("got %d, want the maximum of 7", got)
	}
}

func TestAnInvalidCaseIsRefused(t *testing.T) {
	c := wavy(1, 3)
	c.Scenario.Objective.Target = 0.99
	if _, err := Judge(context.Background(), []Case{c}, smallField(), []uint64{1}, Options{}); err == nil || !strings.Contains(err.Error(), "infeasible") || !strings.Contains(err.Error(), "wavy") {
		t.Errorf("got %v, want the trace and that its objective is infeasible", err)
	}
}
