package process_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/process"
)

func TestValidateReportsEveryFault(t *testing.T) {
	cfg := process.Config{
		Env:             map[string]string{"PORT": "80", "A=B": "c"},
		Port:            70000,
		PortRange:       "30000-20000",
		Readiness:       process.Readiness{Path: "healthz"},
		LivenessTimeout: -1,
		Backoff:         process.Backoff{Min: 2, Max: 1},
		Resources:       process.Resources{Memory: "lots"},
	}
	err := cfg.Validate()
	for _, want := range []string{
		"command: must name a program", "env: PORT: is set for each replica", `env: "A=B"`, "port: must be 0 to 65535, got 70000",
		"portRange: must be first-last", "readiness.path: must start with /", "readiness.interval", "readiness.timeout",
		"readiness.failureThreshold: must be at least 1", "startTimeout", "livenessTimeout: must not be negative",
		"backoff.max: must be at least backoff.min", "backoff.resetAfter",
		"usageWindow: must be above 0 and at most 1h, got 0s", "resources.cpu: must be 0.001 to 1000000 cores, got 0", "resources.memory: must be",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	good := process.Default()
	good.Command = []string{"web"}
	if err := good.Validate(); err != nil {
		t.Errorf("the defaults with a command are refused: %v", err)
	}
}

func TestConfigIsWrittenAsItIsRead(t *testing.T) {
	want := process.Default()
	want.Command = []string{"./web", "--port", "{port}"}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got process.Config
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNewNamesWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.txt")
	if err := os.WriteFile(plain, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		fault   string
		command string
		workDir string
		want    string
	}{
		{"not in the path", "no-such-program-anywhere", "", "no-such-program-anywhere"},
		{"no such file", "./missing", dir, filepath.Join(dir, "missing")},
		{"not executable", plain, "", "is not executable"},
		{"a directory", dir, "", "is a directory"},
		{"no such working directory", "/bin/sh", filepath.Join(dir, "missing"), "workingDirectory"},
		{"working directory is a file", "/bin/sh", plain, "is not a directory"},
	} {
		if runtime.GOOS == "windows" && test.fault == "not executable" {
			continue // every file may be executed there
		}
		t.Run(test.fault, func(t *testing.T) {
			cfg := process.Default()
			cfg.Command, cfg.WorkingDirectory = []string{test.command}, test.workDir
			state := filepath.Join(t.TempDir(), "state")
			_, err := process.New("web", cfg, process.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: state})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if _, err := os.Stat(state); !os.IsNotExist(err) {
				t.Errorf("New created the state directory: %v", err)
			}
		})
	}
}

func TestNewRefusesNamesThatAreNoFileNames(t *testing.T) {
	cfg := process.Default()
	cfg.Command = []string{"sh"}
	for _, name := range []string{"", "../web", "Web", "a b", "-web"} {
		_, err := process.New(name, cfg, process.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "name: must be") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
