// Package targettest holds the promises of a target as tests, so that every
// kind of target keeps the same ones.
package targettest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Harness is how the suite makes targets of one kind.
type Harness struct {
	// New returns a target without replicas in a world of its own, which
	// asks traffic before it ends a replica. Its replicas become ready by
	// themselves. What outlives the test is New's to clean up.
	New func(t *testing.T, traffic target.Traffic) target.Target
	// Reopen returns the target that a controller finds which comes back
	// after its predecessor's Run has ended. Nil: nothing outlives a
	// controller.
	Reopen func(t *testing.T, predecessor target.Target) target.Target
	// ChoosesNone: whatever carries out the count chooses which replicas go,
	// and ends them without waiting for anybody. The promises about a victim
	// and its drain are then not tested: there is nobody to keep them.
	ChoosesNone bool
	// Patience is the longest wait for anything; 30 s where it is 0.
	Patience time.Duration
}

// Run tests the promises.
func Run(t *testing.T, h Harness) {
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	for _, test := range []struct {
		promise string
		check   func(*subject)
	}{
		{"starts empty", startsEmpty},
		{"the count asked for is seen at once", specIsSeenAtOnce},
		{"reaches the count", reachesTheCount},
		{"is idempotent", isIdempotent},
		{"refuses a negative count", refusesNegative},
		{"scales down to survivors", scalesDownToSurvivors},
		{"never uses an ID twice", neverUsesAnIDTwice},
		{"drains before it ends", drainsBeforeItEnds},
		{"stays while its balancer does not follow", staysWhileServed},
		{"the one with least work goes", leastWorkGoes},
		{"does not bring back what is draining", doesNotResurrect},
		{"tells of changes", tellsOfChanges},
		{"may be called from several goroutines", concurrentUse},
		{"stop ends every replica", stopEndsEverything},
		{"stop is by force once its context is done", stopByForce},
		{"replicas outlive the controller", outlivesTheController},
	} {
		t.Run(test.promise, func(t *testing.T) {
			s := &subject{T: t, h: h, traffic: &Traffic{}}
			s.target = h.New(t, s.traffic)
			s.run()
			test.check(s)
		})
	}
}

// subject is one target under test.
type subject struct {
	*testing.T
	h       Harness
	traffic *Traffic
	target  target.Target
	leave   func() // ends Run and waits for it
}

// run does what a controller does: it runs a target that wants to be run.
func (s *subject) run() {
	s.leave = func() {}
	if runner, ok := s.target.(target.Runner); ok {
		s.leave = run(s.T, runner)
	}
}

func (s *subject) set(n int) {
	s.Helper()
	if err := s.target.SetReplicas(s.Context(), n); err != nil {
		s.Fatalf("SetReplicas(%d): %v", n, err)
	}
}

