package kubernetes

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

func withHPA(replicas int) *fakeCluster {
	fake := newFakeCluster(replicas)
	fake.rivals = []kubernetes.Rival{{Kind: kubernetes.HPA, Namespace: "shop", Name: "web-hpa"}}
	return fake
}

func takesOver(c *Config) { c.TakeOver = true }

func TestObjectThatAnHPAScalesIsLeftAlone(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, nil, func(s *story) {
		s.keep(true)
		if err := s.target.SetReplicas(s.t.Context(), 7); !errors.Is(err, ErrScaledByOther) || !strings.Contains(err.Error(), "HorizontalPodAutoscaler shop/web-hpa") || !strings.Contains(err.Error(), "takeOver: true") {
			t.Errorf("got %v", err)
		}
		fake.byHand(5) // the HPA
		s.after(time.Minute)
		if done := fake.done(); len(done) != 0 || fake.replicas() != 5 {
			t.Errorf("what was done: %v, count %d", done, fake.replicas())
		}
		if c := s.condition(ScaledByOther); !strings.Contains(c.Message, "leaves it alone") || c.Since.After(time.Now().Add(-time.Minute)) {
			t.Errorf("told %+v", c)
		}
		fake.set(func() { fake.rivals = nil })
		s.after(time.Second)
		s.set(7)
		if fake.replicas() != 7 || s.condition(ScaledByOther).Type != "" {
			t.Errorf("the HPA is gone: %d, %+v", fake.replicas(), s.condition(ScaledByOther))
		}
	})
}

func TestWhoScaledRestsWhileFlyballDoes(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.after(time.Minute)
		if err := s.target.SetReplicas(s.t.Context(), 4); !errors.Is(err, ErrScaledByOther) || !strings.Contains(err.Error(), "first decision that has data") {
			t.Errorf("an order before Flyball has data: got %v", err)
		}
		if len(fake.done()) != 0 {
			t.Errorf("before anybody says that Flyball is to scale: %v", fake.done())
		}
		s.keep(true)
		if want := []string{"suspend web-hpa"}; !slices.Equal(fake.done(), want) || fake.replicas() != 3 {
			t.Errorf("got %v at %d, want %v at 3: taking over changes no count", fake.done(), fake.replicas(), want)
		}
		if c := s.condition(TakenOver); !strings.Contains(c.Message, "rests on behalf of web") {
			t.Errorf("told %+v", c)
		}
		s.set(5)
		s.keep(false) // paused, or only to recommend
		if want := []string{"suspend web-hpa", "scale 5", "resume web-hpa"}; !slices.Equal(fake.done(), want) {
			t.Errorf("got %v, want %v", fake.done(), want)
		}
		s.keep(true)
		s.leave()
		if want := []string{"suspend web-hpa", "resume web-hpa"}; !slices.Equal(fake.done()[3:], want) || fake.replicas() != 5 {
			t.Errorf("at the end: %v at %d, want %v at 5", fake.done()[3:], fake.replicas(), want)
		}
	})
}

// A controller that was killed has left an HPA resting; the next one goes on,
// and hands it back when it ends.
func TestWhatAKilledControllerLeftIsHandedBackByTheNext(t *testing.T) {
	fake := withHPA(3)
	fake.rivals[0].Resting, fake.rivals[0].SuspendedBy = true, "web"
	tell(t, fake, takesOver, func(s *story) {
		s.after(time.Minute)
		s.keep(true)
		s.set(4)
		if want := []string{"scale 4"}; !slices.Equal(fake.done(), want) {
			t.Errorf("got %v, want %v: it rests already", fake.done(), want)
		}
		s.leave()
		if fake.rivals[0].Resting {
			t.Error("not handed back")
		}
	})
	fake = withHPA(3)
	fake.rivals[0].Resting, fake.rivals[0].SuspendedBy = true, "web"
	tell(t, fake, nil, func(s *story) { // the document does not say takeOver any more
		s.after(time.Second)
		s.keep(true)
		if want := []string{"resume web-hpa"}; !slices.Equal(fake.done(), want) {
			t.Errorf("got %v, want %v", fake.done(), want)
		}
	})
}

