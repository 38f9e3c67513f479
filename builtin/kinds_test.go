package builtin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
)

func plugin(kind, body string) scale.Plugin { return scale.Plugin{Kind: kind, Body: []byte(body)} }

func TestDecodeLaysTheBodyOverTheDefaults(t *testing.T) {
	kinds := builtin.New().Policies
	with := func(change func(*hpa.Config)) hpa.Config {
		cfg := hpa.Default()
		change(&cfg)
		return cfg
	}
	for body, want := range map[string]hpa.Config{
		``:                      hpa.Default(),
		`{}`:                    hpa.Default(),
		`{"cpuUtilization":70}`: with(func(c *hpa.Config) { c.CPUUtilization = 70 }),
		`{"tolerance":0}`:       with(func(c *hpa.Config) { c.Tolerance = 0 }),
	} {
		cfg, err := kinds.Decode(plugin("hpa", body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if diff := cmp.Diff(&want, cfg); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

func TestDecodeSaysWhatIsAllowed(t *testing.T) {
	r := builtin.New()
	known := strings.Join(r.Policies.Names(), ", ")
	for _, tc := range []struct{ name, kind, body, want string }{
		{"no kind", "", `{}`, `needs exactly one policy; known: ` + known},
		{"an unknown kind", "hpaa", `{}`, `unknown policy "hpaa"; known: ` + known},
		{"an unknown field", "hpa", `{"cpu":70}`, `unknown field "cpu"; allowed: cpuInitializationPeriod, cpuUtilization, initialReadinessDelay, metrics, tolerance`},
		{"a wrong type", "hpa", `{"tolerance":"little"}`, `tolerance: must be a number, got string`},
		{"no list", "hpa", `{"metrics":"[{1}]"}`, `metrics: must be a list, got string`},
		{"a rule", "hpa", `{"tolerance":2}`, `tolerance: must be at least 0 and below 1, got 2`},
		{"no object", "hpa", `[]`, `array`},
		{"two objects", "hpa", `{}{}`, `one JSON object`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := r.Policies.Decode(plugin(tc.kind, tc.body)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Decode: got %v, want it to say %q", err, tc.want)
			}
			if p, err := r.Policies.New(plugin(tc.kind, tc.body), policy.Env{}); err == nil || p != nil {
				t.Errorf("New: got %v, %v; want an error alone", p, err)
			}
		})
	}
}

func TestNewBuildsThePolicy(t *testing.T) {
	p, err := builtin.New().Policies.New(plugin("hpa", `{"metrics":[{"signal":"concurrency","averageValue":3}]}`), policy.Env{Max: 5})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"concurrency"}, p.Signals()); diff != "" {
		t.Error(diff)
	}
}

func TestBuildRefusesTheConfigurationOfAnother(t *testing.T) {
	policies := builtin.New().Policies
	for kind, cfg := range map[string]any{"hpa": hpa.Default(), "hpaa": &hpa.Config{}} {
		if p, err := policies.Build(kind, cfg, policy.Env{}); err == nil || p != nil {
			t.Errorf("%s of %T: got %v, %v; want an error", kind, cfg, p, err)
		}
	}
}

// A constructor that fails returns a nil pointer; wrapped in the interface it
// would look like a policy.
func TestPolicyThatCannotBeBuiltIsNil(t *testing.T) {
	var policies builtin.Policies
	broken := errors.New("no model file")
	builtin.Register(&policies, "broken", hpa.Default, func(hpa.Config, policy.Env) (*hpa.Policy, error) { return nil, broken })
	if p, err := policies.New(plugin("broken", ""), policy.Env{}); p != nil || !errors.Is(err, broken) {
		t.Errorf("got %v, %v; want nil and the error", p, err)
	}
}

func TestTwoPlugInsOfOneNameArePanicked(t *testing.T) {
	r := builtin.New()
	defer func() {
		if recover() == nil {
			t.Error("registered hpa twice without a panic")
		}
	}()
	builtin.Register(&r.Policies, "hpa", hpa.Default, hpa.New)
}

// both is a policy that nests others, as combine and schedule will.
type both struct {
	Of     []scale.Plugin          `json:"of" jsonschema:"required" jsonschema_extras:"plugin=policy"`
	Backup *scale.Plugin           `json:"backup,omitempty" jsonschema_extras:"plugin=policy"`
	Named  map[string]scale.Plugin `json:"named,omitempty" jsonschema_extras:"plugin=policy"`
}

func (both) Validate() error { return nil }

type largest struct {
	policy.Policy
	of []policy.Policy
}

func nesting() *builtin.Registry {
	r := builtin.New()
	builtin.Register(&r.Policies, "both", func() both { return both{} }, func(cfg both, env policy.Env) (*largest, error) {
		l := &largest{}
		for i, nested := range cfg.Of {
			p, err := r.Policies.New(nested, env)
			if err != nil {
				return nil, fmt.Errorf("of[%d]: %w", i, err)
			}
			l.of = append(l.of, p)
		}
		return l, nil
	})
	return r
}

func TestNestedPoliciesAreBuiltByTheRegistry(t *testing.T) {
	p, err := nesting().Policies.New(plugin("both", `{"of":[{"hpa":{}},{"both":{"of":[{"hpa":{}}]}}]}`), policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	outer := p.(*largest)
	if len(outer.of) != 2 || len(outer.of[1].(*largest).of) != 1 {
		t.Errorf("got %+v, want hpa and both of hpa", outer)
	}
}

func TestFaultsOfNestedPoliciesKnowTheirPath(t *testing.T) {
	r := nesting()
	err := r.Check(v1alpha1.PolicyContract, plugin("both", `{
		"of": [{"hpa":{}}, {"both":{"of":[{"hpa":{"tolerance":2}}]}}, {"hpaa":{}}],
		"backup": {"hpa":{"tolerance":-1}},
		"named": {"x": {"hpa":{"cpuUtilization":-1}}}}`))
	want := []string{
		"of[1].both.of[0].hpa.tolerance: must be at least 0 and below 1, got 2",
		`of[2]: unknown policy "hpaa"; known: ` + strings.Join(r.Policies.Names(), ", "),
		"backup.hpa.tolerance: must be at least 0 and below 1, got -1",
		"named[x].hpa.cpuUtilization: must be above 0, got -1",
	}
	if err == nil {
		t.Fatal("got no fault")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDocumentsWithNestedPolicies(t *testing.T) {
	load := func(policy string) error {
		text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\n" +
			"spec:\n  target: {process: {command: [./web]}}\n  replicas: {max: 3}\n  policy:\n" + policy
		_, err := v1alpha1.Loader{Plugins: nesting(), Env: func(string) (string, bool) { return "", false },
			Stdin: strings.NewReader(text)}.Load([]string{"-"})
		return err
	}
	if err := load("    both:\n      of:\n        - hpa: {}\n        - both: {of: [{hpa: {}}]}\n"); err != nil {
		t.Error(err)
	}
	err := load("    both:\n      of:\n        - hpa: {toleranc: 0}\n        - hpaa: {}\n        - both: {of: []}\n        - hpa:\n            tolerance: 7\n")
	want := []string{
		"-:10: spec.policy.both.of[0].hpa.toleranc: unknown field; allowed: cpuInitializationPeriod, cpuUtilization, initialReadinessDelay, metrics, tolerance (did you mean tolerance?)",
		"-:11: spec.policy.both.of[1].hpaa: unknown policy; known: " + strings.Join(nesting().Policies.Names(), ", ") + " (did you mean hpa?)",
		"-:14: spec.policy.both.of[3].hpa.tolerance: must be at least 0 and below 1, got 7",
	}
	if err == nil {
		t.Fatal("got no fault")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
