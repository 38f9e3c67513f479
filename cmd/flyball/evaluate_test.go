package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/evaluate"
)

// evaluateHere runs flyball evaluate with small loads, and returns what it
// prints and its exit status.
func evaluateHere(t *testing.T, args ...string) (out, err string, status int) {
	t.Helper()
	root := newRootCommand()
	var stdout, stderr bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(append([]string{"evaluate"}, args...))
	if fault := root.ExecuteContext(context.Background()); fault != nil {
		status = report(&stderr, fault)
	}
	return stdout.String(), stderr.String(), status
}

// small is a quick evaluation.
func small(dir string, more ...string) []string {
	return append([]string{"--trace", "shape:step", "--peak-rps", "200", "--fluid", "--seeds", "1", "--out", dir}, more...)
}

func TestEvaluateWritesWhatItFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	out, stderr, status := evaluateHere(t, small(dir, "--policy", "static", "--policy", "hpa:cpuUtilization=60", "--timeline")...)
	if status != 0 || !strings.Contains(out, "hpa:cpuUtilization=60") {
		t.Fatalf("status %d: %s%s", status, out, stderr)
	}
	for _, name := range []string{"results.json", "results.csv", "comparison.json", "report.html", "timeline-step-static_peak=100_-1.csv"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, want a file with something in it", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var results struct{ Runs []map[string]any }
	if err := json.Unmarshal(text, &results); err != nil || len(results.Runs) != 2 {
		t.Fatalf("results.json: %d runs, %v; want 2", len(results.Runs), err)
	}
	for _, field := range strings.Fields(`trace policy seed requests violation_ratio intrinsic_violation_ratio avoidable_violation_ratio
		latency_mean_seconds latency_p50_seconds latency_p90_seconds latency_p95_seconds latency_p99_seconds replica_hours
		lower_bound_replica_hours oracle_every_step_replica_hours oracle_equal_replica_hours mean_replicas replica_variance
		scaling_actions direction_changes reaction_seconds overshoot_ratio undershoot_replica_seconds theta_u theta_o tau_u tau_o
		accuracy_within_one cost`) {
		if _, there := results.Runs[1][field]; !there {
			t.Errorf("results.json: no %s", field)
		}
	}
}

