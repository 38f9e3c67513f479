package builtin_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/example"
	"github.com/flyball-io/flyball/scale"
)

// blocks returns the code blocks of a page that are in a language.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, block := range strings.Split(string(text), "```"+language+"\n")[1:] {
		code, _, closed := strings.Cut(block, "```")
		if !closed {
			t.Fatalf("%s: a block is not closed", page)
		}
		all = append(all, code)
	}
	return all
}

// document puts fields of a spec into a document.
func document(fields string) string {
	return "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\nspec:\n" +
		"  target: {process: {command: [./web]}}\n  replicas: {max: 50}\n  " + strings.ReplaceAll(strings.TrimSpace(fields), "\n", "\n  ") + "\n"
}

func load(registry *builtin.Registry, text string) ([]v1alpha1.Document, error) {
	return v1alpha1.Loader{Plugins: registry, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text)}.Load([]string{"-"})
}

// The code that a newcomer reads is the code that is compiled and tested.
func TestTheFirstPolicyIsTheOneInTheFolder(t *testing.T) {
	code := blocks(t, "../docs/first-policy.md", "go")
	if len(code) != 3 {
		t.Fatalf("got %d blocks of Go, want the policy, its test and its registration", len(code))
	}
	for i, file := range []string{"../policy/example/example.go", "../policy/example/example_test.go"} {
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(written), code[i]); diff != "" {
			t.Errorf("docs/first-policy.md is not %s (-file +page):\n%s", file, diff)
		}
	}
	if want := `Register(p, "example", example.Default, example.New)`; strings.TrimSpace(code[2]) != want {
		t.Errorf("got %q, want the line that this test registers with: %s", code[2], want)
	}
}

// One line makes the policy known: its documents load, and it can be built.
func TestTheFirstPolicyIsRegisteredWithOneLine(t *testing.T) {
	r := builtin.New()
	p := &r.Policies
	builtin.Register(p, "example", example.Default, example.New)
	docs, err := load(r, document(blocks(t, "../docs/first-policy.md", "yaml")[0]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.New(docs[0].Spec.Shadows[0], policy.Env{}); err != nil {
		t.Error(err)
	}
	if _, err := load(r, document("policy: {example: {perReplica: 0}}")); err == nil || !strings.Contains(err.Error(), "spec.policy.example.perReplica: must be above 0, got 0") {
		t.Errorf("a wrong field: got %v", err)
	}
}

func objective(doc v1alpha1.Document) *scale.Objective {
	if doc.Spec.Objective == nil {
		return nil
	}
	stated := doc.Spec.Objective.Latency.Scale()
	return &stated
}

// Every policy has a section with an example that validates and can be built.
func TestEveryPolicyIsDocumented(t *testing.T) {
	const page = "../docs/policies.md"
	r := builtin.New()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, block := range blocks(t, page, "yaml") {
		block = strings.ReplaceAll(block, "/etc/flyball/web.flyball", "testdata/fewer.flyball") // the reader's own model
		docs, err := load(r, document(block))
		if err != nil {
			t.Errorf("%v in\n%s", err, block)
			continue
		}
		chosen := *docs[0].Spec.Policy
		if _, err := r.Policies.New(chosen, policy.Env{Min: 1, Max: 50, Objective: objective(docs[0])}); err != nil {
			t.Errorf("%v in\n%s", err, block)
		}
		shown[chosen.Kind] = true
	}
	for _, kind := range r.Policies.Names() {
		if !shown[kind] || !strings.Contains(string(text), "\n## `"+kind+"`") {
			t.Errorf("%s has no section ## `%s` with an example", page, kind)
		}
	}
}