// A controller was killed, and the document runs under another name now: what rests
// for the one before rests for it, and is handed back by it.
func TestWhatRestsForAnotherDocumentIsTakenOverFromIt(t *testing.T) {
	for _, kind := range []kubernetes.RivalKind{kubernetes.HPA, kubernetes.ScaledObject} {
		fake := withHPA(3)
		fake.rivals[0].Kind, fake.rivals[0].Resting, fake.rivals[0].SuspendedBy = kind, true, "before"
		tell(t, fake, takesOver, func(s *story) {
			s.after(time.Minute)
			if c := s.condition(TakenOver); len(fake.done()) != 0 || !strings.Contains(c.Message, "rests on behalf of before; it goes over to this document once Flyball is to scale") {
				t.Errorf("before anybody says that Flyball is to scale: %v, told %+v", fake.done(), c)
			}
			s.keep(true)
			s.set(4)
			s.after(time.Hour)
			if want := []string{"suspend web-hpa", "scale 4"}; !slices.Equal(fake.done(), want) {
				t.Errorf("got %v, want %v", fake.done(), want)
			}
			if c := s.condition(TakenOver); !strings.HasSuffix(c.Message, "rests on behalf of web; it is handed back when Flyball scales no more") {
				t.Errorf("told %+v", c)
			}
			s.leave()
			if fake.rivals[0].Resting {
				t.Error("not handed back")
			}
		})
	}
	refused := withHPA(3)
	refused.rivals[0].Resting, refused.rivals[0].SuspendedBy, refused.suspendErr = true, "before", kubernetes.ErrForbidden
	tell(t, refused, takesOver, func(s *story) {
		s.after(time.Second)
		if err := s.target.Keep(s.t.Context(), true); !errors.Is(err, kubernetes.ErrForbidden) {
			t.Errorf("got %v", err)
		}
		s.set(4) // nobody else scales
		if c := s.condition(TakenOver); !strings.Contains(c.Message, "could not be taken over from there: not allowed; grant the right") {
			t.Errorf("told %+v", c)
		}
	})
	fake := withHPA(3)
	fake.rivals[0].Resting, fake.rivals[0].SuspendedBy = true, "before"
	tell(t, fake, nil, func(s *story) { // without takeOver it is none of our business
		s.keep(true)
		s.after(time.Minute)
		if c := s.condition(TakenOver); len(fake.done()) != 0 || !strings.Contains(c.Message, "and where nobody does flyball stop") {
			t.Errorf("got %v, told %+v", fake.done(), c)
		}
	})
}

// Two that run take it over from each other ever more rarely, and say so.
func TestTwoThatTakeOverFromEachOther(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.keep(true)
		for range 600 {
			fake.set(func() { fake.rivals[0].SuspendedBy = "shop.web" })
			s.after(6 * time.Second)
		}
		if n := len(fake.done()); n < 10 || n > 25 {
			t.Errorf("taken over %d times in an hour, want often at first and every 5 minutes then", n)
		}
		want := "this document and shop.web take it over from each other again and again: end one of the two"
		if c := s.condition(TakenOver); !strings.Contains(c.Message, want) {
			t.Errorf("told %+v while it is theirs", c)
		}
		s.after(6 * time.Minute)
		if c := s.condition(TakenOver); !strings.Contains(c.Message, "on behalf of web") || !strings.Contains(c.Message, want) {
			t.Errorf("told %+v while it is ours", c)
		}
		s.after(10 * time.Minute)
		if c := s.condition(TakenOver); strings.Contains(c.Message, "each other") {
			t.Errorf("told %+v although the other has ended", c)
		}
	})
}

// An HPA that a manifest makes what it was, again and again, is not fought with.
func TestWhatIsAppliedAgainAndAgainIsNotFought(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.keep(true)
		for range 600 {
			fake.set(func() { fake.rivals[0].Resting = false })
			s.after(6 * time.Second)
		}
		if n := len(fake.done()); n < 10 || n > 25 {
			t.Errorf("taken over %d times in an hour, want often at first and every 5 minutes then", n)
		}
	})
}

// Each wait ends when it is over, not with the next look that is due anyway.
func TestWhatIsHandedBackBehindOurBackIsTakenOverAgainSoon(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.after(time.Second)
		for _, wait := range []time.Duration{0, time.Second, 4 * time.Second} {
			if err := s.target.Keep(s.t.Context(), true); err != nil {
				t.Fatal(err)
			}
			s.after(wait + 100*time.Millisecond)
			fake.set(func() {
				if !fake.rivals[0].Resting {
					t.Errorf("not taken over again after %v", wait)
				}
				fake.rivals[0].Resting, fake.rivals[0].SuspendedBy = false, ""
			})
		}
	})
}

func TestWhatCannotBeTakenOverIsSaid(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.after(time.Second)
		fake.set(func() { fake.suspendErr = kubernetes.ErrForbidden })
		if err := s.target.Keep(s.t.Context(), true); !errors.Is(err, kubernetes.ErrForbidden) {
			t.Errorf("got %v", err)
		}
		if err := s.target.SetReplicas(s.t.Context(), 9); err == nil || fake.replicas() != 3 {
			t.Errorf("got %v at %d: two would scale it", err, fake.replicas())
		}
		if c := s.condition(ScaledByOther); !strings.Contains(c.Message, "could not be taken over: not allowed") || !strings.Contains(c.Message, "rbac.takeOver: true") {
			t.Errorf("told %+v", c)
		}
	})
}

