package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/internal/testenv"
)

// Two models beside predictive: the same one twice comes to the same twice, and no
// envelope is broken.
func TestTrainCompares(t *testing.T) {
	testenv.Long(t)
	t.Parallel()
	out := t.TempDir()
	for _, seed := range []string{"seed-1", "seed-2"} {
		if err := os.MkdirAll(filepath.Join(out, seed), 0o777); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile("../../policy/learned/models/general.flyball")
		if err == nil {
			err = os.WriteFile(filepath.Join(out, seed, "model.flyball"), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, errOut, status := execute(t.Context(), "train", "--compare", out, "--loads", "1", "--out", out)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	wants(t, text, "2 models beside predictive", "steady", "spikes", "× cost", "Envelope: 0 breaches of 1 + λ = 1.2 in 18 runs, ")
	file, err := os.ReadFile(filepath.Join(out, "comparison.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found trainComparison
	if err := json.Unmarshal(file, &found); err != nil || len(found.Groups) != 9 {
		t.Fatalf("%v: %d groups, want one for each family", err, len(found.Groups))
	}
	for _, g := range found.Groups {
		if len(g.Each) != 2 || g.Each[0].Cost != g.Each[1].Cost || !(g.Cost.Mean > 0.5 && g.Cost.Mean < 1.5) {
			t.Errorf("%s: got %+v, want the same twice", g.Group, g)
		}
	}
	claim, err := training.NewClaim(filepath.Join(out, comparisonFolder))
	if err != nil {
		t.Fatal(err)
	}
	if _, errOut, status = execute(t.Context(), "train", "--compare", out, "--loads", "1", "--out", out); status != 1 || !strings.Contains(errOut, "is at work there: process ") {
		t.Errorf("beside another comparison: status %d: %s", status, errOut)
	}
	claim.Release()
	again, errOut, status := execute(t.Context(), "train", "--compare", out, "--loads", "1", "--out", out)
	if status != 0 || again != text {
		t.Errorf("all has been played, and the same is told: status %d: %s\n%s\nwant\n%s", status, errOut, again, text)
	}
}

// What ships is found by its name wherever a policy is: in a document, in a shadow,
// in replay and in evaluate.
func TestTheModelThatShipsIsFoundEverywhere(t *testing.T) {
	testenv.Long(t)
	t.Parallel()
	state, document := t.TempDir(), writeFile(t, "shop.yaml", strings.NewReplacer("{hpa: {cpuUtilization: 60}}", "{learned: {}}", "{threshold: {}}", "{learned: {}}").Replace(shopDocument))
	_, errOut, status := execute(t.Context(), "run", "-f", document, "--simulate", "--speed", "200", "--for", "1h", "--load", "shape:diurnal", "--peak-rps", "300",
		"--state-dir", state, "--listen", "127.0.0.1:0", "--json")
	if status != 0 {
		t.Fatalf("run --simulate: status %d: %s", status, errOut)
	}
	text, errOut, status := execute(t.Context(), "report", "--record", state, "-f", document, "--json")
	var report struct{ Targets []reported }
	if err := json.Unmarshal([]byte(text), &report); err != nil || len(report.Targets) != 1 {
		t.Fatalf("%v, status %d: %s", err, status, errOut)
	}
	wishes := report.Targets[0].Wishes
	if len(wishes) != 3 || wishes[0].Policy != "learned" || !strings.HasPrefix(wishes[1].Policy, "learned") || !wishes[1].Shadow || wishes[1].ReplicaHours <= 0 {
		t.Errorf("wishes: got %+v, want those of the model, live and in the shadow", wishes)
	}
	r := replayOf(t, "--record", state, "-f", document, "--policy", "learned", "--fluid", "--out", "")
	if last := r.Runs[len(r.Runs)-1]; last.Policy != "learned" || last.ReplicaHours <= 0 {
		t.Errorf("replay: got %+v, want a run of the model", r.Runs)
	}
	text, errOut, status = execute(t.Context(), "evaluate", "--policy", "learned", "--trace", "shape:step", "--fluid", "--seeds", "1", "--json", "--out", "")
	if status != 0 || !strings.Contains(text, `"policy": "learned"`) {
		t.Errorf("evaluate: status %d: %s", status, errOut)
	}
}
