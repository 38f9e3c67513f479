package compose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/docker"
)

// Config says which service is scaled and how its replicas are looked after.
// What a replica is the Compose file says.
type Config struct {
	Project string   `json:"project" jsonschema:"description=Name of the Compose project as docker compose ls shows it"`
	Service string   `json:"service" jsonschema:"description=Name of its service that is scaled"`
	Files   []string `json:"files,omitempty" jsonschema:"description=Compose files of the project; when empty those that it was started with where they can be read"`

	Port     int            `json:"port,omitempty" jsonschema:"description=Port inside the container on which a replica takes requests; without one it counts as ready while it runs,minimum=0,maximum=65535"`
	Address  docker.Address `json:"address,omitempty" jsonschema:"description=Where a replica is reached: at the address of its container or at the port of this machine that the engine chose for it,enum=container,enum=published,default=container"`
	Networks []string       `json:"networks,omitempty" jsonschema:"description=Networks by the engine's names of which a replica is reached in the first that it has; when empty in that which it was made in"`

	Readiness       docker.Readiness `json:"readiness,omitzero"`
	StartTimeout    scale.Duration   `json:"startTimeout,omitempty" jsonschema:"description=Time within which a new replica must become ready; otherwise it is replaced,default=60s"`
	LivenessTimeout scale.Duration   `json:"livenessTimeout,omitempty" jsonschema:"description=A replica that has been ready and is not for this long is replaced; 0 never,default=30s"`
	DrainTimeout    scale.Duration   `json:"drainTimeout,omitempty" jsonschema:"description=Longest wait for requests in progress before a replica is asked to end,default=30s"`
	StopGracePeriod scale.Duration   `json:"stopGracePeriod,omitempty" jsonschema:"description=Time between the signal to end and the kill; 0: the stop_grace_period of the Compose file or the engine's 10s"`
	Backoff         docker.Backoff   `json:"backoff,omitzero"`

	Endpoint string `json:"endpoint,omitempty" jsonschema:"description=Where the engine answers (unix:///path or tcp://host:port); that of DOCKER_HOST or of this machine when empty"`
}

// Default is everything but what is scaled.
func Default() Config {
	d := docker.Default()
	return Config{
		Address: d.Address, Readiness: d.Readiness, Backoff: d.Backoff,
		StartTimeout: d.StartTimeout, LivenessTimeout: d.LivenessTimeout, DrainTimeout: d.DrainTimeout,
	}
}

var (
	validProject = regexp.MustCompile(`^[a-z0-9][-_a-z0-9]*$`)
	validService = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
)

// Validate reports every fault that can be seen without asking the engine.
func (c Config) Validate() error {
	var errs []error
	if !validProject.MatchString(c.Project) {
		errs = append(errs, fmt.Errorf("project: must be a-z, 0-9, - and _, a letter or digit first, got %q", c.Project))
	}
	if !validService.MatchString(c.Service) {
		errs = append(errs, fmt.Errorf("service: must be of a-z, A-Z, 0-9, ., - and _, got %q", c.Service))
	}
	if slices.Contains(c.Files, "") {
		errs = append(errs, errors.New("files: a path must not be empty"))
	}
	return errors.Join(append(errs, c.containers().Validate())...)
}

// containers is the configuration of the docker target below.
func (c Config) containers() docker.Config {
	d := docker.Default()
	d.From = "the newest container of " + c.name()
	d.Port, d.Address, d.Networks = c.Port, c.Address, c.Networks
	d.Readiness, d.Backoff = c.Readiness, c.Backoff
	d.StartTimeout, d.LivenessTimeout = c.StartTimeout, c.LivenessTimeout
	d.DrainTimeout, d.StopGracePeriod = c.DrainTimeout, c.StopGracePeriod
	d.Endpoint = c.Endpoint
	return d
}

// name is how people call what is scaled.
func (c Config) name() string { return c.Project + "/" + c.Service }

// The labels by which Compose knows its containers, of every version.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelOneOff  = "com.docker.compose.oneoff"
	labelNumber  = "com.docker.compose.container-number"
	labelFiles   = "com.docker.compose.project.config_files"
	labelDir     = "com.docker.compose.project.working_dir"
)

// labels are those of every container of the service, but not of what docker
// compose run made.
func (c Config) labels() map[string]string {
	return map[string]string{labelProject: c.Project, labelService: c.Service, labelOneOff: "False"}
}

// up is the command that starts the service.
func (c Config) up() string {
	return "docker compose -p " + c.Project + " up -d " + c.Service
}

// files are those of the configuration, or of a container's labels.
func (c Config) files(labels map[string]string) []string {
	if len(c.Files) > 0 {
		return c.Files
	}
	return strings.FieldsFunc(labels[labelFiles], func(r rune) bool { return r == ',' })
}