// The second call finds everything done, and comes to the same.
func TestEvaluateGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	first, _, _ := evaluateHere(t, small(dir, "--policy", "hpa")...)
	kept, err := os.ReadFile(filepath.Join(dir, "runs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	second, _, _ := evaluateHere(t, small(dir, "--policy", "hpa")...)
	after, err := os.ReadFile(filepath.Join(dir, "runs.jsonl"))
	if err != nil || !bytes.Equal(kept, after) || first != second || first == "" {
		t.Errorf("the second call played something again (%d, then %d bytes kept), or came to something else:\n%s\n%s", len(kept), len(after), first, second)
	}
}

func TestEvaluateRefusesWithOneClearError(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const header = "t_seconds,requests_per_second\n"
	empty, headless := write("empty.csv", header), write("headless.csv", "time,rate\n0,1\n")
	negative, back := write("negative.csv", header+"0,1\n60,-2\n"), write("back.csv", header+"0,1\n60,2\n30,1\n")
	huge := write("huge.csv", header+"0,1e9\n60,1e9\n120,1e9\n")
	fine := write("fine.csv", header+"0,10\n60,20\n120,10\n")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown policy":      {[]string{"--policy", "hpx"}, `--policy hpx: unknown policy "hpx"; known: ` + strings.Join(app.Contestants{Plugins: builtin.New()}.Names(), ", ")},
		"policy parameter":    {[]string{"--policy", "hpa:cpu=3"}, "--policy hpa:cpu=3: unknown field"},
		"policy out of range": {[]string{"--policy", "kpa:targetUtilization=300"}, "targetUtilization: must be above 0 and at most 100"},
		"unknown shape":       {[]string{"--trace", "shape:hill"}, "--trace shape:hill: shape \"hill\" is not known: must be one of constant"},
		"no such file":        {[]string{"--trace", dir + "/none.csv"}, "none.csv: no such file"},
		"empty trace":         {[]string{"--trace", empty}, empty + " line 2: 0 rows: must be at least 2"},
		"header":              {[]string{"--trace", headless}, headless + " line 1: the header is"},
		"negative rate":       {[]string{"--trace", negative}, negative + " line 3: requests_per_second: -2 is negative"},
		"time going back":     {[]string{"--trace", back}, back + " line 4: t_seconds: 30 comes after 60"},
		"window outside":      {[]string{"--trace", fine, "--window", "2h:3h"}, "must lie within"},
		"window backwards":    {[]string{"--window", "2h:1h"}, "--window: window \"2h:1h\": must end after it begins"},
		"unknown topology":    {[]string{"--topology", "best"}, `--topology: unknown topology "best": must be one of leastconn`},
		"infeasible":          {[]string{"--slo", "60ms"}, "--slo, --target, --service-…: 64.5 % of the services alone take longer than 0.06 s, 0.1 % of the requests may"},
		"limits":              {[]string{"--min", "5", "--max", "3"}, "--max: must be at least 1 and the minimum of 5, got 3"},
		"share":               {[]string{"--target", "100"}, "--target: must be between 0 and 100 %"},
		"clock":               {[]string{"--sync", "0s"}, "--sync: must be 100ms to 24h, got 0s"},
		"sync too short":      {[]string{"--sync", "1ms"}, "--sync: must be 100ms to 24h, got 1ms"},
		"no trace":            {[]string{"--trace", ""}, "--trace: must not be empty"},
		"too many replicas":   {[]string{"--max", "10000000"}, "--max: must be 1 to 100000, got 10000000"},
		"initial above max":   {[]string{"--max", "5", "--initial", "9"}, "--initial: must be at most --max of 5, got 9"},
		"rate too high":       {[]string{"--peak-rps", "1e12"}, "--peak-rps: must be 0 (the load as it is) to 1e+06, got 1e+12"},
		"rate of a trace":     {[]string{"--trace", huge, "--p99-rps", "0"}, "reaches 1e+09 requests/s: must be at most 1e+06"},
		"negative scale":      {[]string{"--p99-rps", "-1"}, "--p99-rps: must be 0 (the load as it is) to 1e+06, got -1"},
		"rebin":               {[]string{"--trace", fine, "--rebin", "2h"}, "--rebin: must be at most the length of the trace, 3m, got 2h"},
		"window as typed":     {[]string{"--trace", fine, "--window", "10d:11d"}, `--window: "10d:11d" must lie within`},
		"equal players":       {[]string{"--policy", "hpa", "--policy", "hpa:cpuUtilization=80"}, "--policy: hpa:cpuUtilization=80 is the same as hpa: each may be given once"},
		"no target":           {[]string{"--policy", "hpa:cpuUtilization=0"}, "--policy hpa:cpuUtilization=0: cpuUtilization: must be above 0, got 0"},
		"said once":           {[]string{"--policy", "static:replicas=0"}, "--policy static:replicas=0: needs replicas=NUMBER"},
		"no history":          {[]string{"--window", "10m:1h", "--warmup", "30m"}, "--warmup: needs 30m of the load before the window, which begins at 10m"},
		"equal policies":      {[]string{"--policy", "hpa:cpuUtilization=60", "--policy", "hpa:cpuUtilization=60"}, "hpa:cpuUtilization=60 is given twice"},
		"equal sweeps":        {[]string{"--sweep", "--policy", "hpa:cpuUtilization=60", "--policy", "hpa"}, "--policy: hpa is given twice"},
		"equal traces":        {[]string{"--trace", "shape:step,shape:step"}, "--trace: step is given twice"},
		"nothing to sweep":    {[]string{"--sweep", "--policy", `schedule:windows=[{"cron":"@daily","duration":"1h","min":2}]`}, "has no knob to sweep; those with one: baseline, hpa"},
		"no seeds":            {[]string{"--seeds", "0"}, "--seeds: must be 1 to 1000, got 0"},
		"two scales":          {[]string{"--p99-rps", "3", "--peak-rps", "4"}, "exclude each other"},
		"unwritable":          {[]string{"--out", fine + "/results"}, "--out: "},
		"law":                 {[]string{"--service-law", "normal"}, "--service-law: must be lognormal, exponential, deterministic or a file"},
		"warm-up":             {[]string{"--warmup", "2h", "--trace", "shape:step"}, "--trace shape:step: warmup: must lie within the load of 1h0m0s"},
		"protocol and trace":  {[]string{"--protocol", "p.yaml", "--trace", "shape:step"}, "--protocol lays down --trace: leave it out"},
		"no protocol":         {[]string{"--protocol", dir + "/none.yaml"}, "none.yaml: no such file"},
		"protocol's traces":   {[]string{"--protocol", "../../bench/protocol.yaml", "--traces", dir + "/none"}, "none/nasa_http_1995-07-13_10s.csv: no such file"},
		"protocol":            {[]string{"--protocol", write("p.yaml", "kind: Evaluation\n")}, "p.yaml:1: kind: must be one of EvaluationProtocol, got \"Evaluation\""},
	} {
		args := append([]string{"--out", ""}, tc.args...)
		out, stderr, status := evaluateHere(t, args...)
		if status != 2 || strings.Count(stderr, tc.want) != 1 || out != "" {
			t.Errorf("%s: status %d, printed %q and said\n\t%swant status 2 and\n\t%s", name, status, out, stderr, tc.want)
		}
	}
}

