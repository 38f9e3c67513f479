package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/internal/docker"
)

// twin is what a container of a project is made of: like its newest one.
func (s *starter) twin(ctx context.Context) (docker.Spec, error) {
	siblings, err := s.engine.List(ctx, s.project.Labels)
	if err != nil {
		return docker.Spec{}, err
	}
	slices.SortFunc(siblings, func(a, b docker.Container) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.Name, a.Name))
	})
	for _, sibling := range siblings {
		if err := s.project.Fault(sibling); err != nil {
			return docker.Spec{}, fmt.Errorf("%w: %w", errNoTemplate, err)
		}
		like, err := s.engine.Template(ctx, sibling.ID)
		switch {
		case errors.Is(err, docker.ErrGone):
			continue // meanwhile
		case errors.Is(err, docker.ErrOnlyOne):
			return docker.Spec{}, fmt.Errorf("%w: %w", errNoTemplate, err)
		case err != nil:
			return docker.Spec{}, err
		}
		if port := like.FixedPort(); port != "" {
			return docker.Spec{}, fmt.Errorf("%w: %s has port %s of the host, which only one can have", errNoTemplate, sibling.Name, port)
		}
		spec := docker.Spec{Like: &like, Twin: true, Labels: s.project.Mark(s.name)}
		spec.Labels[labelTarget], spec.Labels[labelOwner] = s.job.target, s.owner
		return spec, nil
	}
	return docker.Spec{}, fmt.Errorf("%w: no container of the service is there: run %s", errNoTemplate, s.project.Up)
}
