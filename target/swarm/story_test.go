package swarm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

func TestSomebodyWhoSetsTheCountAgainAndAgainIsNotFought(t *testing.T) {
	fake := newFakeSwarm(1, 99)
	tell(t, fake, func(s *story) {
		s.set(5)
		for range 600 { // an hour of another autoscaler
			fake.byHand(2)
			s.after(6 * time.Second)
		}
		if n := len(fake.orders()); n < 10 || n > 25 {
			t.Errorf("the count was put back %d times in an hour, want often at first and every 5 minutes then", n-1)
		}
		if c := s.condition(scale.CountReset); !strings.Contains(c.Message, "another autoscaler") {
			t.Errorf("told %+v", c)
		}
		s.after(10 * time.Minute)
		if fake.replicas() != 5 {
			t.Errorf("left at %d", fake.replicas())
		}
		if c := s.condition(scale.CountReset); c.Type != "" {
			t.Errorf("still told: %+v", c)
		}
		s.after(10 * time.Minute)
		fake.byHand(1)
		s.after(4 * time.Second)
		if fake.replicas() != 5 {
			t.Error("after a while of peace it is not put back at once")
		}
	})
}

func TestWhoseCountIsKept(t *testing.T) {
	fake := newFakeSwarm(3, 99)
	keep := func(s *story, on bool) {
		if err := s.target.Keep(s.t.Context(), on); err != nil {
			s.t.Fatal(err)
		}
		s.after(3 * time.Second)
	}
	tell(t, fake, func(s *story) {
		fake.byHand(2)
		s.after(time.Minute)
		if fake.replicas() != 2 {
			t.Error("a count that nobody asked for was put back")
		}
		keep(s, true)
		fake.byHand(1)
		s.after(3 * time.Second)
		if fake.replicas() != 2 {
			t.Error("the count that was found is not kept")
		}
		keep(s, false)
		fake.byHand(7)
		s.after(time.Minute)
		if fake.replicas() != 7 || s.condition(scale.CountReset).Type != "" {
			t.Error("put back although it was not to be kept")
		}
		s.set(4)
		fake.set(func() { fake.service.ID, fake.service.Replicas = "s2", 1 })
		s.after(time.Minute)
		if fake.replicas() != 1 {
			t.Error("a service that was made anew got the count of the one before")
		}
	})
}

func TestLostAnswerIsNoResetByHand(t *testing.T) {
	fake := newFakeSwarm(1, 99)
	tell(t, fake, func(s *story) {
		fake.set(func() { fake.loseAnswer = true })
		if err := s.target.SetReplicas(s.t.Context(), 3); !errors.Is(err, docker.ErrUnreachable) {
			t.Errorf("got %v", err)
		}
		s.after(time.Minute)
		if fake.replicas() != 3 || len(fake.orders()) != 1 || s.condition(scale.CountReset).Type != "" {
			t.Errorf("an order that arrived was undone: %d, %v", fake.replicas(), fake.orders())
		}
		fake.set(func() { fake.away = docker.ErrUnreachable })
		if err := s.target.SetReplicas(s.t.Context(), 6); err == nil {
			t.Error("no error without a manager")
		}
		s.after(time.Minute)
		fake.set(func() { fake.away = nil })
		s.after(5 * time.Second)
		if fake.replicas() != 6 || s.condition(scale.CountReset).Type != "" {
			t.Errorf("the order was forgotten: %d", fake.replicas())
		}
	})
}

func TestWithoutAManagerWhatWasSeenLastIsTold(t *testing.T) {
	for _, why := range []error{docker.ErrUnreachable, docker.ErrNoManager} {
		fake := newFakeSwarm(3, 99)
		tell(t, fake, func(s *story) {
			before := s.status()
			fake.set(func() { fake.away = why })
			began := s.condition(scale.EngineUnreachable)
			s.after(time.Minute)
			if c := s.condition(scale.EngineUnreachable); !c.Since.Equal(began.Since) || c.Message != why.Error() {
				t.Errorf("told %+v, after %+v", c, began)
			}
			if now := s.status(); len(now.Replicas) != 3 || now.SpecReplicas != 3 || !now.At.After(before.At) {
				t.Errorf("got %+v", now)
			}
			fake.set(func() { fake.away = nil })
			if c := s.condition(scale.EngineUnreachable); c.Type != "" {
				t.Errorf("still told: %+v", c)
			}
			fake.set(func() { fake.away = docker.ErrNoService })
			if _, err := s.target.Status(s.t.Context()); !errors.Is(err, docker.ErrNoService) {
				t.Errorf("a service that is gone: %v", err)
			}
		})
	}
}

