package crd_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// server judges objects as the API server does.
type server struct {
	schema validation.SchemaValidator
	shape  *schema.Structural
	rules  *cel.Validator
}

func newServer(t *testing.T) server {
	t.Helper()
	in := internalSchema(t)
	validator, _, err := validation.NewSchemaValidator(in)
	if err != nil {
		t.Fatal(err)
	}
	shape, err := schema.NewStructural(in)
	if err != nil {
		t.Fatal(err)
	}
	return server{validator, shape, cel.NewValidator(shape, true, math.MaxInt32)}
}

// unknown lists the fields that the server drops, or refuses when it is strict.
func (s server) unknown(o map[string]any) []string {
	return pruning.PruneWithOptions(o, s.shape, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
}

func (s server) faults(t *testing.T, o map[string]any) []string {
	t.Helper()
	var out []string
	for _, err := range validation.ValidateCustomResource(nil, o, s.schema) {
		out = append(out, err.Error())
	}
	faults, _ := s.rules.Validate(t.Context(), nil, s.shape, o, nil, math.MaxInt32)
	for _, err := range faults {
		out = append(out, err.Error())
	}
	return out
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := utiljson.Unmarshal(raw, &o); err != nil { // whole numbers stay whole
		t.Fatal(err)
	}
	return o
}

func TestServerRefuses(t *testing.T) {
	s := newServer(t)
	const head = "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\nspec:\n  target: {process: {command: [./web]}}\n  replicas: {min: 1, max: 3}\n"
	for _, tc := range []struct{ name, spec, want string }{
		{"a whole document", "  policy: {hpa: {}}\n  balancer: {builtin: {}}\n", ""},
		{"no policy", "", ""},
		{"two policies", "  policy: {hpa: {}, kpa: {}}\n", "needs exactly one policy; known: advised, baseline, combine, hpa"},
		{"an empty policy", "  policy: {}\n", "needs exactly one policy"},
		{"two balancers", "  balancer: {builtin: {}, nginx: {}}\n", "needs exactly one balancer"},
		{"two shadows in one", "  shadows: [{hpa: {}, kpa: {}}]\n", "at most 1"},
		{"two policies within one", "  policy: {combine: {max: [{hpa: {}, kpa: {}}]}}\n", "at most 1"},
		{"two sources", "  signals: [{name: q, prometheus: {server: 'http://p', query: q}, probe: {url: 'http://q'}}]\n", "needs exactly one source"},
		{"a signal without a source", "  signals: [{name: q}]\n", "needs exactly one source"},
		{"a time of a pause alone", "  pausedUntil: 2027-01-01T00:00:00Z\n", "must be left out unless mode is Paused"},
		{"a pause", "  mode: Paused\n  pausedUntil: 2027-01-01T00:00:00Z\n", ""},
		{"another mode", "  mode: Off\n", "Unsupported value"},
		{"an envelope alone", "  envelope: {lambda: 0.1}\n", "needs objective.latency"},
		{"an empty objective", "  objective: {}\n", "needs latency or cost"},
		{"a hard budget of nothing", "  objective: {cost: {perReplicaHour: 1, hard: true}}\n", "needs a budgetPerDay"},
		{"a duration without unit", "  sync: '15'\n", "spec.sync"},
		{"a share without its sign", "  objective: {latency: {threshold: 1s, target: '0.99'}}\n", "spec.objective.latency.target"},
	} {
		got := s.faults(t, object(t, head+tc.spec))
		if tc.want == "" && len(got) > 0 || tc.want != "" && !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, tc.want) }) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct{ text, want string }{
		{strings.Replace(head, "max: 3", "max: 0", 1), "spec.replicas.max"},
		{strings.Replace(head, "min: 1", "min: 4", 1), "must not be below min"},
		{strings.Replace(head, "name: web", "name: a.b", 1), "metadata.name"},
		{strings.Replace(head, "{process: {command: [./web]}}", "{process: {command: [./web]}, docker: {service: web}}", 1), "needs exactly one target"},
	} {
		if got := s.faults(t, object(t, tc.text)); !strings.Contains(strings.Join(got, "\n"), tc.want) {
			t.Errorf("%s: got %q, want %q", tc.text, got, tc.want)
		}
	}
}

// The same YAML works with flyball run -f and with kubectl apply -f.
func TestServerTakesEveryExample(t *testing.T) {
	s := newServer(t)
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range strings.Split(string(text), "\n---\n") {
			o := object(t, doc)
			if o["kind"] != "Autoscaler" || strings.Contains(doc, "${") {
				continue // variables are for files
			}
			if unknown := s.unknown(o); len(unknown) > 0 {
				t.Errorf("%s: the server does not know %v", file, unknown)
			}
			if faults := s.faults(t, o); len(faults) > 0 {
				t.Errorf("%s: %v", file, faults)
			}
		}
	}
}

// Below two policies in one another the server takes what it is given; the
// operator does not.
func TestServerKeepsWhatIsTooDeepForIt(t *testing.T) {
	s := newServer(t)
	o := object(t, `{spec: {target: {process: {command: [a]}}, replicas: {max: 2}, policy: {combine: {max: [{combine: {min: [{hpa: {anything: 1}}]}}, {hpa: {mistaken: 1}}]}}}}`)
	unknown := s.unknown(o)
	if len(unknown) != 1 || !strings.HasSuffix(unknown[0], "mistaken") {
		t.Errorf("dropped %v, want the field mistaken alone", unknown)
	}
	raw, _ := json.Marshal(o)
	if !strings.Contains(string(raw), `"anything":1`) {
		t.Errorf("what is too deep was dropped: %s", raw)
	}
}