// Who may not read HPAs does not see them; that no one else is there is seen by
// the count alone.
func TestWithoutTheRightToSeeRivals(t *testing.T) {
	fake := newFakeCluster(3)
	fake.rivalsErr = kubernetes.ErrForbidden
	tell(t, fake, nil, func(s *story) {
		s.set(5)
		if status := s.status(); fake.replicas() != 5 || status.SpecReplicas != 5 {
			t.Errorf("got %d, %+v", fake.replicas(), status)
		}
		if c := s.condition(scale.EngineUnreachable); c.Type != "" {
			t.Errorf("told %+v", c)
		}
		s.after(time.Minute)
		if c := s.condition(RivalsUnknown); !strings.HasPrefix(c.Message, "not allowed; grant list and watch of it") || time.Since(c.Since) < time.Minute {
			t.Errorf("told %+v", c)
		}
	})
}

// Where KEDA is, and its objects may not be seen, an HPA that can be is left alone,
// taken over and handed back all the same.
func TestAnHPABesideOthersThatMayNotBeSeen(t *testing.T) {
	fake := withHPA(3)
	fake.rivalsErr = kubernetes.ErrForbidden
	tell(t, fake, nil, func(s *story) {
		s.keep(true)
		if err := s.target.SetReplicas(s.t.Context(), 7); !errors.Is(err, ErrScaledByOther) || fake.replicas() != 3 {
			t.Errorf("got %v at %d: two would scale it", err, fake.replicas())
		}
	})
	tell(t, fake, takesOver, func(s *story) {
		s.after(time.Second)
		s.keep(true)
		s.set(5)
		s.keep(false)
		if want := []string{"suspend web-hpa", "scale 5", "resume web-hpa"}; !slices.Equal(fake.done(), want) {
			t.Errorf("got %v, want %v", fake.done(), want)
		}
	})
}

// What rests on our behalf and may not be seen any more is not believed to be
// handed back.
func TestWhatMayNotBeSeenAnyMoreIsNotHandedBack(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.after(time.Second)
		s.keep(true)
		all := fake.rivals
		fake.set(func() { fake.rivals, fake.rivalsErr = nil, kubernetes.ErrForbidden })
		for range 2 {
			if err := s.target.Keep(s.t.Context(), false); !errors.Is(err, kubernetes.ErrForbidden) {
				t.Errorf("got %v", err)
			}
		}
		fake.set(func() { fake.rivals, fake.rivalsErr = all, nil })
		s.keep(false)
		if fake.rivals[0].Resting {
			t.Error("not handed back once it is seen again")
		}
	})
}

// While another executor may have the object, its count is that one's, and so are
// those that rest: what is done about them there is neither undone nor done again.
func TestWhatAnotherControllerMayHaveIsLookedAtAlone(t *testing.T) {
	fake := withHPA(2)
	tell(t, fake, takesOver, func(s *story) {
		s.keep(true)
		s.set(5)
		did := len(fake.done())
		s.target.Alone(false)
		fake.byHand(8)
		fake.set(func() { fake.rivals[0].Resting, fake.rivals[0].SuspendedBy = false, "" })
		s.after(10 * time.Minute)
		if err := s.target.Keep(s.t.Context(), false); err != nil { // a pause that it hears of all the same
			t.Error(err)
		}
		s.keep(true)
		if got := s.status(); len(fake.done()) != did || got.SpecReplicas != 8 || s.condition(scale.CountReset).Type != "" || s.condition(ScaledByOther).Type == "" {
			t.Errorf("did %v, told %d replicas and %+v; want to look alone", fake.done()[did:], got.SpecReplicas, got.Conditions)
		}
		s.target.Alone(true)
		s.after(time.Minute)
		if want := []string{"suspend web-hpa"}; !slices.Equal(fake.done()[did:], want) || fake.replicas() != 8 {
			t.Errorf("once it is alone again: %v at %d, want %v at 8, which it finds", fake.done()[did:], fake.replicas(), want)
		}
		fake.byHand(3)
		s.after(time.Minute)
		if fake.replicas() != 8 {
			t.Errorf("%d replicas after somebody set 3, want 8 put back", fake.replicas())
		}
	})
}

// What rests goes on to rest where another executor goes on, and is handed back by
// whoever ends as the last, also where nobody can tell whether it is.
func TestWhatRestsIsNotHandedBackUnderAnotherController(t *testing.T) {
	for _, replaced := range []bool{true, false} {
		fake := withHPA(2)
		tell(t, fake, takesOver, func(s *story) {
			s.keep(true)
			s.target.Alone(false)
			s.after(time.Second)
			if replaced {
				s.replaced()
			} else {
				s.leave()
			}
			if fake.rivals[0].Resting != replaced {
				t.Errorf("replaced %v: it rests: %v", replaced, fake.rivals[0].Resting)
			}
		})
	}
}
