package compose

import (
	"context"
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/target"
	targetdocker "github.com/flyball-io/flyball/target/docker"
)

var (
	_ target.Config    = (*Config)(nil)
	_ target.Exclusive = (*Config)(nil)
	_ target.Examiner  = (*Config)(nil)
	_ target.Managed   = (*Target)(nil)
	_ target.Shared    = (*Target)(nil)
)

// Facts says what others must know of the service. Its port is one inside the
// containers: where the service is to be reached is the balancer's affair.
func (c *Config) Facts() target.Facts {
	return target.Facts{
		Description: "compose service " + c.name(), ReadinessPath: c.Readiness.Path,
		Claims:       []string{fmt.Sprintf("scales the Compose service %s of the engine at %s", c.name(), docker.EndpointOf(c.Endpoint))},
		StartTimeout: c.StartTimeout, DrainTimeout: c.DrainTimeout,
		Signals: containers.Signals(), Unreliable: containers.Unreliable(),
	}
}

// Check reports why the service cannot have replicas, as the engine and the
// Compose file tell. An engine that is away, or a project that was not started,
// is waited for.
func (c *Config) Check() error {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	_, err := c.examine(ctx)
	switch {
	case !errors.Is(err, docker.ErrUnreachable) && !errors.Is(err, errAbsent):
		return err
	case len(c.Files) == 0:
		return nil
	}
	file, err := c.readFile(ctx, c.Files, "")
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return c.refuse(file)
}

// Examine says what the engine and the Compose file tell of the service.
func (c *Config) Examine(ctx context.Context) []target.Finding {
	found, err := c.examine(ctx)
	switch {
	case err == nil && found.Replicas > 0:
		return []target.Finding{{Message: fmt.Sprintf("service %s can have replicas; its Compose file says %d", c.name(), found.Replicas)}}
	case err == nil:
		return []target.Finding{{Message: fmt.Sprintf("service %s can have replicas; its Compose file cannot be read here", c.name())}}
	case errors.Is(err, docker.ErrUnreachable):
		return []target.Finding{{Message: err.Error(), Fix: "start the Docker engine, or name another in endpoint or DOCKER_HOST, and see that its socket may be used"}}
	default:
		return []target.Finding{{Message: err.Error(), Fix: "correct the document or the Compose file, then " + c.up()}}
	}
}

func (c *Config) examine(ctx context.Context) (File, error) {
	api, err := docker.Open(c.Endpoint)
	if err != nil {
		return File{}, fmt.Errorf("endpoint: %w", err)
	}
	defer func() { _ = api.Close() }() // it was only asked
	return c.check(ctx, api)
}

// Open returns the containers of the service as a target.
func (c *Config) Open(name string, o target.Options) (target.Managed, error) {
	t, err := New(name, *c, o, nil)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Unattended says whether this controller may look after the service.
func (c *Config) Unattended(ctx context.Context, name string, o target.Options) error {
	return targetdocker.Unattended(ctx, o.Clock, o.StateDir, name)
}

// Update changes how replicas are looked after. Which service that is cannot
// be changed: another one is another target.
func (t *Target) Update(ctx context.Context, cfg target.Config) error {
	next, same := cfg.(*Config)
	if !same {
		return fmt.Errorf("compose service %s: its kind can only be changed by a restart", t.cfg.name())
	}
	if next.name() != t.cfg.name() || next.Endpoint != t.cfg.Endpoint {
		return fmt.Errorf("compose service %s: project, service and endpoint can only be changed by a restart", t.cfg.name())
	}
	if err := next.Validate(); err != nil {
		return err
	}
	return t.containers.Update(ctx, next.containers())
}
