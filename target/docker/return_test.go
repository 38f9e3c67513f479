package docker

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
)

// unready counts the statuses from now on in which fewer than n take work.
func (s *story) unready(n int, d time.Duration) (missing int) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if working(s.after(10*time.Millisecond)) < n {
			missing++
		}
	}
	return missing
}

// A controller that returns has asked nobody yet. Until it has, a replica takes
// work that took work before: a balancer that hears of none answers 502.
func TestReplicasTakeWorkWhileAControllerReturns(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.ask(2)
		if got := working(s.after(time.Second)); got != 2 {
			t.Fatalf("%d take work, want 2", got)
		}
		s.end()
		s.engine.set(func() { s.engine.listing = 500 * time.Millisecond })
		s.begin()
		if missing := s.unready(2, time.Second); missing > 0 {
			t.Errorf("fewer than 2 took work in %d of 100 statuses", missing)
		}
	})
}

// What the engine then tells counts: one that ended meanwhile takes none.
func TestReplicaThatEndedMeanwhileTakesNoWork(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.ask(2)
		s.after(time.Second)
		s.end()
		s.engine.set(func() { clear(s.engine.containers); s.engine.refuse = docker.ErrNoImage })
		s.begin()
		if status := s.after(time.Second); working(status) != 0 {
			t.Errorf("there is no container, and %d take work: %+v", working(status), status.Replicas)
		}
	})
}
