package builtin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	c := Config{
		Listen: "8080", Algorithm: "random", BackendProtocol: "http3", HoldLimit: -1, RetryBudget: 2,
		Threshold: -1, ResponseTimeout: -1, Health: Health{Path: "healthz"}, TLS: &TLS{},
	}
	want := []string{
		`listen: must be host:port, got "8080"`,
		`algorithm: must be one of leastconn, p2c, got "random"`,
		`backendProtocol: must be one of http1, h2c, got "http3"`,
		`holdLimit: must be at least 0, got -1`,
		`maxHeaderBytes: must be at least 1024, got 0`,
		`maxConnections: must be at least 1, got 0`,
		`retryBudget: must be between 0 and 1, got 2`,
		`holdTimeout: must be above 0, got 0s`,
		`readHeaderTimeout: must be above 0, got 0s`,
		`idleTimeout: must be above 0, got 0s`,
		`bodyStallTimeout: must be above 0, got 0s`,
		`drainTimeout: must be above 0, got 0s`,
		`dialTimeout: must be above 0, got 0s`,
		`backendIdleTimeout: must be above 0, got 0s`,
		`metricWindow: must be at least 10ms, got 0s`,
		`responseTimeout: must not be negative, got -1ns`,
		`threshold: must not be negative, got -1ns`,
		`health.path: must start with /, got "healthz"`,
		`health.interval: must be above 0, got 0s`,
		`health.timeout: must be above 0, got 0s`,
		`health.unhealthyAfter: must be at least 1, got 0`,
		`health.healthyAfter: must be at least 1, got 0`,
		`tls.certFile: must name a file, got nothing`,
		`tls.keyFile: must name a file, got nothing`,
	}
	got := strings.Split(c.Validate().Error(), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestConfigSurvivesJSON(t *testing.T) {
	want := Default()
	want.TLS = &TLS{CertFile: "c", KeyFile: "k"}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSchemaDescribesEveryField(t *testing.T) {
	schema := (&jsonschema.Reflector{}).Reflect(Config{})
	for name, definition := range schema.Definitions {
		if definition.Properties == nil {
			continue
		}
		for p := definition.Properties.Oldest(); p != nil; p = p.Next() {
			if p.Value.Description == "" {
				t.Errorf("%s.%s has no description", name, p.Key)
			}
		}
	}
	algorithm, _ := schema.Definitions["Config"].Properties.Get("algorithm")
	if diff := cmp.Diff([]any{LeastConnections, PowerOfTwo}, algorithm.Enum); diff != "" {
		t.Errorf("algorithm (-want +got):\n%s", diff)
	}
}
