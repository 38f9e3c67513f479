package kubernetes

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

func TestCountThatSomebodyElseSetsIsPutBackAndSaid(t *testing.T) {
	fake := newFakeCluster(1)
	tell(t, fake, nil, func(s *story) {
		s.set(5)
		fake.byHand(2)
		s.after(time.Second)
		if fake.replicas() != 5 {
			t.Errorf("left at %d", fake.replicas())
		}
		if c := s.condition(scale.CountReset); c.Message != "somebody else (kubectl) set 2 replicas; put back to what was asked for" {
			t.Errorf("told %+v", c)
		}
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
		if c := s.condition(scale.CountReset); c.Type != "" || fake.replicas() != 5 {
			t.Errorf("after a while of peace: %d, %+v", fake.replicas(), c)
		}
	})
}

// An order that meets a count which nobody has seen yet says so: it would else
// overwrite in silence what somebody has just set.
func TestCountThatIsOverwrittenUnseenIsSaid(t *testing.T) {
	fake := newFakeCluster(3)
	tell(t, fake, nil, func(s *story) {
		s.set(4)
		fake.mu.Lock() // and nobody is told of it
		fake.workload.Replicas, fake.workload.CountedBy = 9, "argocd-controller"
		fake.version++
		fake.mu.Unlock()
		s.set(5)
		if c := s.condition(scale.CountReset); !strings.Contains(c.Message, "(argocd-controller) set 9 replicas; put back") || fake.replicas() != 5 {
			t.Errorf("told %+v at %d", c, fake.replicas())
		}
	})
}

func TestWhoseCountIsKept(t *testing.T) {
	fake := newFakeCluster(3)
	tell(t, fake, nil, func(s *story) {
		fake.byHand(2)
		s.after(time.Minute)
		if fake.replicas() != 2 {
			t.Error("a count that nobody asked for was put back")
		}
		s.keep(true)
		fake.byHand(1)
		s.after(3 * time.Second)
		if fake.replicas() != 2 {
			t.Error("the count that was found is not kept")
		}
		s.keep(false)
		fake.byHand(7)
		s.after(time.Minute)
		if fake.replicas() != 7 || s.condition(scale.CountReset).Type != "" {
			t.Error("put back although it was not to be kept")
		}
		s.set(4)
		fake.set(func() { fake.workload.UID, fake.workload.Replicas = "u2", 1 })
		s.after(time.Minute)
		if fake.replicas() != 1 {
			t.Error("an object that was made anew got the count of the one before")
		}
	})
}

func TestLostAnswerIsNoResetByHand(t *testing.T) {
	fake := newFakeCluster(1)
	tell(t, fake, nil, func(s *story) {
		fake.set(func() { fake.loseAnswer = true })
		if err := s.target.SetReplicas(s.t.Context(), 3); !errors.Is(err, kubernetes.ErrUnreachable) {
			t.Errorf("got %v", err)
		}
		s.after(time.Minute)
		if fake.replicas() != 3 || len(fake.orders()) != 1 || s.condition(scale.CountReset).Type != "" {
			t.Errorf("an order that arrived was undone: %d, %v", fake.replicas(), fake.orders())
		}
		fake.set(func() { fake.away = kubernetes.ErrUnreachable })
		if err := s.target.SetReplicas(s.t.Context(), 6); err == nil {
			t.Error("no error without an API server")
		}
		s.after(orderLasts - 2*retry)
		fake.set(func() { fake.away = nil })
		s.after(retry)
		if fake.replicas() != 6 || s.condition(scale.CountReset).Type != "" {
			t.Errorf("the order was forgotten: %d", fake.replicas())
		}
	})
}

// Fewer were asked for, the order was lost, and the load came back: what is asked
// for now is what there is, so that nobody tells the target. The order is not
// carried out once it could be.
func TestLostOrderThatNobodyGivesAgainLapses(t *testing.T) {
	lost := map[string]func(*fakeCluster, error){
		"the server is away": func(f *fakeCluster, err error) { f.away = err },
		"orders are refused": func(f *fakeCluster, err error) { f.scaleErr = err },
	}
	for name, lose := range lost {
		fake := newFakeCluster(10)
		tell(t, fake, nil, func(s *story) {
			s.keep(true)
			fake.set(func() { lose(fake, kubernetes.ErrUnreachable) })
			if err := s.target.SetReplicas(s.t.Context(), 4); !errors.Is(err, kubernetes.ErrUnreachable) {
				t.Errorf("%s: got %v", name, err)
			}
			s.after(orderLasts + 2*retry)
			fake.set(func() { lose(fake, nil) })
			s.after(time.Minute)
			if fake.replicas() != 10 || len(fake.orders()) != 0 || s.condition(scale.CountReset).Type != "" {
				t.Errorf("%s: what nobody wants any more was carried out: %d, %v", name, fake.replicas(), fake.orders())
			}
			fake.byHand(3)
			s.after(retry)
			if fake.replicas() != 10 {
				t.Errorf("%s: the count that was found is not kept: %d", name, fake.replicas())
			}
			s.set(4) // the next decision wants it again
			if fake.replicas() != 4 {
				t.Errorf("%s: an order that is given again was not carried out: %d", name, fake.replicas())
			}
		})
	}
}

