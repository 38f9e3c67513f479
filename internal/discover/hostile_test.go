package discover_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/internal/discover"
)

// evil ends a comment, however a reader breaks lines, and goes on as YAML.
const evil = "1\nevil: 1\r\nevil: 2\revil: 3\u0085evil: 4\u2028evil: 5\x1b]0;evil\x07"

// prometheusSaying is a server that behaves as a Prometheus of some version
// with one metric.
func prometheusSaying(t *testing.T, version, metric string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data any
		switch r.URL.Path {
		case "/-/healthy":
			return
		case "/api/v1/status/buildinfo":
			data = map[string]string{"version": version}
		case "/api/v1/label/__name__/values":
			data = []string{metric}
		case "/api/v1/series":
			data = []map[string]string{{"__name__": metric, "job": evil, "instance": "127.0.0.1:8080"}}
		case "/api/v1/targets":
			data = map[string]any{"activeTargets": []any{}}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
	}))
	t.Cleanup(server.Close)
	return server
}

func TestAVersionThatIsNoneIsNoPrometheus(t *testing.T) {
	for version, accepted := range map[string]bool{
		"2.45.0": true, "3.0.0-rc.1+ds_1": true, "v0.41.2": true,
		evil: false, "2.45 # x": false, strings.Repeat("1", 41): false, "": false,
	} {
		server := prometheusSaying(t, version, "http_requests_total")
		_, err := discover.AskPrometheus(t.Context(), server.URL)
		if (err == nil) != accepted {
			t.Errorf("version %q: got %v, want accepted %v", version, err, accepted)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n\x1b\u0085\u2028") {
			t.Errorf("version %q: the error carries its controls: %q", version, err)
		}
	}
}

// A name goes into a query as it is.
func TestAMetricWhoseNameIsNoneIsLeftOut(t *testing.T) {
	server := prometheusSaying(t, "2.45.0", "x) or vector(1e9\n) #requests_total")
	p, err := discover.AskPrometheus(t.Context(), server.URL)
	if err != nil || len(p.Series) != 0 {
		t.Errorf("got %+v, %v; want no series", p.Series, err)
	}
}

func TestWhatOthersSayStaysACommentOrAString(t *testing.T) {
	p := &discover.Prometheus{URL: "http://127.0.0.1:9090/" + evil, Version: evil}
	rate := discover.Series{Metric: "http_requests_total", Job: evil}
	words := []string{"./web", evil, "- a", "{b: c}", "#", "true", "\xff$HOME"}
	document := discover.Document{
		Name: "true", File: evil, Command: words, Dir: "/srv/" + evil, Port: 8080, Ready: "/" + evil, From: discover.FromElsewhere,
		PID: 7, Unit: evil, Variables: []string{"A", evil}, Prometheus: p, Rate: &rate,
	}
	text, err := document.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Evil     any `yaml:"evil"`
		Metadata struct{ Name any }
		Spec     struct {
			Evil   any `yaml:"evil"`
			Target struct {
				Process struct {
					Evil             any `yaml:"evil"`
					Command          []any
					WorkingDirectory string `yaml:"workingDirectory"`
					Readiness        struct{ Path string }
				}
			}
			Signals []struct {
				Prometheus struct{ Server, Query string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	process := got.Spec.Target.Process
	if got.Evil != nil || got.Spec.Evil != nil || process.Evil != nil {
		t.Errorf("what others say became a field:\n%s", text)
	}
	want := []any{"./web", evil, "- a", "{b: c}", "#", "true", "\ufffd$$HOME"}
	if diff := cmp.Diff(want, process.Command); diff != "" {
		t.Errorf("command: -want +got:\n%s", diff)
	}
	wantStrings := []any{"true", "/srv/" + evil, "/" + evil, p.URL, rate.Query()}
	gotStrings := []any{got.Metadata.Name, process.WorkingDirectory, process.Readiness.Path, got.Spec.Signals[0].Prometheus.Server, got.Spec.Signals[0].Prometheus.Query}
	if diff := cmp.Diff(wantStrings, gotStrings); diff != "" {
		t.Errorf("strings: -want +got:\n%s", diff)
	}
	for _, control := range []string{"\r", "\x1b", "\x07", "\u0085", "\u2028"} {
		if strings.Contains(string(text), control) {
			t.Errorf("the document holds %q", control)
		}
	}
}

// What looks like a secret is not for everybody who may read the document.
func TestSecretsInACommandAreMarked(t *testing.T) {
	for _, tc := range []struct {
		command   string
		variables []string
		want      bool
	}{
		{"./web --port {port}", []string{"SHOP_COLOR"}, false},
		{"./web --keyboard --tokenizer bpe --max-tokens 4096", nil, false},
		{"./web --db-password hush", nil, true},
		{"./web --Token=hush", nil, true},
		{"./web --client-secret=x", nil, true},
		{"./web --api-key=x", nil, true},
		{"./web --passwd x", nil, true},
		{"./web postgres://shop:hush@db/shop", nil, true},
		{"./web", []string{"DB_PASSWORD"}, true},
		{"./web", []string{"API_KEY"}, true},
		{"./web", []string{"AWS_SECRET_ACCESS_KEY"}, true},
	} {
		document := discover.Document{Name: "web", Command: strings.Fields(tc.command), Port: 8080, From: discover.FromArgument, Variables: tc.variables}
		text, err := document.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "looks like a secret") || strings.Contains(string(text), "look like secrets"); got != tc.want {
			t.Errorf("%s %q: a note about secrets: %v, want %v in\n%s", tc.command, tc.variables, got, tc.want, text)
		}
		if fmt.Sprint(tc.variables) == "[DB_PASSWORD]" && !strings.Contains(string(text), "DB_PASSWORD") {
			t.Errorf("the variable is not named:\n%s", text)
		}
	}
}
