package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/neural/onnx/onnxtest"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/policy/learned/learnedtest"
)

// eager is a model that always wants half as many again as its base, as a file of
// ours, as an ONNX file that says the same of itself, and as one that says nothing.
func eager(t *testing.T) (ours, theirs, silent string) {
	t.Helper()
	m, err := learned.Read(learnedtest.AsBase(t))
	if err != nil {
		t.Fatal(err)
	}
	_, biases := m.Net.Weights(0)
	biases[6] = 9 // × 1.5
	data, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	says := mustJSON(t, map[string]any{"schema": learned.Schema, "actions": m.Actions, "features": m.Features, "origin": m.Origin})
	return writeFile(t, "eager.flyball", string(data)),
		writeFile(t, "eager.onnx", string(onnxtest.File(m.Net, map[string]string{learned.Property: string(says)}))),
		writeFile(t, "silent.onnx", string(onnxtest.File(m.Net, nil)))
}

// figuresOf is what evaluate finds of one policy.
func figuresOf(t *testing.T, policy string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	if out, stderr, status := evaluateHere(t, small(dir, "--window", "0h:20m", "--policy", policy)...); status != 0 {
		t.Fatalf("status %d: %s%s", status, out, stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var results struct{ Runs []map[string]any }
	if err := json.Unmarshal(data, &results); err != nil || len(results.Runs) != 1 {
		t.Fatalf("%v: %s", err, data)
	}
	delete(results.Runs[0], "policy")
	return results.Runs[0]
}

func TestAnONNXFileIsJudgedAsTheSameNetInAFileOfOurs(t *testing.T) {
	ours, theirs, _ := eager(t)
	want, got := mustJSON(t, figuresOf(t, "learned:model="+strconv.Quote(ours))), mustJSON(t, figuresOf(t, "learned:model="+strconv.Quote(theirs)))
	if string(want) != string(got) {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if base := mustJSON(t, figuresOf(t, "learned")); string(base) == string(want) {
		t.Error("the model makes no difference, so nothing was compared")
	}
}

// documentOf is a document whose policy is a model.
func documentOf(t *testing.T, model string) string {
	t.Helper()
	const hpa = "policy: {hpa: {cpuUtilization: 60}}"
	text := strings.Replace(shopDocument, hpa, "policy: {learned: {model: "+string(mustJSON(t, model))+"}}", 1)
	if text == shopDocument {
		t.Fatalf("%s is not in\n%s", hpa, text)
	}
	return writeFile(t, "shop.yaml", text)
}

// Every command that reads the file of a model takes it.
func TestAnONNXFileStandsWhereverAModelDoes(t *testing.T) {
	_, model, _ := eager(t)
	document, state := documentOf(t, model), t.TempDir()
	out, errOut, status := execute(t.Context(), "run", "-f", document, "--simulate", "--speed", "300", "--for", "10m", "--load", "shape:step", "--peak-rps", "200",
		"--state-dir", state, "--listen", "127.0.0.1:0", "--json")
	if status != 0 || !strings.Contains(out, "learned (predictive, by ") || !strings.Contains(out, "eager.onnx)") {
		t.Errorf("run: status %d: %s%s", status, out, errOut)
	}
	for _, args := range [][]string{
		{"validate", "-f", document},
		{"train", "--visualize", model, "--trace", "shape:step", "--out", t.TempDir()},
		{"replay", "--record", state, "--policy", "learned:model=" + strconv.Quote(model), "--seeds", "1", "--out", t.TempDir()},
	} {
		if out, errOut, status := execute(t.Context(), args...); status != 0 {
			t.Errorf("%s: status %d: %s%s", args[0], status, out, errOut)
		}
	}
	servePolicyHere(t, model)
}

// One that does not say what a model must is refused by all in the same words.
func TestAnONNXFileThatSaysNothingOfItselfIsRefused(t *testing.T) {
	_, _, model := eager(t)
	document := documentOf(t, model)
	for _, args := range [][]string{
		{"validate", "-f", document},
		{"run", "-f", document, "--simulate", "--state-dir", t.TempDir(), "--listen", "127.0.0.1:0"},
		{"evaluate", "--policy", "learned:model=" + strconv.Quote(model), "--out", ""},
		{"train", "--visualize", model, "--trace", "shape:step", "--out", t.TempDir()},
		{"train", "--init", model, "--out", t.TempDir()},
		{"serve-policy", model},
		{"deploy", "compose", "--serve-policy", "--policy-model", model, "--dir", t.TempDir()},
	} {
		out, errOut, status := execute(t.Context(), args...)
		if status != 2 || !strings.Contains(errOut, `silent.onnx: not a model of this program: it is an ONNX file without the property "flyball"`) {
			t.Errorf("%v: status %d: %s%s", args, status, out, errOut)
		}
	}
}
