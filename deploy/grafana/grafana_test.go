package grafana_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/flyball-io/flyball/deploy/grafana"
	"github.com/flyball-io/flyball/telemetry"
)

var update = flag.Bool("update", false, "write the dashboards anew")

// What is shipped is what the code says, and nothing else is.
func TestDashboardsAreTheGeneratedOnes(t *testing.T) {
	var want []string
	for _, d := range grafana.All() {
		path := filepath.Join("dashboards", d.Name+".json")
		want = append(want, path)
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		shipped := grafana.File(d.Name)
		if !bytes.Equal(text, shipped) {
			t.Errorf("%s is stale, run go generate ./deploy/grafana (-want +got):\n%s", path, cmp.Diff(string(text), string(shipped)))
		}
	}
	got, err := filepath.Glob("dashboards/*")
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(want); !slices.Equal(want, got) {
		t.Errorf("there are %v, want %v", got, want)
	}
}

// page is what Grafana's dashboard schema (version 39) has and we use.
type page struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Panels        []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ RefID, Expr string }
	} `json:"panels"`
	Templating struct{ List []struct{ Name string } } `json:"templating"`
}

// Grafana itself cannot be had for tests: what its schema asks for is checked
// by hand.
func TestDashboardsAreWhatGrafanaReads(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range grafana.All() {
		var p page
		if err := json.Unmarshal(grafana.File(d.Name), &p); err != nil {
			t.Fatal(err)
		}
		if p.UID == "" || uids[p.UID] || p.Title == "" || p.SchemaVersion < 36 || len(p.Panels) < 6 {
			t.Errorf("%s: uid %q, title %q, schema version %d, %d panels", d.Name, p.UID, p.Title, p.SchemaVersion, len(p.Panels))
		}
		uids[p.UID] = true
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, panel := range p.Panels {
			if ids[panel.ID] || panel.ID == 0 {
				t.Errorf("%s, %s: id %d is taken", d.Name, panel.Title, panel.ID)
			}
			ids[panel.ID] = true
			if !slices.Contains([]string{"row", "stat", "timeseries", "table"}, panel.Type) || panel.Title == "" || (len(panel.Targets) == 0) != (panel.Type == "row") {
				t.Errorf("%s, %q: type %q with %d targets", d.Name, panel.Title, panel.Type, len(panel.Targets))
			}
			for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
				for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x < 0 || x >= 24 {
						t.Fatalf("%s, %s lies on %q or beyond the 24 columns at %d,%d", d.Name, panel.Title, other, x, y)
					}
					taken[[2]int{x, y}] = panel.Title
				}
			}
		}
	}
}

// Who reads an axis need not ask which line it holds for: the lines of a panel have
// one unit.
func TestAPanelHasOneUnit(t *testing.T) {
	for _, d := range grafana.All() {
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				for _, q := range p.Queries {
					if first := unit(p.Queries[0].Expr); unit(q.Expr) != first {
						t.Errorf("%s, %s: %s is in %q, the first query in %q", d.Name, p.Title, q.Expr, unit(q.Expr), first)
					}
				}
			}
		}
	}
}

// unit is that of a query, by the names of its metrics; "" for counts, rates and
// shares.
func unit(expr string) string {
	expr = strings.ReplaceAll(expr, "_seconds_count", "")
	switch {
	case strings.Contains(expr, "_seconds"), strings.Contains(expr, "flyball_latency"):
		return "s"
	case strings.Contains(expr, "_dollars"):
		return "dollars"
	case strings.Contains(expr, "_bytes"):
		return "bytes"
	}
	return ""
}

// Variables that a query uses are offered above the panels.
func TestQueriesUseVariablesThatThereAre(t *testing.T) {
	for _, d := range grafana.All() {
		offered := []string{"$__rate_interval", "", "$__range", ""}
		for _, v := range d.Variables {
			offered = append(offered, "$"+v.Name, "")
		}
		known := strings.NewReplacer(offered...)
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				for _, q := range p.Queries {
					if strings.Contains(known.Replace(q.Expr), "$") {
						t.Errorf("%s, %s: a variable that is not offered in %s", d.Name, p.Title, q.Expr)
					}
				}
			}
		}
	}
}

// Every metric and label of the dashboards is one that Flyball shows, and every
// metric that it shows is on one.
func TestDashboardsNameMetricsThatExist(t *testing.T) {
	labels, seen := map[string][]string{}, map[string]bool{}
	for _, f := range telemetry.Families() {
		for _, name := range names(f) {
			labels[name] = append(slices.Clone(f.Labels), "le", "job", "instance")
		}
	}
	for _, d := range grafana.All() {
		if d.Name == "ai" {
			continue // the exporter's
		}
		for _, s := range selectors(t, d) {
			if !strings.HasPrefix(s.Name, "flyball_") {
				continue // the Go runtime's and the process's
			}
			seen[s.Name] = true
			known, there := labels[s.Name]
			if !there {
				t.Errorf("%s: there is no metric %s", d.Name, s.Name)
				continue
			}
			for _, m := range s.LabelMatchers {
				if m.Name != "__name__" && !slices.Contains(known, m.Name) {
					t.Errorf("%s: %s has no label %s, it has %v", d.Name, s.Name, m.Name, known)
				}
			}
		}
	}
	for _, f := range telemetry.Families() {
		if f.Name != telemetry.BuildInfo && !slices.ContainsFunc(names(f), func(name string) bool { return seen[name] }) {
			t.Errorf("%s is on no dashboard", f.Name)
		}
	}
}

func names(f telemetry.Family) []string {
	if f.Kind == "histogram" {
		return []string{f.Name + "_bucket", f.Name + "_sum", f.Name + "_count"}
	}
	return []string{f.Name}
}

func selectors(t *testing.T, d grafana.Dashboard) (found []*parser.VectorSelector) {
	t.Helper()
	variables := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h")
	for _, row := range d.Rows {
		for _, p := range row.Panels {
			for _, q := range p.Queries {
				expr, err := parser.NewParser(parser.Options{}).ParseExpr(variables.Replace(q.Expr))
				if err != nil {
					t.Fatalf("%s, %s: %s: %v", d.Name, p.Title, q.Expr, err)
				}
				parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
					if s, is := node.(*parser.VectorSelector); is {
						found = append(found, s)
					}
					return nil
				})
			}
		}
	}
	return found
}
