package containers

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// FollowReplicas follows what exists of a target, where container finds the
// container of a replica; "" when it is not known. A replica that takes work
// and whose container is not known is followed all the same: nothing is read
// of it, and that is said.
func (m *Meter) FollowReplicas(replicas []scale.Replica, container func(replica string) string) {
	subjects := make(map[string]Subject, len(replicas))
	for i := range replicas {
		r := &replicas[i]
		s := Subject{Container: container(r.ID), Restarts: r.Restarts}
		if r.TakesWork() {
			s.Since = r.Readiness.Since
			if s.Since.IsZero() {
				s.Since = time.Unix(0, 0) // it was ready before anybody looked
			}
		}
		if s.Container == "" && s.Since.IsZero() {
			continue
		}
		subjects[r.ID] = s
	}
	m.Follow(subjects)
}

// Lookup follows what exists of a target whose containers an engine knows.
type Lookup struct {
	Meter  *Meter
	Engine docker.Meter
	// Replicas lists what exists of the target.
	Replicas func(ctx context.Context) ([]scale.Replica, error)
}

// lookupInterval is the time between two looks at who is to be followed.
const lookupInterval = 2 * time.Second

// Run follows until ctx is done.
func (l Lookup) Run(ctx context.Context) error {
	ticker := l.Meter.clock.NewTicker(lookupInterval)
	defer ticker.Stop()
	for {
		err := l.look(ctx)
		if ctx.Err() == nil {
			l.Meter.Fail(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l Lookup) look(ctx context.Context) error {
	replicas, err := l.Replicas(ctx)
	if err != nil {
		return err
	}
	names, err := l.Engine.Running(ctx)
	if err != nil {
		return err
	}
	l.Meter.FollowReplicas(replicas, NewIndex(names).Container)
	return nil
}
