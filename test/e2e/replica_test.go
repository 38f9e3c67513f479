package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/traffictest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/process"
)

// Replicas are killed one after the other. What may be sent twice is answered
// all the same; of the rest only what was on its way to a replica that was
// killed may fail.
func TestKilledReplicaIsReplaced(t *testing.T) {
	p := newPlace(t)
	const (
		replicas = 4
		kills    = 8
	)
	s := p.serve("killed", fixed(replicas), replicas, func(spec *app.Spec) {
		// A replica that is killed soon after its start counts as a failed
		// start, and each of these doubles the wait.
		replicaOf(spec).Backoff = process.Backoff{Min: scale.Duration(50 * time.Millisecond), Max: scale.Duration(200 * time.Millisecond), ResetAfter: scale.Duration(time.Minute)}
	})
	reading := traffictest.Send(t, s.address(), traffictest.Only(traffictest.Gets), 40, 0)
	writing := traffictest.Send(t, s.address(), traffictest.Only(traffictest.Posts), 30, 0)
	underWay, slowest := int64(0), time.Duration(0)
	for range kills {
		<-clock.System.After(time.Second)
		n, took := s.killOne(p)
		underWay += n
		slowest = max(slowest, took)
		s.untilReady(replicas)
	}
	<-clock.System.After(time.Second)

	got := reading.End()
	if got.FailedRequests > 0 || len(got.Errors) > 0 || got.Requests == 0 {
		t.Errorf("GET: %d of %d failed, want none: %v", got.FailedRequests, got.Requests, got.Errors)
	}
	got = writing.End()
	// One more for each kill may have been given to the replica between the
	// count and the kill.
	if got.FailedRequests > underWay+kills || got.Requests == 0 {
		t.Errorf("POST: %d of %d failed, want at most the %d that were under way to the killed replicas: %v", got.FailedRequests, got.Requests, underWay, got.Errors)
	}
	t.Logf("%d kills: %d of the %d requests under way failed; the slowest replacement took %v", kills, got.FailedRequests, underWay, slowest)
	reading.AnswersAreRight()
	writing.AnswersAreRight()
	if n := len(p.replicas("killed")); n != replicas {
		t.Errorf("%d replicas in the end, want %d", n, replicas)
	}
}

// killOne kills the busiest replica and waits for another in its place. It
// returns how many requests the balancer had under way there and how long the
// replacement took.
func (s *service) killOne(p *place) (underWay int64, took time.Duration) {
	s.t.Helper()
	victim := slices.MaxFunc(s.active(), func(a, b balancer.BackendStatus) int { return a.InFlight - b.InFlight })
	pid := p.replicas(s.name)[victim.ID]
	if pid == 0 {
		s.t.Fatalf("replica %s has no process", victim.ID)
	}
	underWay = s.inFlight(victim.ID)
	start := clock.System.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	before := len(s.active())
	eventually(s.t, patience, "the killed replica was replaced", func() bool {
		active := s.active()
		return len(active) == before && !slices.ContainsFunc(active, func(b balancer.BackendStatus) bool { return b.ID == victim.ID })
	}, sprint(s.backends))
	return underWay, clock.System.Now().Sub(start)
}

// inFlight is how many requests the balancer has under way to a replica.
func (s *service) inFlight(id string) int64 {
	for _, b := range s.backends() {
		if b.ID == id {
			return int64(b.InFlight)
		}
	}
	return 0
}

// A replica that hangs is taken out by its health check: what may be sent
// twice goes elsewhere, and new requests do not see it any more. In the end it
// is replaced.
func TestHungReplicaIsTakenOutAndReplaced(t *testing.T) {
	p := newPlace(t)
	const (
		replicas = 3
		soon     = 12 * time.Second // until it is taken out: three checks that get no answer
	)
	s := p.serve("hung", fixed(replicas), replicas, func(spec *app.Spec) { replicaOf(spec).LivenessTimeout = scale.Duration(9 * time.Second) })
	during := traffictest.Send(t, s.address(), traffictest.Only(traffictest.Gets), 40, 10*time.Second)
	hung := s.active()[0]
	tell(t, hung.Address, "hang")
	start := clock.System.Now()
	eventually(t, soon, "no request waits for the hung replica", func() bool {
		return !slices.ContainsFunc(s.active(), func(b balancer.BackendStatus) bool { return b.ID == hung.ID }) && s.inFlight(hung.ID) == 0
	}, sprint(s.backends))
	out := clock.System.Now().Sub(start)
	if n := len(p.replicas("hung")); n != replicas {
		t.Errorf("%d processes, want %d: the hung one is given time", n, replicas)
	}

	after := traffictest.Send(t, s.address(), traffictest.Only(traffictest.Gets, traffictest.Posts), 50, 3*time.Second)
	over := after.Done()
	for waiting := true; waiting; {
		if n := s.inFlight(hung.ID); n > 0 {
			t.Fatalf("%d requests wait for the hung replica although it was taken out", n)
		}
		select {
		case <-over:
			waiting = false
		case <-clock.System.After(20 * time.Millisecond):
		}
	}
	after.Perfect()
	eventually(t, patience, "the hung replica is replaced", func() bool {
		pids := p.replicas("hung")
		return len(pids) == replicas && pids[hung.ID] == 0
	}, sprint(func() map[string]int { return p.replicas("hung") }))
	replaced := clock.System.Now().Sub(start)
	s.untilReady(replicas)

	got := during.Wait()
	if got.FailedRequests > 0 || len(got.Errors) > 0 || got.Latency.Max > (soon+2*time.Second).Seconds() || got.Latency.Max < 2 {
		t.Errorf("GET: %d of %d failed, slowest %.1f s, want none failed and the slowest as slow as it took to take the replica out: %v",
			got.FailedRequests, got.Requests, got.Latency.Max, got.Errors)
	}
	t.Logf("taken out after %v, replaced after %v; slowest request %.1f s", out, replaced, got.Latency.Max)
}

// tell changes what a replica does, on its own port.
func tell(t *testing.T, address, mode string) {
	t.Helper()
	response, err := http.Post(fmt.Sprintf("http://%s/fail?mode=%s", address, mode), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("tell the replica to %s: %s", mode, response.Status)
	}
}
