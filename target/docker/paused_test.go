package docker

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/targettest"
)

// happens changes a container there is, and has the engine say so.
func (s *story) happens(to func(*docker.Container)) {
	s.t.Helper()
	var id string
	s.engine.set(func() {
		for name, c := range s.engine.containers {
			to(&c)
			s.engine.containers[name], id = c, c.ID
			break
		}
	})
	s.engine.events <- docker.Event{ID: id}
}

// A container that is paused accepts connections and answers none: it gets no
// requests until it goes on.
func TestPausedReplicaTakesNoWork(t *testing.T) {
	tell(t, func(cfg *Config) { cfg.LivenessTimeout = scale.Duration(time.Minute) }, func(s *story) {
		s.ask(1)
		s.after(time.Second)
		s.happens(func(c *docker.Container) { c.Paused = true })
		if got := working(s.after(100 * time.Millisecond)); got != 0 {
			t.Errorf("%d take work while it is paused", got)
		}
		status := s.after(20 * time.Second)
		want := "no replica is ready: its container is paused: docker unpause " + status.Replicas[0].ID
		if c := targettest.Condition(status, scale.NotReady); c.Message != want {
			t.Errorf("told is %q, want %q", c.Message, want)
		}
		s.happens(func(c *docker.Container) { c.Paused = false })
		if got := working(s.after(100 * time.Millisecond)); got != 1 {
			t.Errorf("%d take work once it goes on, want 1", got)
		}
	})
}

// What kept replicas from being started is over once one has begun: the end of
// that one has nothing to do with it.
func TestRefusalIsOverOnceAReplicaHasBegun(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.engine.set(func() { s.engine.refuse = docker.ErrNoImage })
		s.ask(1)
		s.after(2 * time.Second)
		s.engine.set(func() { s.engine.refuse = nil })
		if got := working(s.after(30 * time.Second)); got != 1 {
			t.Fatalf("%d take work, want 1", got)
		}
		s.happens(func(c *docker.Container) { c.State, c.Exit, c.ExitCode = docker.Exited, "exit status 137", 137 })
		if c := targettest.Condition(s.after(0), ImageMissing); c.Type != "" {
			t.Errorf("told is %+v, and the image is there", c)
		}
	})
}
