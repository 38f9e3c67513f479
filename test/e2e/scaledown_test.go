package e2e

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// Two services get the same load at the same time, so that whatever else the
// machine does slows down both: one stays at three replicas, the other goes to
// four and back all the time. The replicas cut off at once what is in progress
// when they are asked to end: nothing but the draining protects it.
func TestScalingDownLosesNothing(t *testing.T) {
	p := newPlace(t)
	const (
		replicas  = 3
		rps       = 60 // 40 % of what three replicas can carry
		streamRPS = 6  // 9 %
		lasts     = 40 * time.Second
		atLeast   = 50
	)
	graceless := func(spec *app.Spec) {
		replicaOf(spec).Command = append(replicaOf(spec).Command, "--shutdown-timeout", "1ms")
	}
	still := p.serve("still", fixed(replicas), replicas, graceless)
	swinging := p.serve("swinging", swing(replicas), replicas, graceless)
	var requests, streaming []*traffictest.Traffic
	for _, s := range []*service{still, swinging} {
		requests = append(requests, traffictest.Send(t, s.address(), traffictest.Only(traffictest.Gets, traffictest.Posts), rps, lasts))
		streaming = append(streaming, traffictest.Send(t, s.address(), traffictest.Only(traffictest.Streams), streamRPS, lasts))
	}
	want, got := requests[0].Perfect(), requests[1].Perfect()
	for _, s := range streaming {
		s.Perfect()
	}
	downs := swinging.downs.Load()
	t.Logf("scaled down %d times; %d requests, p99 %.0f ms, undisturbed %.0f ms", downs, got.Requests, 1000*got.Latency.P99, 1000*want.Latency.P99)
	if downs < atLeast {
		t.Errorf("scaled down %d times, want at least %d", downs, atLeast)
	}
	if got.Latency.P99 > want.Latency.P99+serviceMean.Seconds() {
		t.Errorf("p99 %.0f ms, want at most the undisturbed %.0f ms and one service time of %v", 1000*got.Latency.P99, 1000*want.Latency.P99, serviceMean)
	}
}
