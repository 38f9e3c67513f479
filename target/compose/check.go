package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
)

// lookTimeout bounds how long the engine is asked.
const lookTimeout = 10 * time.Second

// check is what is known of the service, or why it cannot be scaled.
func (c Config) check(ctx context.Context, api docker.Engine) (File, error) {
	found, err := c.look(ctx, api)
	if err != nil {
		return File{}, err
	}
	errs := make([]error, 0, len(found.Faults))
	for _, fault := range found.Faults {
		errs = append(errs, fmt.Errorf("service: %s cannot have replicas: %w", c.Service, fault))
	}
	return found, errors.Join(errs...)
}

// look reads what there is to know of the service: from the Compose file where
// it can be read, and from a container of it.
func (c Config) look(ctx context.Context, api docker.Engine) (File, error) {
	containers, err := api.List(ctx, c.labels())
	if err != nil {
		return File{}, fmt.Errorf("endpoint: %w", err)
	}
	if len(containers) == 0 {
		return File{}, c.absent(ctx, api)
	}
	one := containers[0]
	file, err := c.readFile(ctx, c.files(one.Labels), one.Labels[labelDir])
	switch {
	case errors.Is(err, errUnreadable) && len(c.Files) == 0:
		file = File{} // it is not here: the container says enough
	case err != nil:
		return File{}, fmt.Errorf("files: %w", err)
	}
	if len(file.Faults) == 0 {
		file.Faults = c.faultsOf(ctx, api, one)
	}
	return file, nil
}

// faultsOf says why there cannot be two of a container.
func (c Config) faultsOf(ctx context.Context, api docker.Engine, one docker.Container) []error {
	if err := c.fault(one); err != nil {
		return []error{err}
	}
	like, err := api.Template(ctx, one.ID)
	if err != nil {
		return []error{err}
	}
	if port := like.FixedPort(); port != "" {
		return []error{fmt.Errorf("ports: only one container can have port %s of the host; leave the ports out, replicas are reached by the balancer", port)}
	}
	return nil
}

// absent says what is not there: the project or the service.
func (c Config) absent(ctx context.Context, api docker.Engine) error {
	all, err := api.List(ctx, map[string]string{labelProject: c.Project})
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	services := map[string]bool{}
	for _, container := range all {
		services[container.Labels[labelService]] = true
	}
	if len(services) == 0 {
		return fmt.Errorf("project: no container of a project %s exists; docker compose ls shows the projects, %s starts it", c.Project, c.up())
	}
	return fmt.Errorf("service: project %s has no container of a service %s, only of %s; start it with %s",
		c.Project, c.Service, strings.Join(slices.Sorted(maps.Keys(services)), ", "), c.up())
}
