package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app/simulate"
	"github.com/flyball-io/flyball/internal/testenv"
)

// shopDocument is of a service that a simulation stands for.
const shopDocument = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  target: {process: {command: [./web], port: 18080}}
  replicas: {min: 1, max: 30}
  objective: {latency: {threshold: 500ms, target: 99%, window: 1h}, cost: {perReplicaHour: 0.04}}
  policy: {hpa: {cpuUtilization: 60}}
  shadows: [{threshold: {}}, {kpa: {}}]
`

// simulatedRun is a real record of an hour of a simulated service, with its
// document and its scorecard.
func simulatedRun(t *testing.T) (state, document string, card simulate.Scorecard) {
	t.Helper()
	state, document = t.TempDir(), writeFile(t, "shop.yaml", shopDocument)
	out, errOut, status := execute(t.Context(), "run", "-f", document, "--simulate", "--speed", "200", "--for", "1h", "--load", "shape:diurnal", "--peak-rps", "300",
		"--state-dir", state, "--listen", "127.0.0.1:0", "--json")
	if status != 0 {
		t.Fatalf("run --simulate: status %d: %s", status, errOut)
	}
	var result simulate.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return state, document, result.Services[0]
}

// replayedJSON is what --json prints.
type replayedJSON struct {
	Replay replayDocument
	Runs   []struct {
		Policy         string
		ReplicaHours   float64 `json:"replica_hours"`
		ViolationRatio float64 `json:"violation_ratio"`
	}
}

func replayOf(t *testing.T, args ...string) replayedJSON {
	t.Helper()
	out, errOut, status := execute(t.Context(), append([]string{"replay", "--json", "--seeds", "1"}, args...)...)
	if status != 0 {
		t.Fatalf("replay: status %d: %s", status, errOut)
	}
	var r replayedJSON
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

// The replay of a run with its own policy comes to what the run came to.
func TestReplayOfARecordAgreesWithTheRun(t *testing.T) {
	t.Parallel()
	state, document, card := simulatedRun(t)
	out := filepath.Join(t.TempDir(), "replay")
	r := replayOf(t, "--record", state, "-f", document, "--out", out)

	known := 1 - r.Replay.LostShare
	if r.Replay.LostShare > 0.05 {
		t.Errorf("%.3f of the time is lost, want hardly any: %+v", r.Replay.LostShare, r.Replay.Lost)
	}
	recorded := r.Replay.Recorded
	if math.Abs(recorded.ReplicaHours/(card.ReplicaHours*known)-1) > 0.03 {
		t.Errorf("recorded replica-hours: got %.3f, want %.3f of the scorecard within 3 %%", recorded.ReplicaHours, card.ReplicaHours*known)
	}
	if c := r.Replay.Check; c == nil || math.Abs(c.ReplicaHours) > 0.05 || math.Abs(*c.ViolationRatio) > 0.01 {
		t.Errorf("replay of the same policy: got %+v, want replica-hours within 5 %% and violations within a point", c)
	}
	if len(r.Runs) != 8 || r.Runs[0].Policy != "document:hpa (cpuUtilization 60 %)" {
		t.Errorf("got %d runs, the first of %s; want the document's policy and seven more", len(r.Runs), r.Runs[0].Policy)
	}
	for _, v := range r.Replay.Service {
		if want, there := map[string]float64{"service mean": 0.080, "service cv": 0.5, "slots": 4, "CPU when full": 1}[v.Name]; there && math.Abs(v.Value/want-1) > 0.05 {
			t.Errorf("%s: got %v, want %v within 5 %%", v.Name, v.Value, want)
		}
	}
	for _, name := range []string{"results.json", "results.csv", "report.html"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, want a file with something in it", name, err)
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, string(page), "Replay of shop", "as recorded", "The model of the service", "document:hpa (cpuUtilization 60 %)")

	text, errOut, status := execute(t.Context(), "replay", "--record", state, "-f", document, "--seeds", "1", "--policy", "static", "--out", "", "--fluid")
	if status != 0 {
		t.Fatal(errOut)
	}
	if !strings.Contains(text, "cost") {
		t.Errorf("no cost, though the document has a price:\n%s", text)
	}
	wants(t, text, "as recorded", "static:peak=100%", "Check: the simulated document:hpa (cpuUtilization 60 %) has", "service mean", "measured")
}

// The report on a run is what the run said of itself.
func TestReportOfARecord(t *testing.T) {
	testenv.Long(t)
	t.Parallel()
	state, document, card := simulatedRun(t)
	out := filepath.Join(t.TempDir(), "pages", "report.html")
	text, errOut, status := execute(t.Context(), "report", "--record", state, "-f", document, "--json", "--out", out)
	if status != 0 {
		t.Fatal(errOut)
	}
	var found struct{ Targets []reported }
	if err := json.Unmarshal([]byte(text), &found); err != nil || len(found.Targets) != 1 {
		t.Fatalf("%d targets, %v: %s", len(found.Targets), err, text)
	}
	r := found.Targets[0]
	within(t, "replica-hours", r.ReplicaHours, card.ReplicaHours, 0.03)
	within(t, "cost", r.Cost, card.ReplicaHours*0.04, 0.03)
	// The record begins with the first decision and ends with the last: where the
	// machine is slow and the clock fast, both are farther from the ends of the run.
	within(t, "requests", r.Requests, float64(card.Requests), 0.05)
	if r.ViolationRatio == nil || math.Abs(*r.ViolationRatio-card.ViolationRatio) > 0.002 {
		t.Errorf("violations: got %v, want %v", r.ViolationRatio, card.ViolationRatio)
	}
	if r.Up+r.Down != card.ScalingActions || r.MaxReplicas != card.MaxReplicas {
		t.Errorf("got %d up and %d down, %d replicas at most; want %d changes, %d replicas", r.Up, r.Down, r.MaxReplicas, card.ScalingActions, card.MaxReplicas)
	}
	if len(r.Wishes) != 3 || r.Wishes[0].Policy != "hpa" || r.Wishes[0].Shadow || !r.Wishes[1].Shadow {
		t.Fatalf("wishes: got %+v, want hpa's and those of two shadows", r.Wishes)
	}
	within(t, "what hpa asked for", r.Wishes[0].ReplicaHours, r.ReplicaHours, 0.03)
	decisions, changes := 0, 0
	for _, c := range r.Rules {
		decisions, changes = decisions+c.Count, changes+c.Changes
	}
	if decisions != r.Decisions || changes != r.Up+r.Down {
		t.Errorf("rules decided %d times with %d changes, want %d and %d", decisions, changes, r.Decisions, r.Up+r.Down)
	}
	page, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, string(page), "What was run", "threshold (shadow), wish", "Who decided")

	text, errOut, status = execute(t.Context(), "report", "--record", state, "--last", "30m")
	if status != 0 {
		t.Fatal(errOut)
	}
	wants(t, text, "shop: ", "replica-hours at 1", "kpa (shadow), wish", "A wish is no trajectory", "most frequent reasons", "over 0.5 hours")
	for _, tc := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--target", "web"}, 1, `nothing is recorded of "web"; the record holds shop`},
		{[]string{"--cost-per-replica-hour", "-1"}, 2, "must be 0 or more"},
		{[]string{"--out", state}, 2, "is a folder"},
		{[]string{"--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"}, 1, "0 decisions in this part of the record"},
	} {
		_, errOut, status := execute(t.Context(), append([]string{"report", "--record", state}, tc.args...)...)
		if status != tc.status || !strings.Contains(errOut, tc.says) {
			t.Errorf("%v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.says)
		}
	}
}

func TestReplayRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	empty, foreign := t.TempDir(), writeFile(t, "record.db", strings.Repeat("no record\n", 1000))
	for _, tc := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--record", filepath.Join(empty, "nowhere")}, 1, "is not there: flyball run has recorded nothing here"},
		{[]string{"--record", empty}, 1, "no record in"},
		{[]string{"--record", foreign}, 1, "is damaged: file is not a database"},
		{[]string{"--last", "0s"}, 2, "must be above 0"},
		{[]string{"--last", "1d", "--from", "2d"}, 2, "--last and --from exclude each other"},
		{[]string{"--from", "1d", "--to", "2d"}, 2, "--from: must be before --to"},
		{[]string{"--from", "soon"}, 2, "--from: must be a duration"},
		{[]string{"--policy", "magic"}, 2, `unknown policy "magic"`},
		{[]string{"--seeds", "0"}, 2, "--seeds: must be 1 to"},
		{[]string{"--max-lost", "100"}, 2, "--max-lost: must be 0 or more and below 100"},
		{[]string{"--slo-target", "100"}, 2, "--slo-target: must be above 0 and below 100"},
		{[]string{"--min", "5", "--max", "2"}, 2, "the most not below the fewest"},
		{[]string{"--service-mean", "-1s"}, 2, "--service-mean: must be at least 0.1ms"},
		{[]string{"--step", "1m"}, 2, "--step: needs --prometheus"},
		{[]string{"--prometheus", "nonsense", "--deployment", "web"}, 2, "--prometheus: must begin with http://"},
		{[]string{"--prometheus", "http://127.0.0.1:1"}, 2, "needs --deployment (with --namespace), or --rate-query"},
		{[]string{"--prometheus", "http://127.0.0.1:1", "--deployment", `web"}`}, 2, "must be a name of Kubernetes"},
		{[]string{"--prometheus", "http://127.0.0.1:1", "--rate-query", "http_requests_total"}, 2, "is a counter that only grows"},
		{[]string{"--prometheus", "http://127.0.0.1:1", "--deployment", "web"}, 1, "connection refused"},
		{[]string{"--prometheus", "http://127.0.0.1:1", "--deployment", "web", "--last", "365d", "--step", "1s"}, 1, "take a longer --step, or less of the past"},
		{[]string{"-f", filepath.Join(empty, "none.yaml")}, 2, "none.yaml"},
	} {
		_, errOut, status := execute(t.Context(), append([]string{"replay", "--out", ""}, tc.args...)...)
		if status != tc.status || !strings.Contains(errOut, tc.says) {
			t.Errorf("%v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.says)
		}
	}
}