func TestWithoutAnAPIServerWhatWasSeenLastIsTold(t *testing.T) {
	for _, why := range []error{kubernetes.ErrUnreachable, kubernetes.ErrForbidden, kubernetes.ErrUnauthorized} {
		fake := newFakeCluster(3)
		tell(t, fake, nil, func(s *story) {
			before := s.status()
			fake.set(func() { fake.away = why; fake.pods = nil })
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
			fake.set(func() { fake.away = kubernetes.ErrNotFound })
			if _, err := s.target.Status(s.t.Context()); !errors.Is(err, kubernetes.ErrNotFound) || !strings.Contains(err.Error(), "name: there is no Deployment shop/web; correct name and namespace") {
				t.Errorf("an object that is gone: %v", err)
			}
		})
	}
}

func TestConflictsAreTriedAgain(t *testing.T) {
	fake := newFakeCluster(1)
	tell(t, fake, nil, func(s *story) {
		fake.set(func() { fake.conflicts = 7 })
		s.set(4)
		if fake.replicas() != 4 {
			t.Errorf("got %d", fake.replicas())
		}
		fake.set(func() { fake.conflicts = 1e6 })
		if err := s.target.SetReplicas(s.t.Context(), 5); !errors.Is(err, kubernetes.ErrConflict) {
			t.Errorf("somebody who never stops: %v", err)
		}
	})
}

// Pods of a rollout beside those of the count are seen, and the count is not
// theirs: the fault that users of the HPA report most.
func TestSurgeOfARolloutIsNoCount(t *testing.T) {
	fake := newFakeCluster(4)
	tell(t, fake, nil, func(s *story) {
		s.after(time.Minute)
		began := time.Now()
		fake.set(func() {
			fake.workload.Rollout, fake.workload.RolloutSays = kubernetes.RollingOut, "2 of 6 pods are of the new definition"
			for _, name := range []string{"web-new-1", "web-new-2"} {
				fake.extra = append(fake.extra, kubernetes.Pod{Name: name, CreatedAt: began, Revision: "r2"})
			}
		})
		s.after(time.Second)
		status := s.status()
		ready := 0
		for i := range status.Replicas {
			if status.Replicas[i].TakesWork() {
				ready++
			}
		}
		if status.SpecReplicas != 4 || len(status.Replicas) != 6 || ready != 4 {
			t.Errorf("got %d asked for, %d pods, %d ready; want 4, 6, 4", status.SpecReplicas, len(status.Replicas), ready)
		}
		if c := s.condition(scale.RolloutInProgress); !c.Since.Equal(began) || !strings.Contains(c.Message, "2 of 6") {
			t.Errorf("told %+v, want since %v", c, began)
		}
		fake.set(func() { fake.workload.Rollout = kubernetes.RolloutStuck })
		if c := s.condition(scale.RolloutPaused); !strings.Contains(c.Message, "kubectl rollout undo Deployment/web -n shop") {
			t.Errorf("told %+v", c)
		}
	})
}

func TestPodsWithoutANodeAreNoReasonForMore(t *testing.T) {
	fake := newFakeCluster(1)
	fake.fits = 4
	tell(t, fake, nil, func(s *story) {
		s.set(6)
		s.after(time.Second)
		c := s.condition(scale.CannotPlace)
		if c.Limit != 4 || c.Message != "2 pods of 6 without a node, 4 fit: 0/3 nodes are available: 3 Insufficient cpu" {
			t.Errorf("told %+v", c)
		}
		s.after(10 * time.Minute)
		if now := s.condition(scale.CannotPlace); !now.Since.Equal(c.Since) || fake.replicas() != 6 {
			t.Errorf("what waits stays asked for, so that a cluster that can grow does: %d, %+v", fake.replicas(), now)
		}
		fake.set(func() { fake.fits = 9 })
		if c := s.condition(scale.CannotPlace); c.Type != "" {
			t.Errorf("still told: %+v", c)
		}
		fake.set(func() {
			fake.shape = func(p *kubernetes.Pod) { p.Node, p.Unplaced, p.Phase = "", "", scale.Pending }
		})
		s.set(7)
		s.after(time.Minute)
		if c := s.condition(scale.CannotPlace); c.Limit != 0 || !strings.Contains(c.Message, "the scheduler does not say why") {
			t.Errorf("told %+v", c)
		}
	})
}

