package process

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// Config says what a replica is and how it is looked after.
type Config struct {
	Command          []string          `json:"command" jsonschema:"description=Program and arguments of one replica; {port} in an argument becomes the replica's port and PORT is always set in its environment,minItems=1"`
	Env              map[string]string `json:"env,omitempty" jsonschema:"description=Environment variables set for each replica on top of the controller's own"`
	WorkingDirectory string            `json:"workingDirectory,omitempty" jsonschema:"description=Directory in which each replica runs; the controller's own when empty"`
	// Port is the port of the service as its users see it. It is not used
	// here: the built-in balancer listens on it.
	Port      int       `json:"port,omitempty" jsonschema:"description=Port on which users reach the service; the built-in balancer listens there,minimum=0,maximum=65535"`
	PortRange string    `json:"portRange,omitempty" jsonschema:"description=Ports from which each replica is given its own (first-last); outside the system's ephemeral range,default=20000-29999"`
	Readiness Readiness `json:"readiness,omitzero" jsonschema:"description=How a replica's ability to take work is probed"`

	StartTimeout           scale.Duration `json:"startTimeout,omitempty" jsonschema:"description=Longest time from start to ready; then the replica is ended and replaced,default=60s"`
	LivenessTimeout        scale.Duration `json:"livenessTimeout" jsonschema:"description=Longest time a replica may be not ready after having been ready; then it is ended and replaced. 0s is never,default=30s"`
	DrainTimeout           scale.Duration `json:"drainTimeout" jsonschema:"description=Longest wait for requests in progress before a replica is asked to end,default=30s"`
	TerminationGracePeriod scale.Duration `json:"terminationGracePeriod" jsonschema:"description=Time from SIGTERM to SIGKILL,default=10s"`
	Backoff                Backoff        `json:"backoff,omitzero" jsonschema:"description=Wait between starts while replicas keep failing"`

	Resources   Resources      `json:"resources,omitzero" jsonschema:"description=What one replica is expected to use at most"`
	UsageWindow scale.Duration `json:"usageWindow,omitempty" jsonschema:"description=Time over which the use of CPU and memory is averaged; at most 1h,default=15s"`
}

// Readiness says how a replica is probed.
type Readiness struct {
	Path             string         `json:"path,omitempty" jsonschema:"description=Path of an HTTP GET that must answer 200 to 399; empty: the port must accept a TCP connection (which a hung process still does)"`
	Interval         scale.Duration `json:"interval,omitempty" jsonschema:"description=Time between probes of a replica that has been ready; one that is starting is probed more often,default=1s"`
	Timeout          scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for one probe,default=1s"`
	FailureThreshold int            `json:"failureThreshold,omitempty" jsonschema:"description=Failed probes in a row that make a ready replica not ready,minimum=1,default=3"`
}

// Backoff is the wait after a failure.
type Backoff = replicas.Backoff

// maxUsageWindow bounds the readings that are kept of each replica.
const maxUsageWindow = scale.Duration(time.Hour)

// Default is everything but the command.
func Default() Config {
	return Config{
		PortRange: "20000-29999",
		Readiness: Readiness{
			Interval:         scale.Duration(time.Second),
			Timeout:          scale.Duration(time.Second),
			FailureThreshold: 3,
		},
		StartTimeout:           scale.Duration(time.Minute),
		LivenessTimeout:        scale.Duration(30 * time.Second),
		DrainTimeout:           scale.Duration(30 * time.Second),
		TerminationGracePeriod: scale.Duration(10 * time.Second),
		Backoff: Backoff{
			Min:        scale.Duration(500 * time.Millisecond),
			Max:        scale.Duration(30 * time.Second),
			ResetAfter: scale.Duration(time.Minute),
		},
		Resources:   Resources{CPU: 1},
		UsageWindow: scale.Duration(15 * time.Second),
	}
}