// Results of hours are not lost to a typo.
func TestEvaluateNeverReplacesResultsByNone(t *testing.T) {
	dir := t.TempDir()
	if _, stderr, status := evaluateHere(t, small(dir, "--policy", "hpa")...); status != 0 {
		t.Fatal(stderr)
	}
	before, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--out", dir, "--trace", ""}, {"--out", dir, "--trace", ","}, {"--out", dir, "--policy", ""}} {
		_, stderr, status := evaluateHere(t, args...)
		after, err := os.ReadFile(filepath.Join(dir, "results.json"))
		if status != 2 || err != nil || !bytes.Equal(before, after) {
			t.Errorf("%q: status %d, %s%d bytes of results became %d; want status 2 and the results as they were", args, status, stderr, len(before), len(after))
		}
	}
}

func TestEvaluateSaysWhatItsFiguresAre(t *testing.T) {
	usual, stderr, status := evaluateHere(t, small("", "--policy", "static")...)
	if status != 0 || !strings.Contains(usual, "as a fluid; the first 10m are seen and not scored (--warmup)\n") || strings.Contains(usual, "Nobody") || strings.Contains(usual, "first second") {
		t.Errorf("a shape has a warm-up: status %d, %s%s", status, usual, stderr)
	}
	few, _, _ := evaluateHere(t, small("", "--policy", "static", "--max", "2", "--warmup", "0s")...)
	for _, want := range []string{"Nobody can hold the objective on step: even the oracle", "Scored from the first second"} {
		if !strings.Contains(strings.Join(strings.Fields(few), " "), want) {
			t.Errorf("two replicas, no warm-up: got\n%swant %q", few, want)
		}
	}
	t.Setenv("COLUMNS", "50")
	narrow, _, _ := evaluateHere(t, small("", "--policy", "static", "--max", "2", "--warmup", "0s")...)
	for line := range strings.Lines(narrow) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 50 {
			t.Errorf("50 columns: got %q of %d", line, n)
		}
	}
}

