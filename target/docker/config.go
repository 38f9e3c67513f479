package docker

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// Config says what a replica is and how it is looked after.
type Config struct {
	Image string `json:"image,omitempty" jsonschema:"description=Image of a replica; it must be on the engine's machine. Exactly one of image and from must be given"`
	From  string `json:"from,omitempty" jsonschema:"description=Name of an existing container that replicas are made like: its image and command and environment and labels and networks and mounts and limits and health check. It is left alone and is no replica itself"`

	Service  string            `json:"service,omitempty" jsonschema:"description=Name under which the replicas are known in their networks and with which the names of their containers begin; the name of the target when empty"`
	Command  []string          `json:"command,omitempty" jsonschema:"description=Command instead of that of the image or template"`
	Env      map[string]string `json:"env,omitempty" jsonschema:"description=Environment variables on top of those of the image or template"`
	Networks []string          `json:"networks,omitempty" jsonschema:"description=Networks of a replica; with address container it is reached by its address in the first. When empty those of the template or the engine's default"`
	Mounts   []string          `json:"mounts,omitempty" jsonschema:"description=Mounts on top of those of the template as source:path or source:path:ro where source is a volume or an absolute path of the host"`
	Limits   Limits            `json:"limits,omitzero" jsonschema:"description=What one replica may use at most; when empty as the template"`

	Port    int     `json:"port,omitempty" jsonschema:"description=Port inside the container on which a replica takes requests; without one it counts as ready while it runs,minimum=0,maximum=65535"`
	Address Address `json:"address,omitempty" jsonschema:"description=Where a replica is reached: at the address of its container or at a port of 127.0.0.1,enum=container,enum=published,default=container"`
	Publish string  `json:"publish,omitempty" jsonschema:"description=Port or ports (first-last) of 127.0.0.1 for address published; the engine chooses when empty"`

	Readiness       Readiness      `json:"readiness,omitzero" jsonschema:"description=How a replica's ability to take work is known"`
	StartTimeout    scale.Duration `json:"startTimeout,omitempty" jsonschema:"description=Longest time from start to ready; then the replica is ended and replaced,default=60s"`
	LivenessTimeout scale.Duration `json:"livenessTimeout" jsonschema:"description=Longest time a replica may be not ready after having been ready; then it is ended and replaced. 0s is never,default=30s"`
	DrainTimeout    scale.Duration `json:"drainTimeout" jsonschema:"description=Longest wait for requests in progress before a replica is asked to end,default=30s"`
	StopGracePeriod scale.Duration `json:"stopGracePeriod,omitempty" jsonschema:"description=Time from the stop signal to SIGKILL; 0s is the container's own which is 10s unless its image or template says otherwise,default=0s"`
	Backoff         Backoff        `json:"backoff,omitzero" jsonschema:"description=Wait between starts while replicas keep failing"`

	Endpoint string `json:"endpoint,omitempty" jsonschema:"description=Where the engine answers (unix:///path or tcp://host:port); that of DOCKER_HOST or of this machine when empty"`
}

// Address is where a replica is reached.
type Address string

// Addresses of a replica.
const (
	AtContainer Address = "container" // its address in a network of the engine
	AtPublished Address = "published" // a port of this machine
)

// Readiness says how it is known whether a replica takes work.
//
//	path given              the HTTP GET decides; with health, both must be well
//	image has a check       the engine's health check decides
//	neither                 the port must accept a TCP connection
type Readiness struct {
	Path             string         `json:"path,omitempty" jsonschema:"description=Path of an HTTP GET that must answer 200 to 399. When empty the container's health check decides; where it has none the port must accept a TCP connection (which a hung process still does)"`
	Health           bool           `json:"health,omitempty" jsonschema:"description=With a path: the container's health check must be well too"`
	Interval         scale.Duration `json:"interval,omitempty" jsonschema:"description=Time between probes of a replica that has been ready; one that is starting is probed more often,default=1s"`
	Timeout          scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for one probe,default=1s"`
	FailureThreshold int            `json:"failureThreshold,omitempty" jsonschema:"description=Failed probes in a row that make a ready replica not ready,minimum=1,default=3"`
}

// Backoff is the wait after a failure.
type Backoff = replicas.Backoff

