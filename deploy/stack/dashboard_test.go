package stack

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/deploy/grafana"
	"github.com/flyball-io/flyball/deploy/prometheus"
	"github.com/flyball-io/flyball/internal/testenv"
)

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Dashboards ask the data source that is provisioned, and Grafana finds all of
// them, and its home page.
func TestDashboardsAskTheProvisionedSource(t *testing.T) {
	var sources struct {
		DataSources []struct{ UID, Type, URL string } `yaml:"datasources"`
	}
	if err := yaml.Unmarshal(dataSource, &sources); err != nil || len(sources.DataSources) != 1 {
		t.Fatalf("datasource.yaml: %v, %v", sources, err)
	}
	known := sources.DataSources[0]
	if known.UID != grafana.SourceUID || known.Type != "prometheus" || known.URL != "http://prometheus:9090" {
		t.Errorf("provisioned is %+v, dashboards ask %s", known, grafana.SourceUID)
	}
	each(t, func(t *testing.T, o Options) {
		all := servicesOf(t, parsed(t, o))
		if _, there := all["prometheus"]; !there {
			t.Errorf("the source %s is not the stack's", known.URL)
		}
		text := asText(t, all["grafana"])
		for _, d := range grafana.All() {
			if !strings.Contains(text, "/etc/grafana/dashboards/"+d.Name+".json") {
				t.Errorf("the dashboard %s is not provisioned:\n%s", d.Name, text)
			}
		}
		if !strings.Contains(text, `"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH":"/etc/grafana/dashboards/`+grafana.All()[0].Name+`.json"`) {
			t.Errorf("the home page is no dashboard:\n%s", text)
		}
	})
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
			text := strings.NewReplacer("/run/secrets/", dir+"/", "/etc/prometheus/", dir+"/").Replace(string(f.Data))
			if !strings.Contains(text, "alerts.yaml") {
				t.Errorf("it has no alerts:\n%s", text)
			}
			for name, data := range map[string]string{"prometheus.yml": text, "prometheus.token": "x", "alerts.yaml": string(prometheus.Alerts())} {
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
