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

// count is how often containers were told to end, and how many there are.
type count struct{ told, containers int }

func (s *story) heard() (c count) {
	s.engine.set(func() { c = count{s.engine.told, len(s.engine.containers)} })
	return c
}

// A controller that goes while a replica ends is followed by one that does not
// tell the replica again: it has the rest of its time.
//
//	0 told to end │ 3 s the controller goes │ 4 s the next one │ 8 s ended
func TestWhatWasToldToEndIsNotToldAgain(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.ask(2)
		s.after(time.Second)
		s.engine.set(func() { s.engine.stubborn = 8 * time.Second })
		s.ask(1)
		s.after(3 * time.Second)
		s.end()
		time.Sleep(time.Second)
		s.begin()
		if status := s.after(3500 * time.Millisecond); s.heard() != (count{1, 2}) {
			t.Errorf("7.5 s after it was told to end: %+v, %+v; want it to have its 8 s",
				s.heard(), status.Replicas)
		}
		if s.after(time.Second); s.heard() != (count{1, 1}) {
			t.Errorf("8.5 s after: %+v; want 1 and 1", s.heard())
		}
	})
}

// Nor does one controller tell it twice whose engine goes away meanwhile and,
// as with live-restore, leaves containers alone. Nobody kills it then but us.
func TestWhatWasToldToEndIsNotToldAgainOnceTheEngineIsBack(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.ask(1)
		s.after(time.Second)
		s.engine.set(func() { s.engine.stubborn, s.engine.lost = time.Hour, make(chan struct{}) })
		s.ask(0)
		s.after(3 * time.Second)
		s.awayFor(2*time.Second, func() { close(s.engine.lost) })
		if s.after(4 * time.Second); s.heard() != (count{1, 1}) {
			t.Errorf("9 s after it was told to end: %+v; want 1 and 1", s.heard())
		}
		if s.after(2 * time.Second); s.heard() != (count{1, 0}) {
			t.Errorf("11 s after: %+v; want 1 and none", s.heard())
		}
	})
}
