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
	return found, c.refuse(found)
}

// refuse says why there cannot be two of the service; nil: there can.
func (c Config) refuse(found File) error {
	errs := make([]error, 0, len(found.Faults))
	for _, fault := range found.Faults {
		errs = append(errs, fmt.Errorf("service: %s cannot have replicas: %w", c.Service, fault))
	}
	return errors.Join(errs...)
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
	like, err := api.Template(ctx, one.ID)
	if err == nil && len(file.Ports) == 0 {
		file.Ports = like.Ports()
	}
	if len(file.Faults) == 0 {
		file.Faults = c.faultsOf(one, like, err)
	}
	return file, nil
}

// faultsOf says why there cannot be two of a container; err is why it could not
// be read.
func (c Config) faultsOf(one docker.Container, like docker.Template, err error) []error {
	if fault := c.fault(one); fault != nil {
		return []error{fault}
	}
	if err != nil {
		return []error{err}
	}
	if port := like.FixedPort(); port != "" {
		return []error{fmt.Errorf("ports: only one container can have port %s of the host; leave the ports out, replicas are reached by the balancer", port)}
	}
	return nil
}

// errAbsent is returned where nothing of the service was made yet.
var errAbsent = errors.New("there is no container")

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
		return fmt.Errorf("project: %w of a project %s; docker compose ls shows the projects, %s starts it", errAbsent, c.Project, c.up())
	}
	return fmt.Errorf("service: %w of a service %s in project %s, only of %s; start it with %s",
		errAbsent, c.Service, c.Project, strings.Join(slices.Sorted(maps.Keys(services)), ", "), c.up())
}

// ErrWhichPort is returned where the port must be said.
var ErrWhichPort = errors.New("port")

// FindPort asks the Compose file, else the image, for the port on which the
// service takes requests: the only one that is named.
func (c Config) FindPort(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	api, err := docker.Open(c.Endpoint)
	if err != nil {
		return 0, fmt.Errorf("endpoint: %w", err)
	}
	defer func() { _ = api.Close() }() // it was only asked
	found, err := c.check(ctx, api)
	switch {
	case err != nil:
		return 0, err
	case len(found.Ports) == 0:
		return 0, fmt.Errorf("%w: neither Compose file nor image name one: say on which port of its container the service takes requests", ErrWhichPort)
	case len(found.Ports) > 1:
		return 0, fmt.Errorf("%w: say on which of %v the service takes requests", ErrWhichPort, found.Ports)
	}
	return found.Ports[0], nil
}
