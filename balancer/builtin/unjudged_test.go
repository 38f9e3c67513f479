package builtin

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// judged is the share of requests that were not good; NaN while it is not known.
func judged(m *meter, now time.Duration) float64 {
	share, known := m.read(at(now)).violationRatio()
	if !known {
		return math.NaN()
	}
	return share
}

func TestARequestThatHangsIsBadOnceItHasWaitedForTooLong(t *testing.T) {
	m := newMeter(10*time.Second, epoch())
	m.threshold = 500 * time.Millisecond
	if got := judged(m, 0); got != 0 {
		t.Errorf("without requests: got %v, want 0", got)
	}
	var hung, good unjudged
	m.expect(at(time.Second), &hung)
	if got := judged(m, 1400*time.Millisecond); !math.IsNaN(got) {
		t.Errorf("within the threshold: got %v, want no share: it may become good", got)
	}
	if got := judged(m, 1600*time.Millisecond); got != 1 {
		t.Errorf("after the threshold: got %v, want 1", got)
	}
	m.expect(at(2*time.Second), &good)
	m.end(at(2200*time.Millisecond), outcome{latency: 200 * time.Millisecond, waited: &good})
	m.end(at(5*time.Second), outcome{latency: 4 * time.Second, gaveUp: true, notGood: true, waited: &hung})
	if got := judged(m, 6*time.Second); got != 0.5 {
		t.Errorf("one of two, counted once: got %v, want 0.5", got)
	}
	if got := judged(m, 12900*time.Millisecond); got != 0 {
		t.Errorf("a window after it was judged: got %v, want the good one alone", got)
	}
}

func TestAClientThatGivesUpWithinTheThresholdIsInNoShare(t *testing.T) {
	m := newMeter(10*time.Second, epoch())
	m.threshold = 500 * time.Millisecond
	var one unjudged
	m.expect(at(time.Second), &one)
	m.end(at(1200*time.Millisecond), outcome{latency: 200 * time.Millisecond, gaveUp: true, waited: &one})
	if got := judged(m, 3*time.Second); !math.IsNaN(got) {
		t.Errorf("got %v, want no share of no request", got)
	}
}

func TestWithoutAThresholdARequestIsJudgedAsItEnds(t *testing.T) {
	m := newMeter(10*time.Second, epoch())
	var one unjudged
	m.expect(at(0), &one)
	if got := judged(m, 30*time.Second); !math.IsNaN(got) {
		t.Errorf("got %v, want no share while it may become good", got)
	}
	m.end(at(31*time.Second), outcome{latency: 31 * time.Second, waited: &one})
	if got := judged(m, 32*time.Second); got != 0 {
		t.Errorf("got %v, want 0", got)
	}
}

// A replica that never answers, and a client that waits for longer than the
// threshold and goes.
func TestRequestsToAReplicaThatHangsAreNotGood(t *testing.T) {
	r := start(t, func(c *Config) { c.Threshold = scale.Duration(30 * time.Millisecond) })
	arrived := make(chan struct{}, 1)
	r.backends(serve(t, func(_ http.ResponseWriter, q *http.Request) { arrived <- struct{}{}; <-q.Context().Done() }))
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	done := make(chan struct{})
	go func() {
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
		close(done)
	}()
	<-arrived
	hanging := func() bool { s := r.sample(scale.ViolationRatio, ""); return s != nil && s.Value == 1 }
	for deadline := time.Now().Add(10 * time.Second); !hanging(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a request hangs for longer than the threshold: want a violation ratio of 1")
		}
	}
	cancel()
	<-done
	r.idle()
	if !hanging() {
		t.Error("the client went after the threshold: want a violation ratio of 1")
	}
}