// Nobody asked for the warm-up of a shape: it is what lies before the window.
func TestTheWarmupOfAShapeLiesBeforeItsWindow(t *testing.T) {
	for args, want := range map[string]float64{
		"":                              50. / 60,
		"--window 30m:50m":              20. / 60,
		"--window 4m:50m":               46. / 60,
		"--window 0m:50m":               50. / 60,
		"--warmup 0s":                   1,
		"--warmup 20m":                  40. / 60,
		"--warmup 20m --window 25m:45m": 20. / 60,
	} {
		out, stderr, _ := evaluateHere(t, small("", append(strings.Fields(args), "--policy", "static", "--json")...)...)
		var found struct {
			Header struct {
				Cases []struct {
					HoursScored float64 `json:"hours_scored"`
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Header.Cases) != 1 || math.Abs(found.Header.Cases[0].HoursScored-want) > 1e-9 {
			t.Errorf("%q: got %+v, %v %s; want %v h scored", args, found, err, stderr, want)
		}
	}
}

// What is printed is what the file holds, byte for byte.
func TestEvaluatePrintsWhatResultsHold(t *testing.T) {
	dir := t.TempDir()
	out, stderr, status := evaluateHere(t, small(dir, "--policy", "static", "--json")...)
	held, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if status != 0 || err != nil || out != string(held) {
		t.Errorf("status %d, %v: --json printed %d bytes, results.json holds %d\n%s", status, err, len(out), len(held), stderr)
	}
}

func TestTimesInATable(t *testing.T) {
	for v, want := range map[float64]string{0.0804: "80 ms", 0.9994: "999 ms", 0.9996: "1.0 s", 9.94: "9.9 s", 9.96: "10 s", 96.4: "96 s"} {
		if got := readableTime(v); got != want {
			t.Errorf("%v s: got %s, want %s", v, got, want)
		}
	}
	if odd, even := middle([]float64{9, 1, 2}), middle([]float64{9, 1, 2, 4}); odd != 2 || even != 3 {
		t.Errorf("medians: got %v and %v, want 2 and 3", odd, even)
	}
}

// full takes nothing, as /dev/full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestEvaluateReportsWhatItCannotPrint(t *testing.T) {
	for _, more := range [][]string{nil, {"--json"}} {
		root := newRootCommand()
		root.SetOut(full{})
		root.SetArgs(append([]string{"evaluate"}, small("", append(more, "--policy", "static")...)...))
		var stderr bytes.Buffer
		err := root.ExecuteContext(context.Background())
		if err == nil || report(&stderr, err) != 1 || !strings.Contains(stderr.String(), "print what was found: no space left") {
			t.Errorf("%v: got %v, want status 1 and why", more, err)
		}
	}
}

// A schedule that nobody can stop does not keep the program.
func TestPlaysThatCannotBeStoppedAreLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stuck := make(chan struct{})
		time.AfterFunc(time.Hour, cancel)
		begun := time.Now()
		_, err := unlessStuck(ctx, func() (evaluate.Results, error) { <-stuck; return evaluate.Results{}, nil })
		close(stuck)
		if took := time.Since(begun); !errors.Is(err, context.Canceled) || took > time.Hour+2*time.Second {
			t.Errorf("got %v after %v, want an end within two seconds of the interruption", err, took)
		}
	})
}

