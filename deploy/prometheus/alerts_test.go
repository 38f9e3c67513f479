package prometheus_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/deploy/prometheus"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/telemetry"
)

type rule struct {
	Alert, Record, Expr string
	Labels              struct{ Severity string }
	Annotations         struct {
		Summary string
		Runbook string `yaml:"runbook_url"`
	}
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(prometheus.Alerts(), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// tested are the files in which alerts fire and do not.
func tested() []string { return []string{"alerts_test.yaml", "alerts_days_test.yaml"} }

func TestPrometheusTakesTheRules(t *testing.T) {
	if out, err := exec.Command(testenv.Command(t, "promtool"), "check", "rules", "alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	for _, file := range tested() {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			if out, err := exec.Command(testenv.Command(t, "promtool"), "test", "rules", file).CombinedOutput(); err != nil {
				t.Errorf("promtool test rules %s: %v\n%s", file, err, out)
			}
		})
	}
}

// Each alert is seen to fire, and not to fire on something close to it.
func TestEachAlertIsTestedBothWays(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, file := range tested() {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var tests struct {
			Tests []struct {
				Rules []struct {
					Alert  string `yaml:"alertname"`
					Expect []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal(data, &tests); err != nil {
			t.Fatal(err)
		}
		for _, test := range tests.Tests {
			for _, r := range test.Rules {
				if len(r.Expect) > 0 {
					fires[r.Alert] = true
				} else {
					quiet[r.Alert] = true
				}
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" && (!fires[r.Alert] || !quiet[r.Alert]) {
			t.Errorf("%s: seen firing %v, seen quiet %v", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
	}
}

// Who is woken by an alert finds an entry for it, and there is no other.
func TestTheRunbookHasAnEntryForEachAlert(t *testing.T) {
	const base = "https://github.com/flyball-io/flyball/blob/main/docs/runbook.md#"
	data, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, part := range strings.Split(string(data), "\n## ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		entries[name] = text
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		text, there := entries[r.Alert]
		if !there {
			t.Errorf("%s has no entry", r.Alert)
		}
		for _, part := range []string{"**Means:**", "**Look:**", "**Do:**"} {
			if there && !strings.Contains(text, part) {
				t.Errorf("the entry of %s lacks %s", r.Alert, part)
			}
		}
		if r.Annotations.Runbook != base+strings.ToLower(r.Alert) || r.Annotations.Summary == "" || !slices.Contains([]string{"critical", "warning"}, r.Labels.Severity) {
			t.Errorf("%s: %+v, %+v", r.Alert, r.Annotations, r.Labels)
		}
		delete(entries, r.Alert)
	}
	for name := range entries {
		t.Errorf("the runbook tells of %q, there is no such alert", name)
	}
}

// Every metric and label of the rules is one that there is.
func TestRulesNameMetricsThatExist(t *testing.T) {
	labels := map[string][]string{}
	for _, f := range telemetry.Families() {
		labels[f.Name] = f.Labels
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			labels[r.Record] = []string{"target"}
		}
	}
	exporter, err := os.ReadFile("../../docs/exporter.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, its := range map[string][]string{
		"flyball_inference_up": {"service", "endpoint"}, "flyball_queue_up": {"service", "queue"}, "flyball_vector_up": {"service", "endpoint"},
		"flyball_queue_oldest_age_seconds": {"service", "queue"}, "flyball_inference_kv_cache_usage_ratio": {"service", "endpoint", "model"},
	} {
		if strings.Contains(string(exporter), "`"+name+"`") {
			labels[name] = its
		}
	}
	for _, r := range rules(t) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			t.Fatalf("%s%s: %v", r.Alert, r.Record, err)
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			s, is := node.(*parser.VectorSelector)
			if !is {
				return nil
			}
			known, there := labels[s.Name]
			if !there {
				t.Errorf("%s%s: there is no metric %s", r.Alert, r.Record, s.Name)
			}
			for _, m := range s.LabelMatchers {
				if m.Name != "__name__" && !slices.Contains(known, m.Name) {
					t.Errorf("%s%s: %s has no label %s, it has %v", r.Alert, r.Record, s.Name, m.Name, known)
				}
			}
			return nil
		})
	}
}
