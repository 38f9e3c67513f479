package builtin

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

// count returns how many requests a rate stands for.
func (r *rig) count(signal, replica string) float64 {
	r.t.Helper()
	s := r.sample(signal, replica)
	if s == nil {
		r.t.Fatalf("no sample %s of %q", signal, replica)
	}
	return s.Value * s.Window.Seconds()
}

func TestWithoutRequestsRatesAreZeroAndLatencyIsLeftOut(t *testing.T) {
	r := start(t, nil)
	r.backends(named(t, "a"))
	all, err := r.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, s := range all {
		got[s.Replica+"/"+s.Signal] = s.Value
	}
	want := map[string]float64{
		"/requestRate": 0, "/errorRate": 0, "/concurrency": 0, "/queueDepth": 0, "/violationRatio": 0,
		"b0/requestRate": 0, "b0/errorRate": 0, "b0/concurrency": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestCollectCountsWhatHappened(t *testing.T) {
	r := start(t, func(c *Config) { c.Threshold = scale.Duration(20 * time.Millisecond) })
	r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusInternalServerError)
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/slow":
			time.Sleep(40 * time.Millisecond)
		}
	}))
	for _, path := range []string{"/", "/fail", "/missing", "/slow"} {
		r.get(path)
	}
	r.idle()
	for _, replica := range []string{"", "b0"} {
		for signal, want := range map[string]float64{scale.RequestRate: 4, scale.ErrorRate: 1} {
			if got := r.count(signal, replica); got < want-1e-6 || got > want+1e-6 {
				t.Errorf("%s of %q: got %v requests, want %v", signal, replica, got, want)
			}
		}
		latency := r.sample(scale.Latency, replica)
		if latency == nil || latency.Distribution.Count() != 4 || latency.Value < 0.035 {
			t.Errorf("latency of %q: got %+v, want 4 durations, the p95 above 35 ms", replica, latency)
		}
	}
	// The slow one and the 500 are not good. A loaded machine may make the
	// other two slow as well.
	if got := r.signal(scale.ViolationRatio, ""); got < 0.5 {
		t.Errorf("violation ratio %v, want at least 0.5", got)
	}
}

func TestLatencyCountsFromArrivalHoldingIncluded(t *testing.T) {
	r := start(t, nil)
	done := make(chan struct{})
	go func() { r.get("/"); close(done) }()
	r.holding(1)
	if got := r.signal(scale.QueueDepth, ""); got != 1 {
		t.Errorf("queue depth %v, want 1", got)
	}
	time.Sleep(50 * time.Millisecond)
	r.backends(named(t, "a"))
	<-done
	r.idle()
	if whole := r.sample(scale.Latency, ""); whole == nil || whole.Distribution.Mean() < 0.05 {
		t.Errorf("got %+v, want at least the 50 ms of holding", whole)
	}
	if own := r.sample(scale.Latency, "b0"); own == nil || own.Distribution.Mean() > r.sample(scale.Latency, "").Distribution.Mean()-0.04 {
		t.Errorf("got %+v, want the replica's own time without the holding", own)
	}
	if got := r.signal(scale.Concurrency, ""); got <= 0 {
		t.Errorf("concurrency %v, want the held request in it", got)
	}
}

func TestRefusalsAreErrorsAndNotGood(t *testing.T) {
	r := start(t, func(c *Config) { c.HoldLimit = 0 })
	for range 3 {
		if status, _ := r.get("/"); status != 503 {
			t.Errorf("got %d, want 503", status)
		}
	}
	r.idle()
	if got := r.count(scale.ErrorRate, ""); got < 2.9 || got > 3.1 {
		t.Errorf("got %v errors, want 3", got)
	}
	if got := r.signal(scale.ViolationRatio, ""); got != 1 {
		t.Errorf("violation ratio %v, want 1", got)
	}
	if s := r.sample(scale.Latency, ""); s != nil {
		t.Errorf("got latency %+v, want none: nothing was served", s)
	}
}

func TestClientThatGivesUpIsNoFailure(t *testing.T) {
	r := start(t, nil)
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
	cancel()
	<-done
	r.idle()
	if got := r.signal(scale.ErrorRate, ""); got != 0 {
		t.Errorf("error rate %v, want 0", got)
	}
	if all, _ := r.Backends(t.Context()); all[0].Failures != 0 || all[0].State != balancer.Active {
		t.Errorf("got %+v, want no failure", all[0])
	}
}

// The same while the answer is on its way, over either path.
func TestClientThatGivesUpWhileReadingIsNoFailure(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		r := start(t, nil)
		r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) {
			fmt.Fprintln(w, "beginning")
			w.(http.Flusher).Flush()
			<-q.Context().Done()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		request, _ := http.NewRequestWithContext(ctx, method, r.url, nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		response.Body.Close()
		r.idle()
		if got := r.signal(scale.ErrorRate, ""); got != 0 {
			t.Errorf("%s: error rate %v, want 0", method, got)
		}
		if all, _ := r.Backends(t.Context()); all[0].Failures != 0 {
			t.Errorf("%s: got %+v, want no failure", method, all[0])
		}
	}
}

// Streams without end must not look like slow requests.
func TestEventStreamAndWebSocketCountToTheirBeginning(t *testing.T) {
	r := start(t, nil)
	next := make(chan struct{})
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-next
	}))
	response, err := http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	latency := r.sample(scale.Latency, "")
	if latency == nil || latency.Distribution.Count() != 1 {
		t.Errorf("got %+v, want the stream counted when it begins", latency)
	}
	if n, _ := r.Load("b0"); n != 1 {
		t.Errorf("got %d in progress, want the stream", n)
	}
	close(next)
	response.Body.Close()
	r.idle()

	r.backends(echo(t))
	say(t, r.websocket(), "hello")
	if latency := r.sample(scale.Latency, ""); latency == nil || latency.Distribution.Count() != 2 {
		t.Errorf("got %+v, want the WebSocket counted when it begins", latency)
	}
}

func TestCollectEndsWithItsContext(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if samples, err := r.Collect(ctx); err == nil || samples != nil {
		t.Errorf("got %d samples and error %v, want only an error", len(samples), err)
	}
}