func (s *subject) status() target.Status {
	s.Helper()
	status, err := s.target.Status(s.Context())
	if err != nil {
		s.Fatalf("Status: %v", err)
	}
	if !slices.IsSortedFunc(status.Replicas, func(a, b scale.Replica) int { return compare(a.ID, b.ID) }) {
		s.Errorf("replicas are not sorted by ID: %v", ids(status.Replicas))
	}
	return status
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// until waits for a status in which the condition holds.
func (s *subject) until(what string, holds func(target.Status) bool) target.Status {
	s.Helper()
	return until(s.T, s.h.Patience, what, s.status, holds)
}

func takingWork(status target.Status) []string {
	var able []string
	for i := range status.Replicas {
		if status.Replicas[i].TakesWork() {
			able = append(able, status.Replicas[i].ID)
		}
	}
	return able
}

func ids(replicas []scale.Replica) []string {
	all := make([]string, len(replicas))
	for i, r := range replicas {
		all[i] = r.ID
	}
	return all
}

func startsEmpty(s *subject) {
	status := s.status()
	if status.SpecReplicas != 0 || len(status.Replicas) != 0 || len(status.Conditions) != 0 {
		s.Errorf("a new target has %d replicas asked for, %v and %v", status.SpecReplicas, ids(status.Replicas), status.Conditions)
	}
	if status.At.IsZero() {
		s.Error("the status has no date")
	}
}

func specIsSeenAtOnce(s *subject) {
	for _, n := range []int{2, 1, 0} {
		s.set(n)
		if got := s.status().SpecReplicas; got != n {
			s.Errorf("after SetReplicas(%d) the status says %d", n, got)
		}
	}
}

func reachesTheCount(s *subject) {
	s.set(3)
	status := s.until("3 replicas take work", Ready(3))
	addresses := map[string]bool{}
	for _, r := range status.Replicas {
		if r.ID == "" || r.Address == "" || r.StartedAt.IsZero() || !r.DeletedAt.IsZero() {
			s.Errorf("replica lacks something: %+v", r)
		}
		if !r.Readiness.Known || r.Readiness.Since.Before(r.StartedAt) {
			s.Errorf("%s is ready since %v and was started at %v", r.ID, r.Readiness.Since, r.StartedAt)
		}
		addresses[r.Address] = true
	}
	if len(addresses) != 3 {
		s.Errorf("3 replicas share %d addresses", len(addresses))
	}
}

func isIdempotent(s *subject) {
	s.set(2)
	before := ids(s.until("2 replicas take work", Ready(2)).Replicas)
	for range 10 {
		s.set(2)
	}
	if after := ids(s.until("2 replicas take work", Ready(2)).Replicas); !slices.Equal(before, after) {
		s.Errorf("asking again for the same count changed %v to %v", before, after)
	}
}

func refusesNegative(s *subject) {
	s.set(1)
	if err := s.target.SetReplicas(s.Context(), -1); err == nil {
		s.Error("SetReplicas(-1) gave no error")
	}
	if got := s.status().SpecReplicas; got != 1 {
		s.Errorf("after the refusal %d replicas are asked for, want 1", got)
	}
}

func scalesDownToSurvivors(s *subject) {
	s.set(3)
	before := takingWork(s.until("3 replicas take work", Ready(3)))
	s.set(1)
	after := s.until("1 replica is left", func(status target.Status) bool {
		if len(takingWork(status)) < 1 {
			s.Errorf("no replica took work on the way from 3 to 1: %+v", status.Replicas)
		}
		return Ready(1)(status)
	})
	if !slices.Contains(before, after.Replicas[0].ID) {
		s.Errorf("%v survived, which was not among %v", ids(after.Replicas), before)
	}
}

func neverUsesAnIDTwice(s *subject) {
	s.set(2)
	before := ids(s.until("2 replicas take work", Ready(2)).Replicas)
	s.set(0)
	s.until("none is left", Ready(0))
	s.set(2)
	for _, id := range ids(s.until("2 replicas take work", Ready(2)).Replicas) {
		if slices.Contains(before, id) {
			s.Errorf("%s was used twice", id)
		}
	}
}

// chooses skips what only a target can promise that chooses who goes.
func (s *subject) chooses() {
	s.Helper()
	if s.h.ChoosesNone {
		s.Skip("this kind does not choose which replica goes, nor when")
	}
}

func drainsBeforeItEnds(s *subject) {
	s.chooses()
	s.set(2)
	s.until("2 replicas take work", Ready(2))
	s.traffic.Hold()
	s.set(0)
	s.until("both drains have begun", func(target.Status) bool { return len(s.traffic.Begun()) == 2 })
	status := s.status()
	for _, r := range status.Replicas {
		if r.DeletedAt.IsZero() || r.TakesWork() {
			s.Errorf("%s is drained but the status does not say that it goes: %+v", r.ID, r)
		}
	}
	if len(status.Replicas) != 2 {
		s.Errorf("ended before it was drained: only %v are left", ids(status.Replicas))
	}
	s.traffic.Release()
	s.until("none is left", Ready(0))
}

// staysWhileServed: a planned end waits until the balancer has left the replica,
// and somebody is told why.
func staysWhileServed(s *subject) {
	s.chooses()
	s.set(2)
	s.until("2 replicas take work", Ready(2))
	s.traffic.Cling(true)
	s.set(1)
	s.until("the condition says that the balancer is behind", func(status target.Status) bool {
		return slices.ContainsFunc(status.Conditions, func(c scale.Condition) bool {
			return c.Type == scale.BalancerBehind && strings.Contains(c.Message, ErrClings.Error())
		})
	})
	asked := len(s.traffic.Asked())
	status := s.until("it was asked again", func(target.Status) bool { return len(s.traffic.Asked()) > asked })
	if len(status.Replicas) != 2 || len(takingWork(status)) != 1 || len(s.traffic.Begun()) != 0 {
		s.Errorf("while the balancer is behind there are %v, of which %v take work; want 2, and 1 that does", ids(status.Replicas), takingWork(status))
	}
	s.traffic.Cling(false)
	if status := s.until("1 is left", Ready(1)); len(status.Conditions) != 0 {
		s.Errorf("once it follows: %v, want no conditions", status.Conditions)
	}
}

func leastWorkGoes(s *subject) {
	s.chooses()
	s.set(3)
	all := ids(s.until("3 replicas take work", Ready(3)).Replicas)
	for i, id := range all {
		s.traffic.SetLoad(id, []int{5, 2, 9}[i])
	}
	s.set(2)
	left := ids(s.until("2 are left", Ready(2)).Replicas)
	if want := []string{all[0], all[2]}; !slices.Equal(left, want) {
		s.Errorf("with 5, 2 and 9 requests in progress %v are left of %v, want %v", left, all, want)
	}
}

func doesNotResurrect(s *subject) {
	s.chooses()
	s.set(1)
	first := ids(s.until("1 replica takes work", Ready(1)).Replicas)
	s.traffic.Hold()
	s.set(0)
	s.until("the drain has begun", func(target.Status) bool { return len(s.traffic.Begun()) == 1 })
	s.set(1)
	s.until("another one takes work", func(status target.Status) bool {
		able := takingWork(status)
		return len(able) == 1 && !slices.Contains(first, able[0])
	})
	s.traffic.Release()
	s.until("only that one is left", Ready(1))
}

func tellsOfChanges(s *subject) {
	changes := s.target.Changes()
	if changes == nil {
		return // it cannot tell
	}
	s.set(1)
	deadline := time.After(s.h.Patience)
	for len(takingWork(s.status())) == 0 {
		select {
		case _, open := <-changes:
			if !open {
				s.Fatal("Changes was closed")
			}
		case <-deadline:
			s.Fatalf("no change was told in %v; status: %+v", s.h.Patience, s.status())
		}
	}
}

func concurrentUse(s *subject) {
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() {
			for n := range 5 {
				if err := s.target.SetReplicas(s.Context(), (n+i)%3); err != nil {
					s.Error(err)
				}
				if _, err := s.target.Status(s.Context()); err != nil {
					s.Error(err)
				}
			}
		})
	}
	callers.Wait()
	s.set(1)
	s.until("1 replica takes work", Ready(1))
}

