package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
)

// stopping stops the target of a story; interrupt is the second Ctrl-C.
func (s *story) stopping() (ended <-chan error, interrupt func()) {
	hurry, rush := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.target.Stop(hurry) }()
	synctest.Wait()
	return done, rush
}

// over is what Stop returned; false while it has not.
func over(ended <-chan error) (error, bool) {
	synctest.Wait()
	select {
	case err := <-ended:
		return err, true
	default:
		return nil, false
	}
}

// Ctrl-C while the engine is away: it is said what is waited for. The second
// one ends the wait at once, and names what is left.
func TestStopWithoutTheEngine(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.ask(2)
		if n := working(s.after(time.Second)); n != 2 {
			t.Fatalf("%d take work, want 2", n)
		}
		s.engine.set(func() { s.engine.away = true })
		s.after(time.Second)
		ended, interrupt := s.stopping()
		if s.said("one more interrupt leaves them") != 1 {
			t.Errorf("what is waited for is not told once:\n%s", s.log.String())
		}
		time.Sleep(24 * time.Second)
		if err, done := over(ended); done {
			t.Errorf("the engine is not waited for: %v", err)
		}
		interrupt()
		err, done := over(ended)
		if !done {
			t.Fatal("nothing has ended when nobody has patience any more")
		}
		if errors.Is(err, context.Canceled) || !errors.Is(err, docker.ErrUnreachable) {
			t.Errorf("replicas that are left are taken for ended: %v", err)
		}
		slices.Sort(s.engine.created)
		if names := strings.Join(s.engine.created, ", "); err != nil && !strings.Contains(err.Error(), names) {
			t.Errorf("%v does not name %s", err, names)
		}
	})
}

// The engine goes away while replicas end, and comes back while somebody waits.
func TestStopGoesOnWhenTheEngineIsBack(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.ask(2)
		s.after(time.Second)
		s.engine.set(func() { s.engine.away = true })
		ended, _ := s.stopping()
		time.Sleep(10 * time.Second)
		s.engine.set(func() { s.engine.away = false })
		time.Sleep(5 * time.Second)
		if err, done := over(ended); !done || err != nil {
			t.Errorf("stopped: %v, %v", done, err)
		}
		if len(s.engine.containers) > 0 || s.said("one more interrupt") != 1 {
			t.Errorf("left are %v; told was\n%s", s.engine.containers, s.log.String())
		}
	})
}

// Where the engine never answered nothing was made: there is nothing to wait for.
func TestStopWhereNothingWasMade(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.engine.set(func() { s.engine.away = true })
		s.after(20 * time.Second) // until the next listing
		s.ask(2)
		s.after(time.Second)
		ended, _ := s.stopping()
		if err, done := over(ended); !done || err != nil {
			t.Errorf("stopped: %v, %v", done, err)
		}
	})
}
