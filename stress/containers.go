package stress

import (
	"context"
	"io"

	"github.com/flyball-io/flyball/internal/docker"
)

// Containers are those of an engine that run and have these labels.
type Containers struct {
	Engine *docker.Client
	Labels map[string]string
}

var _ Replicas = Containers{}

// List returns their names.
func (c Containers) List(ctx context.Context) ([]string, error) {
	all, err := c.Engine.List(ctx, c.Labels)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, container := range all {
		if container.State == docker.Running {
			names = append(names, container.Name)
		}
	}
	return names, nil
}

// Exec runs a program in one of them.
func (c Containers) Exec(ctx context.Context, name string, command []string, in io.Reader, out io.Writer) error {
	return c.Engine.Exec(ctx, name, command, in, out)
}
