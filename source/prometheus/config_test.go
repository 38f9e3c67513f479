package prometheus_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/prometheus"
)

func TestConfigurationsThatAreWrong(t *testing.T) {
	for _, tc := range []struct{ body, says string }{
		{`{}`, "server: must begin with http://"},
		{`{"server":"http://u:topsecret@h"}`, "server: must not hold a user or password"},
		{`{"server":"http://h:9090?x=1"}`, "server: must not hold a query"},
		{`{"server":"http://h","query":"up","preset":{"name":"nginxRequestRate","match":"a=\"b\""}}`, "exactly one of query and preset"},
		{`{"server":"http://h"}`, "exactly one of query and preset"},
		{`{"server":"http://h","query":"sum(rate(x)"}`, "query: is no PromQL"},
		{`{"server":"http://h","query":"x[5m]"}`, "query: gives a range of values"},
		{`{"server":"http://h","query":"\"text\""}`, "query: gives a string"},
		{`{"server":"http://h","preset":{"name":"apache","match":"a=\"b\""}}`, "preset.name: \"apache\" is not known; known: cadvisorCPU"},
		{`{"server":"http://h","preset":{"name":"nginxRequestRate","match":""}}`, "preset.match: must"},
		{`{"server":"http://h","preset":{"name":"nginxRequestRate","match":"a=b"}}`, "preset.match: must be labels"},
		{`{"server":"http://h","preset":{"name":"nginxRequestRate","match":"a=\"b\"} or up{x=\"\""}}`, "preset.match: must be labels"},
		{`{"server":"http://h","preset":{"name":"nginxRequestRate","match":"a=\"b\"","quantile":1.5,"window":"-1s"}}`, "preset.window"},
		{`{"server":"http://h","query":"up","timeout":"0s"}`, "timeout: must be above 0"},
		{`{"server":"http://h","query":"up","timeout":"31s"}`, "timeout: must be above 0 and at most 30s, got 31s"},
		{`{"server":"http://h","query":"up","step":"1ms"}`, "step: must be at least 1s"},
		{`{"server":"http://h","query":"up","range":"10h","step":"1s"}`, "range: must be 1 to 1000 times the step"},
		{`{"server":"http://h","query":"up","range":"1s"}`, "range: must be 1 to 1000 times the step"},
		{`{"server":"http://h","query":"up","tenant":"a\nb"}`, "tenant: must not hold"},
		{`{"server":"http://h","query":"up","tenant":"a","headers":{"x-scope-orgid":"b"}}`, "is set by tenant"},
		{`{"server":"http://h","query":"up","bearerToken":"topsecret","bearerTokenFile":"f"}`, "at most one of bearerToken"},
		{`{"server":"http://h","query":"up","bearerToken":"top\nsecret"}`, "bearerToken: must not hold"},
		{`{"server":"http://h","query":"up","basic":{"username":"a:b","password":"topsecret","passwordFile":"f"}}`, "basic.username"},
		{`{"server":"http://h","query":"up","headers":{"Authorization":"topsecret"},"bearerToken":"x"}`, "headers: Authorization"},
		{`{"server":"http://h","query":"up","headers":{"a b":"topsecret"}}`, `headers: "a b"`},
		{`{"server":"http://h","query":"up","tls":{"certFile":"a"}}`, "tls.certFile"},
		{`{"server":"http://h","query":"up","tls":{"caFile":"a","insecureSkipVerify":true}}`, "tls.insecureSkipVerify"},
	} {
		cfg := prometheus.Default()
		if err := json.Unmarshal([]byte(tc.body), &cfg); err != nil {
			t.Fatal(err)
		}
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: got %v, want it to say %q and no secret", tc.body, err, tc.says)
		}
		if made, err := prometheus.New("x", cfg, source.Env{}); err == nil || made != nil {
			t.Errorf("%s: New took it", tc.body)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	cfg := prometheus.Default()
	cfg.BearerToken = "topsecret"
	cfg.Basic = &webclient.Basic{Username: "me", Password: "topsecret"}
	cfg.Headers = map[string]webclient.Secret{"X-Key": "topsecret"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("cfg", cfg), slog.Any("token", cfg.BearerToken))
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for how, shown := range map[string]string{"JSON": string(raw), "log": log.String(), "%v": fmt.Sprintf("%v %v", cfg, *cfg.Basic), "%+v": fmt.Sprintf("%+v", cfg),
		"%#v": fmt.Sprintf("%#v %#v", cfg, *cfg.Basic), "%s": fmt.Sprintf("%s", cfg.BearerToken), "%x": fmt.Sprintf("%x", cfg.BearerToken), "%q": fmt.Sprintf("%q", cfg.BearerToken)} {
		if strings.Contains(shown, "topsecret") || strings.Contains(shown, fmt.Sprintf("%x", "topsecret")) {
			t.Errorf("%s shows the secret: %s", how, shown)
		}
	}
	if !strings.Contains(string(raw), "(hidden)") {
		t.Errorf("%s does not say that there is a secret", raw)
	}
}

// The Prometheus of Debian 12 must understand every query that is sent.
func TestQueriesArePromQLOfOlderServers(t *testing.T) {
	rules := "groups:\n- name: presets\n  rules:\n"
	add := func(query string) {
		p, err := prometheus.PlanOf(query)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range p {
			raw, _ := json.Marshal(q)
			rules += fmt.Sprintf("  - {record: 'preset:%d:%d', expr: %s}\n", len(rules), i, raw)
		}
	}
	for _, name := range prometheus.Presets() {
		add(prometheus.Preset{Name: name, Match: `namespace="shop",pod=~"web-.*",`, Window: scale.Duration(90e9)}.Query())
	}
	add(`max_over_time(rate({__name__=~"http_.*",code!~"5.."}[1m30s])[10m:15s]) / on () group_left () quantile by (job) (0.9, x @ end())`)
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testenv.Command(t, "promtool"), "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s\n%s", err, out, rules)
	}
}