func TestSomebodyElseIsFasterSeveralTimes(t *testing.T) {
	fake := newFakeSwarm(1, 99)
	tell(t, fake, func(s *story) {
		fake.set(func() { fake.conflicts = 7 })
		s.set(4)
		if fake.replicas() != 4 {
			t.Errorf("got %d", fake.replicas())
		}
		fake.set(func() { fake.conflicts = 1e6 })
		if err := s.target.SetReplicas(s.t.Context(), 5); !errors.Is(err, docker.ErrOutOfSequence) {
			t.Errorf("somebody who never stops: %v", err)
		}
	})
}

func TestHowLongItIsBelievedThatThereIsNoRoom(t *testing.T) {
	fake := newFakeSwarm(1, 4)
	tell(t, fake, func(s *story) {
		s.set(6)
		if c := s.condition(scale.CannotPlace); c.Limit != 4 || c.Message != "2 of 6 replicas cannot be placed, 4 fit: no suitable node (full)" {
			t.Errorf("told %+v", c)
		}
		s.set(4)
		s.after(9 * time.Minute)
		if c := s.condition(scale.CannotPlace); c.Limit != 4 || c.Message != "no more than 4 fit: no suitable node (full)" {
			t.Errorf("nothing has changed, and told is %+v", c)
		}
		s.after(2 * time.Minute)
		if c := s.condition(scale.CannotPlace); c.Type != "" {
			t.Errorf("what is not known may have changed: %+v", c)
		}
		for _, tc := range []struct {
			what   string
			change func()
		}{
			{"another service reserves", func() { fake.others = []docker.Service{{ID: "o", Name: "o", Replicas: 2, Demands: true}} }},
			{"another one gives back", func() { fake.others = nil }},
			{"the service changes", func() { fake.service.Placement = "there" }},
			{"more proves to fit", func() { fake.fits = 9 }},
		} {
			s.set(6)
			if c := s.condition(scale.CannotPlace); c.Type == "" {
				t.Fatalf("before %s nothing is told", tc.what)
			}
			s.set(4)
			s.status()
			fake.set(tc.change)
			if tc.what == "more proves to fit" {
				s.set(6)
			}
			if c := s.condition(scale.CannotPlace); c.Type != "" {
				t.Errorf("%s, and told is %+v", tc.what, c)
			}
			fake.set(func() { fake.fits = 4 })
		}
	})
}

func TestWhatTheSchedulerHasForgottenIsAskedForAnew(t *testing.T) {
	fake := newFakeSwarm(1, 99)
	tell(t, fake, func(s *story) {
		s.set(5)
		fake.set(func() { fake.forgets = 2 })
		s.after(10 * time.Second)
		if c := s.condition(scale.CannotPlace); c.Limit != 3 || !strings.Contains(c.Message, "the scheduler does not say why") {
			t.Errorf("told %+v", c)
		}
		s.after(20 * time.Second)
		if c := s.condition(scale.CannotPlace); c.Type != "" || fake.replicas() != 5 || len(fake.orders()) != 3 {
			t.Errorf("after half a minute: %+v, updates %v", c, fake.orders())
		}
		fake.set(func() { fake.forgets = 1 })
		s.after(4 * time.Minute)
		if len(fake.orders()) != 3 {
			t.Errorf("no loop: updates %v", fake.orders())
		}
		s.after(2 * time.Minute)
		if len(fake.orders()) != 5 || fake.replicas() != 5 {
			t.Errorf("not asked for again: %v", fake.orders())
		}
	})
}

// A manager that has lost the order to take tasks away gets it once more.
func TestWhatTheSwarmHasNotTakenAwayItIsToldAgain(t *testing.T) {
	fake := newFakeSwarm(1, 2)
	tell(t, fake, func(s *story) {
		s.set(5)
		s.after(time.Minute)
		s.set(2)
		fake.set(func() { fake.surplus = 3 })
		s.after(8 * time.Second)
		c := s.condition(SurplusTasks)
		if !strings.Contains(c.Message, "keeps 3 tasks beyond the 2") {
			t.Errorf("after 8 s told %+v", s.status().Conditions)
		}
		if c := s.condition(scale.CannotPlace); c.Limit != 2 || c.Message != "no more than 2 fit: no suitable node (full)" {
			t.Errorf("of those that are to go told %+v", c)
		}
		s.after(8 * time.Second)
		if got := fake.orders(); !slices.Equal(got, []int{5, 2, 2}) || len(s.status().Replicas) != 2 || s.condition(SurplusTasks).Type != "" {
			t.Errorf("after 16 s: orders %v, %+v", got, s.status())
		}
		fake.set(func() { fake.surplus = 1 })
		if s.after(20 * time.Second); len(fake.orders()) != 3 {
			t.Errorf("orders %v: told again within half a minute", fake.orders())
		}
		if s.after(10 * time.Second); len(fake.orders()) != 4 {
			t.Errorf("orders %v: want one more half a minute after the last", fake.orders())
		}
		fake.set(func() { fake.surplus, fake.service.Rollout = 1, docker.RolloutPaused })
		s.after(10 * time.Minute)
		if got := fake.orders(); len(got) != 4 {
			t.Errorf("orders %v: one more sets a rollout going again that is paused", got)
		}
	})
}