// protocolInSmall has everything that one may have; its path, and a folder for
// results.
func protocolInSmall(t *testing.T) (protocol, results string) {
	t.Helper()
	dir := t.TempDir()
	var rows strings.Builder
	rows.WriteString("t_seconds,requests_per_second\n")
	for minute := range 180 {
		fmt.Fprintf(&rows, "%d,%d\n", 60*minute, 20+minute%60)
	}
	for _, name := range []string{"tune.csv", "report.csv", "other.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(rows.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	protocol = filepath.Join(dir, "protocol.yaml")
	if err := os.WriteFile(protocol, []byte(`
kind: EvaluationProtocol
service: {law: lognormal, mean: 80ms, cv: 0.5, concurrency: 4, topology: leastconn}
objective: {threshold: 500ms, target: 99.9}
replicas: {min: 1, max: 50, startup: 30s}
clocks: {sync: 15s, scrape: 15s, metricWindow: 30s, balancerInterval: 1s, balancerWindow: 10s}
p99RPS: 150
smooth: 400
levels: [0.001, 0.01]
policies: [static, hpa, threshold]
candidate: kpa
tune: [{name: past, file: tune.csv}]
report: [{name: new, file: report.csv, window: "1h:3h", warmup: 10m}, {name: other, file: other.csv}]
fluid: {seeds: 2}
events: {seeds: 1, length: 2m, warmup: 1m, excerpts: [peak], without: [threshold]}
sweep: {seeds: 1, policies: [kpa]}
calibration: {seeds: 1, signals: [cpuUtilization, requestRate], targets: [30, 60], windows: [0s], tolerances: [0.1], behaviors: [""]}
topologies: {seeds: 1, names: [leastconn, random], policies: [sqrt], traces: [new]}
variants:
  seeds: 1
  policies: [hpa]
  sweep: [sqrt, hpa]
  calibration: {signals: [cpuUtilization, requestRate], targets: [30, 60], windows: [0s], tolerances: [0.1], behaviors: [""]}
  traces: [new]
  scenarios:
  - {name: slow, service: {mean: 800ms}, objective: {threshold: 5s}, replicas: {startup: 2m}, p99RPS: 15}
  - {name: cpu, clocks: {balancerOff: true}, traces: [other], sweep: [hpa], signals: [cpuUtilization]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	return protocol, filepath.Join(dir, "results")
}

// A protocol in small: all of its stages, from files to the report.
func TestEvaluatePlaysAProtocol(t *testing.T) {
	protocol, results := protocolInSmall(t)
	out, stderr, status := evaluateHere(t, "--protocol", protocol, "--out", results)
	if status != 0 || !strings.Contains(out, "× one setting") || !strings.Contains(out, "hpa, tuned per trace") {
		t.Fatalf("status %d: %s%s", status, out, stderr)
	}
	text, err := os.ReadFile(filepath.Join(results, "comparison.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Calibrated []struct {
			Setting string
			Held    bool
			Report  []struct{ Trace string }
		}
		Topologies []struct{ Topology string }
		Standings  []evaluate.Standing
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	// Over both signals, and on each.
	if len(found.Calibrated) != 6 || !strings.HasPrefix(found.Calibrated[0].Setting, "hpa:") || len(found.Calibrated[0].Report) != 2 {
		t.Errorf("calibration: got %+v, want three settings for each of two levels, applied to both traces of the report", found.Calibrated)
	}
	for _, want := range []string{"hpa, as it comes", "kpa, default setting", "hpa, one setting for all, on cpuUtilization"} {
		if n := len(slices.DeleteFunc(slices.Clone(found.Standings), func(s evaluate.Standing) bool { return s.Family != want })); n != 4 {
			t.Errorf("%s: got %d standings, want one on each of two traces at two levels", want, n)
		}
	}
	if len(found.Topologies) != 8 {
		t.Errorf("topologies: got %+v, want two at two levels of sqrt and of the candidate", found.Topologies)
	}
	text, err = os.ReadFile(filepath.Join(results, "results.json"))
	var played evaluate.Results
	if err != nil || json.Unmarshal(text, &played) != nil {
		t.Fatalf("results.json: %v", err)
	}
	onPeak := map[string]bool{}
	for _, run := range played.Runs {
		if run.Trace == "new/peak" {
			onPeak[run.Policy] = true
		}
	}
	if want := map[string]bool{"static:peak=100%": true, "hpa": true, "kpa": true}; !maps.Equal(onPeak, want) {
		t.Errorf("on the peak request by request: got %v, want %v", onPeak, want)
	}
	targetsOfKPA(t, text, out)
	if page, err := os.ReadFile(filepath.Join(results, "report.html")); err != nil || !strings.Contains(string(page), "What was to be shown") {
		t.Errorf("report.html says nothing of targets (%v)", err)
	}
}

// targetsOfKPA checks what results.json and the terminal say of targets: at the
// level of 1 % the candidate is told 99 %.
func targetsOfKPA(t *testing.T, text []byte, out string) {
	t.Helper()
	var found struct{ Targets evaluate.Targets }
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	played := map[string]int{}
	for _, s := range found.Targets.Showings {
		played[fmt.Sprintf("%s %v", s.Policy, s.Level)]++
		if s.OracleEqual <= 0 || len(s.Tuned) != 2 || len(s.OneSetting) != 3 {
			t.Errorf("%s: got %+v, want the clairvoyant, the HPA tuned on two signals, and three settings for all", s.Trace, s)
		}
	}
	if len(played) != 2 || played["kpa 0.001"] != 2 || played["kpa:objective.target=99% 0.01"] != 2 {
		t.Errorf("got %v, want kpa on two traces at 0.1 %%, and told 99 %% at 1 %%", played)
	}
	if !strings.Contains(out, "kpa, its default setting, at 0.1") || !strings.Contains(out, "× one HPA setting for all on cpuUtilization") {
		t.Errorf("the terminal says nothing of targets: %s", out)
	}
}

// The variants of a protocol are played alone, and go on where they were left.
func TestEvaluatePlaysTheVariantsOfAProtocol(t *testing.T) {
	protocol, results := protocolInSmall(t)
	out, stderr, status := evaluateHere(t, "--protocol", protocol, "--variants", "--out", results)
	if status != 0 || !strings.Contains(out, "slow") || !strings.Contains(out, "cpu: kpa meets") || !strings.Contains(out, "tuned CPU  tuned rate") {
		t.Fatalf("status %d: %s%s", status, out, stderr)
	}
	text, err := os.ReadFile(filepath.Join(results, "variants.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found variants
	if err := json.Unmarshal(text, &found); err != nil || len(found.Variants) != 2 {
		t.Fatalf("got %d variants (%v), want 2", len(found.Variants), err)
	}
	slow, cpu := found.Variants[0].Results.Header.Cases[0], found.Variants[1].Results.Header.Cases[0]
	if slow.Trace != "new@slow" || slow.MeanSeconds != 0.8 || slow.ThresholdSeconds != 5 || slow.StartupSeconds != 120 || slow.Slots != 4 || slow.PeakRate > 20 {
		t.Errorf("slow: got %+v, want 800 ms, 5 s, a start of 2 minutes, 15 requests/s and all else as it was", slow)
	}
	if cpu.Trace != "other@cpu" || cpu.MeanSeconds != 0.08 {
		t.Errorf("cpu: got %+v, want the service of the protocol on a trace of its own", cpu)
	}
	swept := map[string]bool{}
	for _, s := range found.Variants[1].Standings {
		swept[s.Family] = true
		if strings.Contains(s.Family, "requestRate") || strings.Contains(s.Family, "sqrt") {
			t.Errorf("cpu: %s was played, which is none of its policies", s.Family)
		}
	}
	if !swept["kpa"] || !swept["hpa"] || !swept["hpa, as it comes"] || !swept["hpa, tuned per trace, on cpuUtilization"] {
		t.Errorf("cpu: got %v, want the knobs of hpa and of the candidate turned, the HPA as it comes and tuned", swept)
	}
	if _, err := os.Stat(filepath.Join(results, "results.json")); err == nil {
		t.Error("variants wrote results.json, which is the protocol's")
	}
	if _, stderr, status := evaluateHere(t, "--variants"); status != 2 || !strings.Contains(stderr, "--variants: goes with --protocol") {
		t.Errorf("without a protocol: status %d, %s", status, stderr)
	}
}

func TestTablesAreAlignedOnTheDecimalPoint(t *testing.T) {
	var tab alignedTable
	tab.add("policy", false, "hpa", "static:peak=100%")
	tab.add("avoidable %", true, "12.5", "0.001")
	tab.add("hours", true, "7", "1234.5")
	var wide, narrow strings.Builder
	tab.print(&wide, 80)
	want := "" +
		"policy            avoidable %   hours\n" +
		"hpa                    12.5       7\n" +
		"static:peak=100%        0.001  1234.5\n"
	if wide.String() != want {
		t.Errorf("got\n%swant\n%s", wide.String(), want)
	}
	tab.print(&narrow, 32)
	for line := range strings.Lines(narrow.String()) {
		if n := utf8.RuneCountInString(line); n > 33 || strings.Contains(line, "hours") {
			t.Errorf("32 columns: got %q of %d, want the last column left out", line, n)
		}
	}
}

func TestTheBarTellsHowLongItTakesStill(t *testing.T) {
	for _, tc := range []struct {
		done, all int
		elapsed   time.Duration
		want      string
	}{
		{123, 300, 22 * time.Second, "[████████░░░░░░░░░░░░]  41 %  123 of 300 runs  0:32 left"},
		{300, 300, time.Minute, "[████████████████████] 100 %  300 of 300 runs  0:00 left"},
		{0, 300, time.Second, "[░░░░░░░░░░░░░░░░░░░░]   0 %  0 of 300 runs"},
	} {
		if got := barText(tc.done, tc.all, remaining(tc.done, tc.all, tc.elapsed)); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

// Whoever is not in the contest has no columns.
func TestASweepWithoutTheReferenceHasNoColumnsOfIt(t *testing.T) {
	over := 1.25
	a := analysis{levels: []float64{0.01}, Standings: []evaluate.Standing{{Family: "predictive", Trace: "t", Level: 0.01, OverOracle: &over}}}
	a.Comparisons = evaluate.CompareAt(a.Standings, reference, 0.01, func(trace string) string { return trace }, 1)
	var out strings.Builder
	a.printStandings(&out, 120)
	if text := out.String(); strings.Contains(text, "hpa") || strings.Contains(text, "95 %") || !strings.Contains(text, "predictive") {
		t.Errorf("got\n%s\nwant no columns of hpa", text)
	}
}
