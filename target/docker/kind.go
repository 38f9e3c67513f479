package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/target"
)

var (
	_ target.Config    = (*Config)(nil)
	_ target.Exclusive = (*Config)(nil)
	_ target.Examiner  = (*Config)(nil)
	_ target.Stopper   = managed{}
)

// Facts says what others must know of the service. Its port is one inside the
// containers: where the service is to be reached is the balancer's affair.
func (c *Config) Facts() target.Facts {
	what := "containers of " + c.Image
	if c.From != "" {
		what = "containers like " + c.From
	}
	return target.Facts{
		Description: what, ReadinessPath: c.Readiness.Path,
		StartTimeout: c.StartTimeout, DrainTimeout: c.DrainTimeout,
		Signals: containers.Signals(), Unreliable: containers.Unreliable(),
		Most: c.published(),
	}
}

// Check reports an endpoint that is none. Whether an engine answers is not
// looked at: one that is away is waited for.
func (c *Config) Check() error {
	engine, err := docker.Open(c.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	return engine.Close()
}

// Open returns the containers of a service.
func (c *Config) Open(name string, o target.Options) (target.Managed, error) {
	t, err := New(name, *c, Options{Clock: o.Clock, Log: o.Log, Traffic: o.Traffic, StateDir: o.StateDir})
	if err != nil {
		return nil, err
	}
	return managed{t}, nil
}

// Unattended says whether this controller may look after the containers.
func (c *Config) Unattended(ctx context.Context, name string, o target.Options) error {
	return Unattended(ctx, o.Clock, o.StateDir, name)
}

// Examine asks the engine, and for what a replica is made of.
func (c *Config) Examine(ctx context.Context) []target.Finding {
	engine, err := docker.Open(c.Endpoint)
	if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "correct endpoint in the document, or DOCKER_HOST"}}
	}
	defer func() { _ = engine.Close() }() // it was only asked
	if c.From != "" {
		_, err = engine.Template(ctx, c.From)
	} else {
		err = engine.HasImage(ctx, c.Image)
	}
	switch {
	case errors.Is(err, docker.ErrUnreachable):
		return []target.Finding{{Message: "no engine answers: " + err.Error(), Fix: "start it (systemctl start docker), let this user use it (group docker), or name it in endpoint"}}
	case errors.Is(err, docker.ErrNoImage):
		return []target.Finding{{Message: "the engine answers, but has no image " + c.Image, Fix: "docker pull " + c.Image + ": flyball pulls nothing"}}
	case errors.Is(err, docker.ErrGone):
		return []target.Finding{{Message: "the engine answers, but there is no container " + c.From, Fix: "create it, or correct from in the document: it need not run"}}
	case err != nil:
		return []target.Finding{{Message: err.Error(), Fix: "see what the engine says: docker info"}}
	}
	found := []target.Finding{{Message: "the engine answers and can make " + c.Facts().Description}}
	return append(found, c.refused(ctx, engine)...)
}

// refused is what the engine would refuse at every start.
func (c *Config) refused(ctx context.Context, engine *docker.Client) []target.Finding {
	var found []target.Finding
	wrong := func(fix, format string, args ...any) {
		found = append(found, target.Finding{Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	for _, name := range c.Networks {
		if errors.Is(engine.HasNetwork(ctx, name), docker.ErrNoNetwork) {
			wrong("docker network create "+name+", or correct networks in the document: docker network ls shows those there are", "networks: the engine has no network %s", name)
		}
	}
	if machine, err := engine.Machine(ctx); err == nil && c.Limits.CPUs > machine.Cores {
		wrong("lower it in the document: an engine refuses more than there are", "limits.cpus: %v cores, where the engine's machine has %v", c.Limits.CPUs, machine.Cores)
	}
	for _, mount := range c.Mounts {
		source, _, _ := strings.Cut(mount, ":")
		if strings.HasPrefix(source, "/") && absent(source) && engine.Here(ctx) {
			wrong("make it, or correct mounts in the document", "mounts: %s is not there on the engine's machine", source)
		}
	}
	return found
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// managed is a Target that is known by its contract.
type managed struct{ *Target }

// Update takes over a changed configuration, but not another kind of target or
// another engine.
func (m managed) Update(ctx context.Context, cfg target.Config) error {
	own, same := cfg.(*Config)
	if !same {
		return fmt.Errorf("docker target %s: its kind can only be changed by a restart", m.name)
	}
	return m.Target.Update(ctx, *own)
}