// Validate reports every fault that can be seen without looking at the
// machine; New also checks that the command and the directory exist.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Command) == 0 || c.Command[0] == "" {
		fault(`command: must name a program, for example ["./web", "--port", "{port}"]`)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Env)) {
		value := c.Env[key]
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(value, 0) {
			fault("env: %q: a name must not be empty or hold = or NUL, a value no NUL", key)
		}
		if key == "PORT" || strings.HasPrefix(key, markerPrefix) {
			fault("env: %s: is set for each replica and cannot be chosen", key)
		}
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port: must be 0 to 65535, got %d", c.Port)
	}
	if _, _, err := c.ports(); err != nil {
		errs = append(errs, err)
	}
	if c.Readiness.Path != "" && !strings.HasPrefix(c.Readiness.Path, "/") {
		fault("readiness.path: must start with /, got %q", c.Readiness.Path)
	}
	if c.Readiness.FailureThreshold < 1 {
		fault("readiness.failureThreshold: must be at least 1, got %d", c.Readiness.FailureThreshold)
	}
	for _, d := range []struct {
		field string
		value scale.Duration
	}{
		{"readiness.interval", c.Readiness.Interval}, {"readiness.timeout", c.Readiness.Timeout},
		{"startTimeout", c.StartTimeout}, {"backoff.min", c.Backoff.Min}, {"backoff.resetAfter", c.Backoff.ResetAfter},
	} {
		if d.value <= 0 {
			fault("%s: must be above 0, got %v", d.field, d.value)
		}
	}
	for _, d := range []struct {
		field string
		value scale.Duration
	}{
		{"livenessTimeout", c.LivenessTimeout}, {"drainTimeout", c.DrainTimeout}, {"terminationGracePeriod", c.TerminationGracePeriod},
	} {
		if d.value < 0 {
			fault("%s: must not be negative, got %v", d.field, d.value)
		}
	}
	if c.Backoff.Max < c.Backoff.Min {
		fault("backoff.max: must be at least backoff.min (%v), got %v", c.Backoff.Min, c.Backoff.Max)
	}
	if c.UsageWindow <= 0 || c.UsageWindow > maxUsageWindow {
		fault("usageWindow: must be above 0 and at most %v, got %v", maxUsageWindow, c.UsageWindow)
	}
	return errors.Join(append(errs, c.Resources.validate())...)
}

// ports reads PortRange.
func (c Config) ports() (first, last int, err error) {
	head, tail, _ := strings.Cut(c.PortRange, "-")
	first, errFirst := strconv.Atoi(strings.TrimSpace(head))
	last, errLast := strconv.Atoi(strings.TrimSpace(tail))
	if errFirst != nil || errLast != nil || first < 1 || last > 65535 || last < first {
		return 0, 0, fmt.Errorf("portRange: must be first-last within 1 to 65535, for example 20000-29999, got %q", c.PortRange)
	}
	return first, last, nil
}

// hash identifies what a replica is: one with another hash is outdated.
func (c Config) hash() string {
	return scale.ConfigHash(struct {
		Command          []string
		Env              map[string]string
		WorkingDirectory string
	}{c.Command, c.Env, c.WorkingDirectory})
}

// program returns the absolute path of the program, or why it cannot run.
func (c Config) program() (string, error) {
	dir, err := filepath.Abs(c.WorkingDirectory)
	if err != nil {
		return "", fmt.Errorf("workingDirectory: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("workingDirectory: %w", err)
	} else if !info.IsDir() {
		return "", fmt.Errorf("workingDirectory: %s is not a directory", dir)
	}
	name := c.Command[0]
	if !strings.ContainsRune(name, '/') && !strings.ContainsRune(name, filepath.Separator) {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("command: %w", err)
		}
		return filepath.Abs(path)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return "", fmt.Errorf("command: %w", err)
	case info.IsDir():
		return "", fmt.Errorf("command: %s is a directory", name)
	case runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		return "", fmt.Errorf("command: %s is not executable (chmod +x)", name)
	}
	return name, nil
}
