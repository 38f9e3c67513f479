package docker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/quantity"
	"github.com/flyball-io/flyball/scale"
)

// Config says what is measured, and who reads it.
type Config struct {
	Measure string   `json:"measure,omitempty" jsonschema:"description=What the signal is: cpuUtilization and so on as in the table of docs/sources.md; the name of the signal when empty"`
	Also    []string `json:"also,omitempty" jsonschema:"description=What else is delivered of the same readings and under its own name"`
	From    From     `json:"from,omitempty" jsonschema:"description=Who reads: the engine on this machine or the agents of all nodes over the bus,enum=engine,enum=agents,default=engine"`

	CPUs   float64        `json:"cpus,omitempty" jsonschema:"description=Cores that one replica is expected to use at most; cpuUtilization is the share of them that is used. When empty the limit of its container and where it has none what the machine has"`
	Memory string         `json:"memory,omitempty" jsonschema:"description=Memory that one replica is expected to use at most in bytes (512Mi or 1.5G); memoryUtilization is the share of it that is used. When empty as for cpus"`
	Window scale.Duration `json:"window,omitempty" jsonschema:"description=Time over which the use is averaged; at most 1h,default=15s"`

	Endpoint string `json:"endpoint,omitempty" jsonschema:"description=Where the engine answers (unix:///path or tcp://host:port); that of DOCKER_HOST or of this machine when empty"`
}

// From is who reads what containers use.
type From string

// Who reads.
const (
	FromEngine From = "engine"
	FromAgents From = "agents"
)

const (
	maxWindow = scale.Duration(time.Hour)
	minWindow = scale.Duration(time.Second)
)

// Default is everything; what the signal is follows from its name.
func Default() Config {
	return Config{From: FromEngine, Window: scale.Duration(containers.DefaultWindow)}
}

// Validate reports every fault that can be seen without asking.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := containers.Signals()
	if c.Measure != "" && !slices.Contains(known, c.Measure) {
		fault("measure: must be one of %s, got %q", strings.Join(known, ", "), c.Measure)
	}
	for i, name := range c.Also {
		switch {
		case !slices.Contains(known, name):
			fault("also[%d]: must be one of %s, got %q", i, strings.Join(known, ", "), name)
		case slices.Index(c.Also, name) < i:
			fault("also[%d]: %s is there already", i, name)
		}
	}
	if c.From != FromEngine && c.From != FromAgents {
		fault("from: must be %s or %s, got %q", FromEngine, FromAgents, c.From)
	}
	if c.From == FromAgents && c.Endpoint != "" {
		fault("endpoint: must be empty with from: %s, which asks no engine", FromAgents)
	}
	if !(c.CPUs >= 0 && c.CPUs <= 1e6) {
		fault("cpus: must be 0 to 1000000 cores, got %v", c.CPUs)
	}
	if _, err := c.bytes(); err != nil {
		fault("memory: %w", err)
	}
	if c.Window < minWindow || c.Window > maxWindow {
		fault("window: must be %v to %v, got %v", minWindow, maxWindow, c.Window)
	}
	return errors.Join(errs...)
}

// bytes is the memory of one replica; 0 when none is given.
func (c Config) bytes() (float64, error) {
	if c.Memory == "" {
		return 0, nil
	}
	return quantity.Bytes(c.Memory)
}

// requested is what utilization is a share of. The configuration is valid.
func (c Config) requested() containers.Requested {
	bytes, _ := c.bytes()
	return containers.Requested{Cores: c.CPUs, Bytes: bytes, Window: c.Window.Std()}
}