func (s *subject) stopper() target.Stopper {
	stopper, ok := s.target.(target.Stopper)
	if !ok {
		s.Skip("the replicas of this kind do not end with the controller")
	}
	return stopper
}

func stopEndsEverything(s *subject) {
	stopper := s.stopper()
	s.set(2)
	s.until("2 replicas take work", Ready(2))
	ctx, cancel := context.WithTimeout(s.Context(), s.h.Patience)
	defer cancel()
	if err := stopper.Stop(ctx); err != nil {
		s.Errorf("Stop: %v", err)
	}
	if status := s.status(); len(status.Replicas) != 0 {
		s.Errorf("left after Stop: %+v", status.Replicas)
	}
	if got := len(s.traffic.Drained()); got != 2 {
		s.Errorf("Stop drained %d replicas, want 2", got)
	}
}

func stopByForce(s *subject) {
	stopper := s.stopper()
	s.set(2)
	s.until("2 replicas take work", Ready(2))
	s.traffic.Hold()
	defer s.traffic.Release()
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() { ended <- stopper.Stop(ctx) }()
	s.until("both drains have begun", func(target.Status) bool { return len(s.traffic.Begun()) == 2 })
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			s.Error("Stop cut requests off and did not say so")
		}
	case <-time.After(s.h.Patience):
		s.Fatalf("Stop did not return %v after its context was done", s.h.Patience)
	}
	if status := s.status(); len(status.Replicas) != 0 {
		s.Errorf("left after Stop: %+v", status.Replicas)
	}
}

func outlivesTheController(s *subject) {
	if s.h.Reopen == nil {
		s.Skip("nothing of this kind outlives a controller")
	}
	s.set(3)
	before := ids(s.until("3 replicas take work", Ready(3)).Replicas)
	s.leave()
	s.target = s.h.Reopen(s.T, s.target)
	s.run()
	status := s.until("3 replicas take work", Ready(3))
	if after := ids(status.Replicas); !slices.Equal(before, after) {
		s.Errorf("the next controller finds %v, want %v", after, before)
	}
	if status.SpecReplicas != 3 {
		s.Errorf("the next controller is asked for %d replicas, want 3", status.SpecReplicas)
	}
	s.set(1)
	after := s.until("1 is left", Ready(1))
	if !slices.Contains(before, after.Replicas[0].ID) {
		s.Errorf("%v survived, which was not among %v", ids(after.Replicas), before)
	}
}
