package builtin_test

import (
	"os"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source"
)

// Every snippet of docs/sources.md is part of a document that works, and every
// source has one.
func TestSignalsInTheDocumentationAreValid(t *testing.T) {
	text, err := os.ReadFile("../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	r := builtin.New()
	shown := map[string]bool{}
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		document := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\nspec:\n" +
			"  target: {process: {command: [./web]}}\n  replicas: {max: 3}\n  " + strings.ReplaceAll(block, "\n", "\n  ")
		l := v1alpha1.Loader{Plugins: r, Env: func(string) (string, bool) { return "x", true }, Stdin: strings.NewReader(document)}
		loaded, err := l.Load([]string{"-"})
		if err != nil {
			t.Errorf("%v in\n%s", err, document)
			continue
		}
		for _, signal := range loaded[0].Spec.Signals {
			shown[signal.Source.Kind] = true
			if _, err := r.Sources.New(signal.Name, signal.Source, source.Env{Clock: clock.System}); err != nil {
				t.Errorf("%s: %v", signal.Name, err)
			}
		}
	}
	for _, name := range r.Sources.Names() {
		if !shown[name] || !strings.Contains(string(text), "## "+name+"\n") {
			t.Errorf("source %s has no section with a snippet", name)
		}
	}
}

// Without a section of its own a ready-made query would not be found.
func TestPresetsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := v1alpha1.Schema(builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), `"cadvisorCPU"`) {
		t.Error("the schema does not list the ready-made queries")
	}
	for _, name := range []string{"cadvisorCPU", "cadvisorMemory", "kubeCPU", "nginxRequestRate", "ingressNginx", "traefik", "istio", "envoy"} {
		if !strings.Contains(string(text), "`"+name) {
			t.Errorf("%s is not in docs/sources.md", name)
		}
	}
}