// Default is everything but what a replica is made of.
func Default() Config {
	return Config{
		Address: AtContainer,
		Readiness: Readiness{
			Interval:         scale.Duration(time.Second),
			Timeout:          scale.Duration(time.Second),
			FailureThreshold: 3,
		},
		StartTimeout:    scale.Duration(time.Minute),
		LivenessTimeout: scale.Duration(30 * time.Second),
		DrainTimeout:    scale.Duration(30 * time.Second),
		Backoff: Backoff{
			Min:        scale.Duration(500 * time.Millisecond),
			Max:        scale.Duration(30 * time.Second),
			ResetAfter: scale.Duration(time.Minute),
		},
	}
}

var (
	validMount   = regexp.MustCompile(`^[^:]+:/[^:]*(:[a-zA-Z,]+)?$`)
	validSource  = regexp.MustCompile(`^(/.*|[a-zA-Z0-9][-_.a-zA-Z0-9]+)$`)
	validService = regexp.MustCompile(`^[a-zA-Z0-9][-_.a-zA-Z0-9]{0,62}$`)
)

// Validate reports every fault that can be seen without asking the engine.
func (c Config) Validate() error {
	return errors.Join(append(c.contentFaults(), c.careFaults()...)...)
}

// contentFaults are those in what a replica is.
func (c Config) contentFaults() []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if (c.Image == "") == (c.From == "") {
		fault("image, from: exactly one must be given, the image of a replica or the container it is made like")
	}
	if c.Service != "" && !validService.MatchString(c.Service) {
		fault("service: must be 1 to 63 of a-z, A-Z, 0-9, -, _ and ., got %q", c.Service)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(c.Env[name], 0) {
			fault("env: %q: a name must not be empty or hold = or NUL, a value no NUL", name)
		}
	}
	if slices.Contains(c.Networks, "") {
		fault("networks: a name must not be empty")
	}
	for _, name := range c.Networks {
		if name == "host" || name == "none" || strings.HasPrefix(name, "container:") {
			fault("networks: must be networks of the engine, got %q: there replicas have no address of their own, so that no balancer tells them apart", name)
		}
	}
	for _, mount := range c.Mounts {
		source, _, _ := strings.Cut(mount, ":")
		switch {
		case !validMount.MatchString(mount):
			fault("mounts: must be source:/path or source:/path:ro, got %q", mount)
		case !validSource.MatchString(source):
			fault("mounts: the source must be the name of a volume or an absolute path of the host, not a relative path: got %q", mount)
		}
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port: must be 0 to 65535, got %d", c.Port)
	}
	if c.Address != AtContainer && c.Address != AtPublished {
		fault("address: must be %s or %s, got %q", AtContainer, AtPublished, c.Address)
	}
	if c.Address == AtPublished && c.Port == 0 {
		fault("port: must be given to be published")
	}
	if c.Publish != "" && (c.Address != AtPublished || !validPorts(c.Publish)) {
		fault("publish: must be a port or first-last within 1 to 65535, with address: published, got %q", c.Publish)
	}
	return append(errs, c.Limits.validate())
}

// careFaults are those in how a replica is looked after.
func (c Config) careFaults() []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Readiness.Path != "" && !strings.HasPrefix(c.Readiness.Path, "/") {
		fault("readiness.path: must start with /, got %q", c.Readiness.Path)
	}
	if c.Readiness.Path != "" && c.Port == 0 {
		fault("port: must be given for readiness.path to be asked")
	}
	if c.Readiness.FailureThreshold < 1 {
		fault("readiness.failureThreshold: must be at least 1, got %d", c.Readiness.FailureThreshold)
	}
	for _, d := range []struct {
		field   string
		value   scale.Duration
		atLeast scale.Duration
	}{
		{"readiness.interval", c.Readiness.Interval, 1}, {"readiness.timeout", c.Readiness.Timeout, 1},
		{"startTimeout", c.StartTimeout, 1}, {"backoff.min", c.Backoff.Min, 1}, {"backoff.resetAfter", c.Backoff.ResetAfter, 1},
		{"livenessTimeout", c.LivenessTimeout, 0}, {"drainTimeout", c.DrainTimeout, 0}, {"stopGracePeriod", c.StopGracePeriod, 0},
	} {
		switch {
		case d.value < 0:
			fault("%s: must not be negative, got %v", d.field, d.value)
		case d.value < d.atLeast:
			fault("%s: must be above 0, got %v", d.field, d.value)
		}
	}
	if c.Backoff.Max < c.Backoff.Min {
		fault("backoff.max: must be at least backoff.min (%v), got %v", c.Backoff.Min, c.Backoff.Max)
	}
	return errs
}
