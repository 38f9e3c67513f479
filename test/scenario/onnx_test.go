package scenario_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/neural/onnx/onnxtest"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/test/scenario"
)

// The story of the policy learned, told by a document that names an ONNX file of
// the net that ships: the same decisions, plainly, over restarts and as a shadow.
func TestTheStoryOfAModelIsTheSameByAnONNXFile(t *testing.T) {
	const old = "{learned: {"
	text := read(t, "learned.scenario")
	told := strings.Replace(text, old, old+"model: "+strconv.Quote(onnxFile(t))+", ", 1)
	s, err := scenario.Parse(told)
	if err != nil || told == text {
		t.Fatalf("%v of:\n%s", err, told)
	}
	for _, way := range scenario.Ways() {
		got, err := s.Play(way)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if changed := difference(told, s.Rewrite(got)); changed != "" {
			t.Errorf("played %s (- by the model that ships, + by the file):\n%s", way, changed)
		}
	}
}

// onnxFile is the model that ships as an ONNX file.
func onnxFile(t *testing.T) string {
	t.Helper()
	data, err := learned.Find(learned.DefaultModel, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := learned.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	says, err := json.Marshal(map[string]any{"schema": learned.Schema, "actions": m.Actions, "features": m.Features, "origin": m.Origin})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "policy.onnx")
	if err := os.WriteFile(name, onnxtest.File(m.Net, map[string]string{learned.Property: string(says)}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