func TestQuotaThatIsUsedUpIsNoReasonForMore(t *testing.T) {
	fake := newFakeCluster(3)
	tell(t, fake, nil, func(s *story) {
		fake.set(func() {
			fake.workload.Refused = `pods "web-x" is forbidden: exceeded quota: small`
			fake.shape = func(p *kubernetes.Pod) {
				if p.Name > "web-003" {
					p.Phase = scale.Failed // in the fake: not there
				}
			}
		})
		s.set(5)
		c := s.condition(scale.CannotPlace)
		s.after(time.Minute)
		if now := s.condition(scale.CannotPlace); now.Limit != 3 || !strings.Contains(now.Message, "exceeded quota") || !now.Since.Equal(c.Since) {
			t.Errorf("told %+v, before %+v", now, c)
		}
	})
}

func TestPodsThatCrashAreALoopUntilTheyAreReady(t *testing.T) {
	fake := newFakeCluster(2)
	tell(t, fake, nil, func(s *story) {
		waits := true
		fake.set(func() {
			fake.shape = func(p *kubernetes.Pod) {
				if p.Name == "web-002" {
					p.Restarts, p.Readiness.Ready = 2, false
					if waits {
						p.Waiting = []kubernetes.Trouble{{Container: "web", Reason: "CrashLoopBackOff", Message: "it ended with code 1 (Error)"}}
					}
				}
			}
		})
		s.after(10 * time.Second)
		c := s.condition(scale.CrashLoop)
		if !strings.Contains(c.Message, "1 pod failing: container web: CrashLoopBackOff: it ended with code 1 (Error)") {
			t.Errorf("told %+v", c)
		}
		fake.set(func() { waits = false })
		s.after(30 * time.Second)
		if now := s.condition(scale.CrashLoop); !now.Since.Equal(c.Since) {
			t.Errorf("between two crashes it runs, and told is %+v", now)
		}
		fake.set(func() { fake.shape = nil })
		if c := s.condition(scale.CrashLoop); c.Type != "" {
			t.Errorf("all are ready, and told is %+v", c)
		}
	})
}

func TestWhyPodsCannotStartIsSaid(t *testing.T) {
	for kind, reason := range map[string]string{ImageMissing: "ImagePullBackOff", CannotStart: "CreateContainerConfigError"} {
		fake := newFakeCluster(2)
		tell(t, fake, nil, func(s *story) {
			fake.set(func() {
				fake.shape = func(p *kubernetes.Pod) {
					p.Phase, p.Readiness.Ready = scale.Pending, false
					p.Waiting = []kubernetes.Trouble{{Container: "web", Reason: reason, Message: "words of the kubelet"}}
				}
			})
			s.after(5 * time.Second)
			if c := s.condition(kind); !strings.Contains(c.Message, "2 pods") || !strings.Contains(c.Message, reason+": words of the kubelet") {
				t.Errorf("told %+v", c)
			}
			if c := s.condition(scale.CrashLoop); c.Type != "" {
				t.Errorf("at once: %+v", c)
			}
			s.after(time.Minute)
			if c := s.condition(scale.CrashLoop); c.Type == "" {
				t.Error("more of the same would fare no better, and nobody says so")
			}
			if c := s.condition(scale.NotReady); !strings.Contains(c.Message, "no pod is ready: web-001: container web: "+reason) {
				t.Errorf("told %+v", c)
			}
		})
	}
}

// A cluster that rests is asked for little, and one that moves is looked at when
// it says so.
func TestHowOftenItIsLooked(t *testing.T) {
	fake := newFakeCluster(2)
	tell(t, fake, nil, func(s *story) {
		s.after(10 * time.Second)
		before := fake.times()
		s.after(time.Minute)
		if n := fake.times() - before; n < 5 || n > 8 {
			t.Errorf("looked %d times in a minute of rest, want every 10 s", n)
		}
		before = fake.times()
		for range 100 { // a hundred pods that start within a second
			fake.set(func() {})
			s.after(10 * time.Millisecond)
		}
		if n := fake.times() - before; n < 5 || n > 30 {
			t.Errorf("looked %d times in a second with a hundred events, want about 20", n)
		}
	})
}

func TestEvictedPodsAreHistory(t *testing.T) {
	fake := newFakeCluster(2)
	tell(t, fake, nil, func(s *story) {
		fake.set(func() {
			fake.extra = []kubernetes.Pod{{Name: "web-evicted", CreatedAt: time.Now()}}
			fake.shape = func(p *kubernetes.Pod) {
				if p.Name == "web-evicted" {
					p.Phase = scale.Failed
				}
			}
		})
		if status := s.status(); len(status.Replicas) != 2 {
			t.Errorf("got %d replicas, want 2: %+v", len(status.Replicas), status.Replicas)
		}
	})
}
