package traefik_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/scale"
)

// mortal is a replica that ends as one that was killed does: whatever is in
// progress is lost.
type mortal struct {
	balancer.Backend
	end func()
}

const chunks, chunkEvery = 25, 40 * time.Millisecond // a stream takes a second

func begin(t *testing.T, name string) mortal {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stream" {
			balancertest.Echo(w, r)
			return
		}
		for range chunks {
			_, _ = io.WriteString(w, ".")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(chunkEvery)
		}
	})}
	go func() { _ = server.Serve(l) }() // ends with the server
	t.Cleanup(func() { _ = server.Close() })
	return mortal{balancer.Backend{ID: name, Address: l.Addr().String()}, func() { _ = server.Close() }}
}

// Half of 500 requests a second carry a body that can be sent only once, and
// eight clients take streams of a second, while replicas come and are killed
// once they are drained.
func TestNothingIsLostUnderLoad(t *testing.T) {
	for name, way := range map[string]func(*traefik.Config, *traefik.Site){"over HTTP": overHTTP, "in a file": overFile} {
		t.Run(name, func(t *testing.T) {
			p := start(t, way)
			plane := p.plane()
			now := []mortal{begin(t, "r0-0")}
			p.Must(plane.SetBackends(t.Context(), backends(now)))
			ctx, cancel := context.WithCancel(t.Context())
			flooded, streamed := make(chan balancertest.Flooded), make(chan []string)
			go func() { flooded <- balancertest.Flood(ctx, p.URL, 500) }()
			go func() { streamed <- stream(ctx, p.URL+"/stream", 8) }()
			time.Sleep(1500 * time.Millisecond) // the first streams have ended
			for round := range 5 {
				old := now
				now = nil
				for i := range 1 + (round+1)%3 {
					now = append(now, begin(t, fmt.Sprintf("r%d-%d", round+1, i)))
				}
				p.Must(plane.SetBackends(t.Context(), backends(append(slices.Clone(old), now...))))
				drainAll(t, plane, old)
				p.Must(plane.SetBackends(t.Context(), backends(now)))
				for _, one := range old {
					one.end()
				}
			}
			cancel()
			got, broken := <-flooded, <-streamed
			t.Logf("%d requests, slowest %v", got.Sent, got.Slowest)
			if len(got.Lost) > 0 || got.Sent < 1000 {
				t.Errorf("lost %d of %d requests, for example %v", len(got.Lost), got.Sent, got.Lost[:min(3, len(got.Lost))])
			}
			if len(broken) > 0 {
				t.Errorf("%d streams were broken, for example %v", len(broken), broken[0])
			}
		})
	}
}

func backends(all []mortal) []balancer.Backend {
	out := make([]balancer.Backend, len(all))
	for i, one := range all {
		out[i] = one.Backend
	}
	return out
}

func drainAll(t *testing.T, plane balancer.Plane, all []mortal) {
	var draining sync.WaitGroup
	for _, one := range all {
		draining.Go(func() {
			if err := plane.Drain(t.Context(), one.ID); err != nil {
				t.Error(err)
			}
		})
	}
	draining.Wait()
}

// stream takes streams one after the other, and returns what was wrong.
func stream(ctx context.Context, url string, clients int) (broken []string) {
	var mu sync.Mutex
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for ctx.Err() == nil {
				if code, text := balancertest.Get(http.DefaultClient, url); code != http.StatusOK || text != strings.Repeat(".", chunks) {
					mu.Lock()
					broken = append(broken, fmt.Sprint(code, " ", text))
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	return broken
}

// The p95 of Traefik's histogram is that of the client within a bucket, the
// share above the threshold agrees with what the client saw, and so does the
// rate times the mean latency with what was in progress.
func TestTheMetricsAgreeWithTheClient(t *testing.T) {
	p := start(t, overFile, func(c *traefik.Config, _ *traefik.Site) { c.MetricWindow = scale.Duration(30 * time.Second) })
	plane := p.plane()
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(7, 7))
	var served, seen watched // Traefik is between the two, whatever else the machine does
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "slow", func(w http.ResponseWriter, r *http.Request) {
		from := time.Now()
		mu.Lock()
		d := time.Duration(40 * math.Exp(0.6*random.NormFloat64()) * float64(time.Millisecond))
		mu.Unlock()
		time.Sleep(d)
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		mu.Lock()
		served.add(time.Since(from), r.URL.Path == "/bad", p.cfg.Threshold)
		mu.Unlock()
	})}))
	signals(t, plane) // the beginning
	began := time.Now()
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 100 {
				from := time.Now()
				code, _ := p.Get([]string{"/", "/bad"}[min(1, (i+c)%20/19)])
				mu.Lock()
				seen.add(time.Since(from), code != http.StatusOK, p.cfg.Threshold)
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	lasted := time.Since(began).Seconds()
	got := signals(t, plane)
	const octave = 1.42 // half of one: the width of a bucket
	// Rates are over the time since the plane was made, which is a little longer.
	for _, tc := range []struct {
		signal    string
		low, high float64
	}{
		{scale.Latency, served.p95() / octave, seen.p95() * octave},
		{scale.ViolationRatio, served.bad/800 - 0.005, seen.bad/800 + 0.005},
		{scale.Concurrency, served.busy / lasted / 2, seen.busy / lasted * 1.3},
		{scale.RequestRate, 800 / lasted / 2, 800 / lasted * 1.3},
		{scale.ErrorRate, 40 / lasted / 2, 40 / lasted * 1.3},
	} {
		t.Logf("%s: %.4f, between %.4f and %.4f", tc.signal, got[tc.signal], tc.low, tc.high)
		if got[tc.signal] < tc.low || got[tc.signal] > tc.high {
			t.Errorf("%s is %v, want it between %v and %v", tc.signal, got[tc.signal], tc.low, tc.high)
		}
	}
	if got[traefik.OpenConnections] < 1 {
		t.Errorf("%v connections of clients, want those of this one", got[traefik.OpenConnections])
	}
}

// watched is what one side saw of the requests.
type watched struct {
	took      []float64
	bad, busy float64
}

func (w *watched) add(took time.Duration, failed bool, threshold scale.Duration) {
	w.took = append(w.took, took.Seconds())
	w.busy += took.Seconds()
	if failed || took > threshold.Std() {
		w.bad++
	}
}

func (w *watched) p95() float64 {
	slices.Sort(w.took)
	return w.took[len(w.took)*95/100]
}
