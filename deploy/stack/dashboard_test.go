package stack

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/telemetry"
)

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// page is what Grafana's dashboard schema (version 39) has and we use.
type page struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Panels        []struct {
		ID         int            `json:"id"`
		Type       string         `json:"type"`
		Title      string         `json:"title"`
		DataSource map[string]any `json:"datasource"`
		GridPos    struct{ X, Y, W, H int }
		Targets    []struct{ RefID, Expr string }
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name  string
			Query struct{ Query string }
		}
	} `json:"templating"`
}

func grafanaPage(t *testing.T) page {
	t.Helper()
	var p page
	if err := json.Unmarshal(dashboard, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Panels) < 10 {
		t.Fatalf("only %d panels were read", len(p.Panels))
	}
	return p
}

// Grafana itself cannot be had for tests: what its schema asks for is checked
// by hand.
func TestTheDashboardIsWhatGrafanaReads(t *testing.T) {
	p := grafanaPage(t)
	if p.UID == "" || p.Title == "" || p.SchemaVersion < 36 {
		t.Errorf("uid %q, title %q, schema version %d", p.UID, p.Title, p.SchemaVersion)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, panel := range p.Panels {
		if ids[panel.ID] || panel.ID == 0 {
			t.Errorf("%s: id %d is taken", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		if !slices.Contains([]string{"stat", "timeseries"}, panel.Type) || panel.Title == "" {
			t.Errorf("%q: type %q", panel.Title, panel.Type)
		}
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x < 0 || x >= 24 {
					t.Fatalf("%s lies on %q or beyond the 24 columns at %d,%d", panel.Title, other, x, y)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
	}
}

// The dashboard asks the data source that is provisioned.
func TestTheDashboardAsksTheProvisionedSource(t *testing.T) {
	var sources struct {
		DataSources []struct{ UID, Type, URL string } `yaml:"datasources"`
	}
	if err := yaml.Unmarshal(dataSource, &sources); err != nil || len(sources.DataSources) != 1 {
		t.Fatalf("datasource.yaml: %v, %v", sources, err)
	}
	known := sources.DataSources[0]
	for _, panel := range grafanaPage(t).Panels {
		if panel.DataSource["uid"] != known.UID || panel.DataSource["type"] != known.Type {
			t.Errorf("%s asks %v, provisioned is %s", panel.Title, panel.DataSource, known.UID)
		}
	}
	files := servicesOf(t, parsed(t, Default(Compose, Environments()[0])))
	if _, there := files["prometheus"]; !there || known.URL != "http://prometheus:9090" {
		t.Errorf("the source %s is not the stack's Prometheus", known.URL)
	}
}

// Every metric and label of the dashboard is one that Flyball shows.
func TestTheDashboardNamesMetricsThatExist(t *testing.T) {
	labels := map[string][]string{}
	for _, f := range telemetry.Families() {
		names := []string{f.Name}
		if f.Kind == "histogram" {
			names = []string{f.Name + "_bucket", f.Name + "_sum", f.Name + "_count"}
		}
		for _, name := range names {
			labels[name] = append(slices.Clone(f.Labels), "le", "job", "instance")
		}
	}
	asked := 0
	for _, panel := range grafanaPage(t).Panels {
		for _, target := range panel.Targets {
			for _, s := range selectors(t, target.Expr) {
				asked++
				known, there := labels[s.Name]
				if !there {
					t.Errorf("%s: there is no metric %s", panel.Title, s.Name)
				}
				for _, m := range s.LabelMatchers {
					if m.Name != "__name__" && !slices.Contains(known, m.Name) {
						t.Errorf("%s: %s has no label %s, it has %v", panel.Title, s.Name, m.Name, known)
					}
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d metrics found: the test does not look any more", asked)
	}
}

// variables are Grafana's, put in before Prometheus is asked.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$target", ".*")

func selectors(t *testing.T, query string) []*parser.VectorSelector {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(query))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var found []*parser.VectorSelector
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, is := node.(*parser.VectorSelector); is {
			found = append(found, s)
		}
		return nil
	})
	return found
}

// Prometheus takes the configuration of every stack.
func TestPrometheusTakesItsConfiguration(t *testing.T) {
	promtool := testenv.Command(t, "promtool")
	seen := map[string]bool{}
	each(t, func(t *testing.T, o Options) {
		for _, f := range rendered(t, o) {
			if f.Path != "prometheus/prometheus.yml" || seen[string(f.Data)] {
				continue
			}
			seen[string(f.Data)] = true
			dir := t.TempDir()
			text := strings.ReplaceAll(string(f.Data), "/run/secrets/", dir+"/")
			for name, data := range map[string]string{"prometheus.yml": text, "prometheus.token": "x"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.Command(promtool, "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput(); err != nil {
				t.Errorf("%v: %s\n%s", err, out, text)
			}
		}
	})
}
