package docker_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/docker"
)

func TestValidateReportsEveryFault(t *testing.T) {
	cfg := docker.Config{
		Image: "web:1", From: "web",
		Service: "my web", Env: map[string]string{"A=B": "c"}, Networks: []string{""}, Mounts: []string{"data"},
		Port: 70000, Address: "host", Publish: "9-1", Limits: docker.Limits{CPUs: -1, Memory: "lots"},
		Readiness: docker.Readiness{Path: "healthz"}, LivenessTimeout: -1, StopGracePeriod: -1,
		Backoff: docker.Backoff{Min: 2, Max: 1},
	}
	err := cfg.Validate()
	for _, want := range []string{
		"image, from: exactly one must be given", "service: must be", `env: "A=B"`, "networks: a name", "mounts: must be source:/path",
		"port: must be 0 to 65535, got 70000", `address: must be container or published, got "host"`, "publish: must be a port",
		"limits.cpus: must be 0.01 to 1000000 cores, got -1", "limits.memory: must be", "readiness.path: must start with /",
		"readiness.interval: must be above 0", "readiness.timeout", "readiness.failureThreshold: must be at least 1", "startTimeout",
		"livenessTimeout: must not be negative", "stopGracePeriod: must not be negative", "backoff.resetAfter", "backoff.max: must be at least backoff.min",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestValidConfigurations(t *testing.T) {
	for _, test := range []struct {
		what   string
		change func(*docker.Config)
		fault  string
	}{
		{"an image", func(*docker.Config) {}, ""},
		{"a template", func(c *docker.Config) { c.Image, c.From = "", "web" }, ""},
		{"neither", func(c *docker.Config) { c.Image = "" }, "exactly one"},
		{"mounts", func(c *docker.Config) { c.Mounts = []string{"data:/data", "/srv:/srv:ro"} }, ""},
		{"a mount of nothing", func(c *docker.Config) { c.Mounts = []string{":/data"} }, "mounts"},
		{"a relative path of the host", func(c *docker.Config) { c.Mounts = []string{"./rel:/x"} }, "not a relative path"},
		{"a volume with no name", func(c *docker.Config) { c.Mounts = []string{"rel/x:/x"} }, "not a relative path"},
		{"the host's network", func(c *docker.Config) { c.Networks = []string{"host"} }, "replicas have no address of their own"},
		{"no network", func(c *docker.Config) { c.Networks = []string{"none"} }, "replicas have no address of their own"},
		{"the network of a container", func(c *docker.Config) { c.Networks = []string{"container:web"} }, "replicas have no address of their own"},
		{"a range of ports", func(c *docker.Config) { c.Port, c.Address, c.Publish = 80, docker.AtPublished, "8000-8010" }, ""},
		{"ports that are not published", func(c *docker.Config) { c.Port, c.Publish = 80, "8000" }, "with address: published"},
		{"nothing to publish", func(c *docker.Config) { c.Address = docker.AtPublished }, "port: must be given to be published"},
		{"nothing to ask", func(c *docker.Config) { c.Readiness.Path = "/healthz" }, "port: must be given for readiness.path"},
		{"limits", func(c *docker.Config) { c.Limits = docker.Limits{CPUs: 0.5, Memory: "512Mi"} }, ""},
		{"a limit below what an engine takes", func(c *docker.Config) { c.Limits.Memory = "1Mi" }, "limits.memory"},
	} {
		t.Run(test.what, func(t *testing.T) {
			cfg := docker.Default()
			cfg.Image = "web:1"
			test.change(&cfg)
			switch err := cfg.Validate(); {
			case test.fault == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("got %v, want a fault with %q", err, test.fault)
			}
		})
	}
}

func TestConfigIsWrittenAsItIsRead(t *testing.T) {
	want := docker.Default()
	want.Image, want.Port = "web:1", 8080
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got docker.Config
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNewRefusesWhatCannotBe(t *testing.T) {
	cfg := docker.Default()
	cfg.Endpoint = "nowhere"
	_, err := docker.New("../web", cfg, docker.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	for _, want := range []string{"name: must be", "state directory: must be given", "image, from"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	cfg.Image = "web:1"
	_, err = docker.New("web", cfg, docker.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), `endpoint "nowhere"`) {
		t.Errorf("an endpoint that is none: %v", err)
	}
}
