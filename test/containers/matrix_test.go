//go:build linux

package containers

import (
	"flag"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// lasts is the time that each pair is under load; `make soak` makes it longer.
var lasts = flag.Duration("lasts", 15*time.Second, "time under load of each pair of target and balancer")

const (
	rps       = 500
	streamRPS = 10
	calm      = 5 * time.Second // under load before the first change
	every     = 3 * time.Second // between two changes of the count
	// bound is how much later than twice as late as undisturbed 99 in 100 requests
	// may be answered, on a machine that load, balancer, replicas and engine share.
	// In a short run a single start that the machine is slow at is 1 in 100.
	bound, shortBound = 250 * time.Millisecond, 2 * time.Second
	// slack is what a busy machine takes for a look.
	slack = 500 * time.Millisecond
)

// Scaled up and down every few seconds under GETs, POSTs with bodies and streams,
// no pair of target and balancer loses a request or sends one twice.
func TestEveryPairUnderLoad(t *testing.T) {
	testenv.Long(t)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for _, balancer := range slices.Sorted(maps.Keys(fronts)) {
			t.Run(kind+"/"+balancer, func(t *testing.T) { underLoad(t, assemble(t, kind, balancer)) })
		}
	}
}

func underLoad(t *testing.T, c *crew) {
	c.scale(2)
	undisturbed := send(t, c, calm).Perfect()
	requests := send(t, c, *lasts)
	streams := traffictest.Send(t, c.front.address, traffictest.Only(traffictest.Streams), streamRPS, *lasts)
	changes, latest := c.swing(requests.Done())
	got := requests.Perfect()
	streams.Perfect()
	milliseconds := func(seconds float64) float64 { return 1000 * seconds }
	t.Logf("%d requests, p50 %.0f ms, p99 %.0f ms, undisturbed %.0f ms; %d changes, backends at most %v after replicas", got.Requests,
		milliseconds(got.Latency.P50), milliseconds(got.Latency.P99), milliseconds(undisturbed.Latency.P99), changes, latest.Round(time.Millisecond))
	if more := got.Latency.P99 - 2*undisturbed.Latency.P99; more > allowed().Seconds() {
		t.Errorf("p99 is %.0f ms more than twice the undisturbed, want at most %v", milliseconds(more), allowed())
	}
	if latest > interval+slack {
		t.Errorf("backends were equal to the ready replicas only %v after these, want an interval, %v", latest, interval)
	}
	if said := c.log.about("cannot update the balancer", "cannot steer nginx", "cannot steer HAProxy"); len(said) > 0 {
		t.Errorf("complaints: %v", said)
	}
}

// allowed is the bound for a run as long as this one.
func allowed() time.Duration {
	if *lasts < time.Minute {
		return shortBound
	}
	return bound
}

func send(t *testing.T, c *crew, last time.Duration) *traffictest.Traffic {
	return traffictest.Send(t, c.front.address, traffictest.Only(traffictest.Gets, traffictest.Posts), rps, last)
}

// swing changes the count between two and most until done, and returns how often
// and how late backends were at most.
func (c *crew) swing(done <-chan struct{}) (changes int, latest time.Duration) {
	for n := most; ; n = most + 2 - n {
		latest = max(latest, c.scale(n))
		changes++
		select {
		case <-done:
			return changes, latest
		case <-time.After(every):
		}
	}
}
