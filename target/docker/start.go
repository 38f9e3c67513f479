package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// engineRetry is the time between two attempts to reach the engine.
const engineRetry = 500 * time.Millisecond

// starter makes and starts one container. It may be begun as often as one
// likes: the name is the replica's own, so what an attempt left, whose answer
// was lost or whose controller died, is found by the next.
type starter struct {
	clock  clock.Clock
	engine docker.Engine
	job    job
	owner  string
	name   string
	// Of a container that belongs to a project: whose, and which start of it
	// is of no account.
	project *Project
	before  time.Time
}

// makeNow starts the worker that makes a replica.
func (k *keeper) makeNow(ctx context.Context, r *replica) {
	r.made = make(chan struct{})
	made := r.made
	s := starter{clock: k.clock, engine: k.engine, job: k.job, owner: k.owner, name: r.name, project: k.project, before: r.before}
	k.workers.Go(func() {
		c, err := s.run(ctx)
		if ctx.Err() == nil {
			k.post(ctx, func() { k.finished(r, c, err) })
		}
		close(made)
	})
}

// finished takes note of what became of a start.
func (k *keeper) finished(r *replica, c docker.Container, err error) {
	if k.replicas[r.id] != r {
		return // another hand was quicker
	}
	if other := k.of(c); k.project != nil && c.ID != "" && other != nil && other != r {
		delete(k.replicas, r.id) // and so it is known already
		k.changed = true
		return
	}
	if c.ID != "" && c.ID != r.container { // another where an earlier one was taken away
		r.container, r.madeAt = c.ID, k.clock.Now()
	}
	switch {
	case err == nil:
		k.see(c)
	case r.stays():
		r.refused = true
		k.fail(r, reasonOf(err))
		k.end(r, removeAtOnce, "it could not be started")
	}
}

// run returns the container, as far as it was made, or why it could not be
// started. An engine that is away is waited for.
func (s *starter) run(ctx context.Context) (docker.Container, error) {
	for {
		c, err := s.ensure(ctx)
		if !errors.Is(err, docker.ErrUnreachable) || ctx.Err() != nil {
			return c, err
		}
		select {
		case <-s.clock.After(engineRetry):
		case <-ctx.Done():
		}
	}
}

// ensure makes the container where it is not there and starts it where it
// has not been started.
func (s *starter) ensure(ctx context.Context) (docker.Container, error) {
	c, err := s.engine.Inspect(ctx, s.name)
	if errors.Is(err, docker.ErrGone) {
		if err := s.create(ctx); err != nil {
			return docker.Container{}, err
		}
		c, err = s.engine.Inspect(ctx, s.name)
	}
	switch {
	case err != nil:
		return docker.Container{}, err
	case !s.ours(c):
		return docker.Container{}, fmt.Errorf("%w: container %s is not ours", docker.ErrNameTaken, s.name)
	case c.State != docker.Created && !s.stopped(c):
		return c, nil
	}
	if err := s.engine.Start(ctx, c.ID); err != nil {
		return c, err
	}
	begun, err := s.engine.Inspect(ctx, c.ID)
	if err != nil {
		return c, err
	}
	return begun, nil
}

// ours is true of a container with the target's mark or the project's.
func (s *starter) ours(c docker.Container) bool {
	if s.project == nil {
		return c.Labels[labelOwner] == s.owner
	}
	for key, value := range s.project.Labels {
		if c.Labels[key] != value {
			return false
		}
	}
	return true
}

// stopped is true of a container that has ended as it was found.
func (s *starter) stopped(c docker.Container) bool {
	return c.State == docker.Exited && !s.before.IsZero() && c.StartedAt.Equal(s.before)
}

// create makes the container, like its template as it is now.
func (s *starter) create(ctx context.Context) error {
	if s.project != nil {
		spec, err := s.twin(ctx)
		if err == nil {
			_, err = s.engine.Create(ctx, s.name, spec)
		}
		return err
	}
	var like *docker.Template
	if from := s.job.cfg.From; from != "" {
		template, err := s.engine.Template(ctx, from)
		if errors.Is(err, docker.ErrGone) || errors.Is(err, docker.ErrOnlyOne) {
			return fmt.Errorf("%w: %w", errNoTemplate, err)
		}
		if err != nil {
			return err
		}
		like = &template
	}
	_, err := s.engine.Create(ctx, s.name, s.job.spec(s.owner, like))
	return err
}
