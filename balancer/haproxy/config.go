package haproxy

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Config says where HAProxy's runtime API is and which of its servers are
// ours.
type Config struct {
	Socket    string `json:"socket" jsonschema:"description=HAProxy's runtime API: the path of a socket with level admin or host:port."`
	Backend   string `json:"backend" jsonschema:"description=The backend whose servers are the replicas: a server-template. All of its servers are taken."`
	StateFile string `json:"stateFile" jsonschema:"description=The server-state-file of HAProxy: written after every change and every ten seconds so that HAProxy starts with all servers; empty writes none."`

	PollInterval scale.Duration `json:"pollInterval" jsonschema:"description=Time between two looks at HAProxy; requests in progress are averaged over them."`
	MetricWindow scale.Duration `json:"metricWindow" jsonschema:"description=Time that the measurements average over."`
	Threshold    scale.Duration `json:"threshold" jsonschema:"description=Longest time of a good request; that of the objective when empty. The haproxy.cfg must be rendered for it. 0 counts every request that did not fail as good."`
}

// Default returns the configuration used where a document says nothing.
func Default() Config {
	return Config{
		Socket:       "/run/haproxy/admin.sock",
		Backend:      "app",
		PollInterval: scale.Duration(250 * time.Millisecond),
		// The window of every balancer (docs/adr/0012-one-window.md).
		MetricWindow: scale.Duration(10 * time.Second),
	}
}

// names are what HAProxy takes as a name without quoting, and what cannot end
// a command of the runtime API.
var names = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// shortestPoll is how often HAProxy may be looked at.
const shortestPoll = 10 * time.Millisecond

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Socket == "" {
		fault("socket: must name HAProxy's runtime API, got nothing")
	}
	if !names.MatchString(c.Backend) {
		fault("backend: must be letters, digits, _ . or -, got %q", c.Backend)
	}
	if c.PollInterval < scale.Duration(shortestPoll) {
		fault("pollInterval: must be at least %v, got %v", scale.Duration(shortestPoll), c.PollInterval)
	}
	if c.MetricWindow < 4*c.PollInterval {
		fault("metricWindow: must be at least four times pollInterval (%v), got %v", 4*c.PollInterval, c.MetricWindow)
	}
	if c.Threshold < 0 || c.Threshold > scale.Duration(slowest) {
		fault("threshold: must be between 0 and %v, got %v", scale.Duration(slowest), c.Threshold)
	}
	return errors.Join(errs...)
}