// A service that rests is looked at now and then, one that moves often.
func TestHowOftenItIsLooked(t *testing.T) {
	fake := newFakeSwarm(2, 99)
	tell(t, fake, func(s *story) {
		s.after(time.Minute)
		if n := fake.times("service"); n < 25 || n > 50 {
			t.Errorf("looked %d times in a minute of rest, want every 2 s", n)
		}
		if n := fake.times("services"); n != 0 {
			t.Errorf("asked for all services %d times, and nothing waits for room", n)
		}
		before := fake.times("service")
		s.set(3)
		s.after(2 * time.Second)
		if n := fake.times("service") - before; n < 8 {
			t.Errorf("looked %d times in the 2 s after an order, want every 0.2 s", n)
		}
	})
}

func TestRefusesWhatIsNoCountAndNoConfiguration(t *testing.T) {
	fake := newFakeSwarm(2, 99)
	tell(t, fake, func(s *story) {
		if err := s.target.SetReplicas(s.t.Context(), -1); err == nil {
			t.Error("-1 replicas")
		}
		cfg := Default()
		if err := s.target.Update(s.t.Context(), cfg); err == nil {
			t.Error("a configuration without a service")
		}
		cfg.Service = "web"
		if err := s.target.Update(s.t.Context(), &cfg); err != nil {
			t.Errorf("the same: %v", err)
		}
	})
	cfg := Config{Service: "a b", Port: 70000, Address: "there", Interval: 1, Network: "x"}
	err := cfg.Validate()
	for _, field := range []string{"service:", "port:", "address:", "startTimeout:", "interval:"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s not refused: %v", field, err)
		}
	}
}

// mute is a manager that answers, but accepts who wants to hear of events and
// says nothing.
type mute struct{ *fakeSwarm }

func (m mute) Happenings(ctx context.Context) (<-chan struct{}, <-chan error) {
	<-ctx.Done()
	return nil, nil
}

// Who waits for such a manager holds up nobody: neither those who ask and order,
// nor its own looks.
func TestAManagerThatTellsNothingHoldsUpNobody(t *testing.T) {
	fake := newFakeSwarm(2, 10)
	tellOf(t, fake, mute{fake}, func(s *story) {
		s.after(time.Second)
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		cfg := Default()
		cfg.Service = "web"
		if err := errors.Join(s.target.Update(ctx, cfg), s.target.Keep(ctx, true), s.target.SetReplicas(ctx, 4)); err != nil {
			s.t.Error(err)
		}
		fake.byHand(1)
		s.after(20 * time.Second)
		if got := fake.replicas(); got != 4 {
			s.t.Errorf("%d replicas, want 4 put back", got)
		}
	})
}

// While another controller may have the service, its count is that one's: it is
// looked at and not put back, and what is found afterwards is where it goes on.
func TestTheCountOfAnotherControllerIsLeftAlone(t *testing.T) {
	fake := newFakeSwarm(2, 10)
	tell(t, fake, func(s *story) {
		s.set(5)
		if err := s.target.Keep(s.t.Context(), true); err != nil {
			s.t.Error(err)
		}
		s.target.Alone(false)
		fake.byHand(8)
		s.after(10 * time.Minute)
		if got := s.status(); fake.replicas() != 8 || got.SpecReplicas != 8 || len(got.Replicas) != 8 {
			s.t.Errorf("the service has %d replicas, told %d of %d; want the 8 of the other", fake.replicas(), len(got.Replicas), got.SpecReplicas)
		}
		if c := s.condition(scale.CountReset); c.Type != "" {
			s.t.Errorf("told %+v of a count that is the other's to set", c)
		}
		s.target.Alone(true)
		s.after(10 * time.Minute)
		if got := fake.replicas(); got != 8 {
			s.t.Errorf("%d replicas once it is alone again, want the 8 that it finds", got)
		}
		fake.byHand(3)
		s.after(10 * time.Minute)
		if got := fake.replicas(); got != 8 {
			s.t.Errorf("%d replicas after somebody set 3, want 8 put back", got)
		}
	})
}

// Nor is a waiting task asked for anew.
func TestTasksOfAnotherControllerAreNotAskedForAnew(t *testing.T) {
	fake := newFakeSwarm(2, 10)
	tell(t, fake, func(s *story) {
		s.set(5)
		fake.set(func() { fake.forgets, fake.surplus = 2, 1 })
		s.target.Alone(false)
		before := len(fake.orders())
		s.after(10 * time.Minute)
		if got := fake.orders()[before:]; len(got) != 0 {
			s.t.Errorf("counts %v were set, want none", got)
		}
	})
}
