package haproxy_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/scale"
)

// Kill -9, and a start without anybody to help: the state file names the
// servers, so the first request is answered.
func TestAKilledHAProxyStartsWithTheSameServers(t *testing.T) {
	p := start(t, 5, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.ReplicaAt(t, "127.0.0.2", "a", nil), balancertest.ReplicaAt(t, "127.0.0.3", "b", nil), balancertest.Replica(t, "c", nil)}))
	p.Must(plane.Drain(t.Context(), "c"))
	p.Kill()
	if _, err := plane.Backends(t.Context()); err == nil {
		t.Error("no error while HAProxy is away")
	}
	stopped := p.cfg
	p.cfg.Socket += "2" // the plane does not see it
	text, err := os.ReadFile(p.file)
	p.Must(err)
	p.Must(os.WriteFile(p.file, []byte(strings.ReplaceAll(string(text), stopped.Socket+" ", p.cfg.Socket+" ")), 0o600))
	p.begin()
	seen := map[string]int{}
	for range 40 {
		code, text := p.Get("/")
		seen[fmt.Sprint(code, " ", text)]++
	}
	if seen["200 a"] == 0 || seen["200 b"] == 0 || len(seen) != 2 {
		t.Errorf("got %v, want only answers of a and b", seen)
	}
}

// Without its state file HAProxy starts empty, and is told anew at the next
// look.
func TestWhatHAProxyForgotItIsToldAgain(t *testing.T) {
	p := start(t, 5, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil), balancertest.Replica(t, "b", nil)}))
	p.Get("/")
	p.Eventually("the request is counted", func() bool { return requests(t, plane) == 1 })
	p.Kill()
	p.Must(os.Remove(p.cfg.StateFile))
	p.begin()
	p.Eventually("both serve again", func() bool {
		_, one := p.Get("/")
		_, two := p.Get("/")
		return one != two && len(one) == 1 && len(two) == 1
	})
	p.Eventually("what was counted before is not forgotten", func() bool { return requests(t, plane) >= 3 })
	if _, err := os.Stat(p.cfg.StateFile); err != nil {
		t.Error("the state file was not written again:", err)
	}
}

func requests(t *testing.T, plane *haproxy.Plane) (n uint64) {
	all, err := plane.Backends(t.Context())
	if err != nil {
		return 0
	}
	for _, b := range all {
		n += b.Requests
	}
	return n
}

// A second controller knows its replicas by their addresses and moves none; it
// takes out what it does not know, once it knows what it wants.
func TestAnotherControllerTakesOver(t *testing.T) {
	p := start(t, 4, nil)
	a, b, c := balancertest.Replica(t, "a", nil), balancertest.Replica(t, "b", nil), balancertest.Replica(t, "c", nil)
	p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{a, b}))
	before, err := os.ReadFile(p.cfg.StateFile)
	p.Must(err)
	cfg := p.cfg
	cfg.StateFile += "2"
	second := p.planeWith(cfg)
	if got, err := second.Backends(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v, want none", got, err)
	}
	if code, _ := p.Get("/"); code != http.StatusOK {
		t.Errorf("a look took the servers out: %d", code)
	}
	p.Must(second.SetBackends(t.Context(), []balancer.Backend{b, c}))
	after, err := os.ReadFile(cfg.StateFile)
	p.Must(err)
	if one, two := slotOf(before, b.Address), slotOf(after, b.Address); one == "" || one != two {
		t.Errorf("b was in %q and is in %q, want it left where it was", one, two)
	}
}

func slotOf(states []byte, address string) string {
	_, port, _ := strings.Cut(address, ":")
	for line := range strings.Lines(string(states)) {
		if f := strings.Fields(line); len(f) > 18 && f[18] == port && f[6] != "5" && f[6] != "1" { // not in maintenance
			return f[3]
		}
	}
	return ""
}

func TestMoreReplicasThanSlotsIsSaid(t *testing.T) {
	p := start(t, 2, nil)
	plane := p.plane()
	a, b, c := balancertest.Replica(t, "a", nil), balancertest.Replica(t, "b", nil), balancertest.Replica(t, "c", nil)
	err := plane.SetBackends(t.Context(), []balancer.Backend{a, b, c})
	if err == nil || !strings.Contains(err.Error(), "1 of 3 backends have no server") {
		t.Errorf("got %v, want that one of three has no server", err)
	}
	if code, _ := p.Get("/"); code != http.StatusOK {
		t.Errorf("the two that have one do not serve: %d", code)
	}
	if all, err := plane.Backends(t.Context()); err != nil || len(all) != 3 || all[2].State == balancer.Active {
		t.Errorf("%v: %v, want three, the last without requests", err, all)
	}
	p.Must(plane.Drain(t.Context(), "a")) // or no slot would ever become free
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{b, c}))
	p.Eventually("c serves in the slot of a", func() bool { _, text := p.Get("/"); return text == "c" })
}

func TestAReplicaAtAnotherAddressIsAnotherBackend(t *testing.T) {
	p := start(t, 3, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	p.Must(plane.Drain(t.Context(), "a"))
	moved := balancertest.Replica(t, "moved", nil)
	moved.ID = "a"
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{moved}))
	if _, text := p.Get("/"); text != "moved" {
		t.Errorf("answered by %q, want the new address", text)
	}
}

func TestAReplicaThatDoesNotAnswerIsUnhealthy(t *testing.T) {
	p := start(t, 3, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{{ID: "gone", Address: "127.0.0.1:1"}, balancertest.Replica(t, "a", nil)}))
	p.Eventually("the check finds out", func() bool {
		all, err := plane.Backends(t.Context())
		p.Must(err)
		return all[0].State == balancer.Active && all[1].State == balancer.Unhealthy
	})
	if _, takes := plane.Load("gone"); takes {
		t.Error("it is said to take requests")
	}
}

// The p95 that HAProxy's counters give is that of the client within a bucket,
// and the share above the threshold agrees with what the client saw.
func TestTheHistogramAgreesWithTheClient(t *testing.T) {
	p := start(t, 3, func(c *haproxy.Config, _ *haproxy.Site) { c.MetricWindow = scale.Duration(30 * time.Second) })
	plane := p.plane()
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(7, 7))
	slow := balancertest.Replica(t, "slow", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		d := time.Duration(40 * math.Exp(0.6*random.NormFloat64()) * float64(time.Millisecond))
		mu.Unlock()
		time.Sleep(d)
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{slow}))
	began := time.Now()
	var took []float64
	var bad int
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 100 {
				from := time.Now()
				code, _ := p.Get([]string{"/", "/bad"}[min(1, (i+c)%20/19)])
				d := time.Since(from).Seconds()
				mu.Lock()
				took = append(took, d)
				if code != http.StatusOK || d > p.cfg.Threshold.Std().Seconds() {
					bad++
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	lasted := time.Since(began).Seconds()
	slices.Sort(took)
	p.Eventually("all are counted", func() bool { return requests(t, plane) == 800 })
	got := signals(t, plane)
	want := took[len(took)*95/100]
	t.Logf("p95 %.1f ms, the client's %.1f ms; not good %.3f, the client's %.3f; in progress %.2f, by Little %.2f", got[scale.Latency]*1e3, want*1e3,
		got[scale.ViolationRatio], float64(bad)/800, got[scale.Concurrency], 800*mean(took)/lasted)
	if ratio := got[scale.Latency] / want; ratio > 1.26 || ratio < 1/1.26 {
		t.Errorf("p95 %v s, want the client's %v s within a bucket (a third of an octave)", got[scale.Latency], want)
	}
	if diff := math.Abs(got[scale.ViolationRatio] - float64(bad)/800); diff > 0.03 {
		t.Errorf("share of requests that were not good: %v, the client saw %v", got[scale.ViolationRatio], float64(bad)/800)
	}
	if little := 800 * mean(took) / lasted; got[scale.Concurrency] < little/2 || got[scale.Concurrency] > little*1.5 {
		t.Errorf("in progress: %v, by Little's law %v", got[scale.Concurrency], little)
	}
}

func mean(all []float64) float64 {
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

func signals(t *testing.T, plane *haproxy.Plane) map[string]float64 {
	t.Helper()
	samples, err := plane.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, s := range samples {
		if s.Replica == "" {
			out[s.Signal] = s.Value
		}
	}
	return out
}

// HAProxy's own 503 is counted although no replica saw the request.
func TestARequestNobodyTookIsAFailure(t *testing.T) {
	p := start(t, 2, nil)
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), nil))
	if code, _ := p.Get("/"); code != http.StatusServiceUnavailable {
		t.Fatalf("answered %d, want 503", code)
	}
	p.Eventually("it is a failure, and not good", func() bool {
		s := signals(t, plane)
		return s[scale.ErrorRate] > 0 && s[scale.ViolationRatio] == 1 && s[scale.RequestRate] > 0
	})
}

// A configuration that was rendered for another threshold counts other
// buckets: then there is no latency, rather than a wrong one.
func TestWithoutItsHistogramThereIsNoLatency(t *testing.T) {
	p := start(t, 2, nil)
	p.cfg.Threshold *= 2
	plane := p.plane()
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	p.Get("/")
	p.Eventually("the request is counted", func() bool { return signals(t, plane)[scale.RequestRate] > 0 })
	got := signals(t, plane)
	_, latency := got[scale.Latency]
	_, violations := got[scale.ViolationRatio]
	if latency || violations {
		t.Errorf("got %v, want neither latency nor violations", got)
	}
}

// Half of 500 requests a second carry a body that can be sent only once, so a
// single reset connection is a lost request.
func TestNothingIsLostUnderLoad(t *testing.T) {
	p := start(t, 12, nil)
	plane := p.plane()
	all := []balancer.Backend{}
	for i := range 4 {
		all = append(all, balancertest.Replica(t, fmt.Sprint("r", i), balancertest.Echo))
	}
	p.Must(plane.SetBackends(t.Context(), all[:1]))
	p.NothingLost(func() { balancertest.Churn(t.Context(), t, plane, all, 300*time.Millisecond, 12) })
}

// A client that goes away is no failure of a replica, whether it leaves before
// the answer, within it, or within its own request.
func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	p := start(t, 2, nil)
	plane := p.plane()
	a := balancertest.Replica(t, "a", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, "whole")
	})
	p.Must(plane.SetBackends(t.Context(), []balancer.Backend{a}))
	leave := func(after time.Duration, request string) {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		p.Must(err)
		_, err = io.WriteString(c, request)
		p.Must(err)
		time.Sleep(after)
		p.Must(c.Close())
	}
	const get, post = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegun"
	leave(100*time.Millisecond, get)
	leave(450*time.Millisecond, get)
	leave(100*time.Millisecond, post)
	if code, _ := p.Get("/"); code != http.StatusOK {
		t.Errorf("the next client is answered %d", code)
	}
	var one []balancer.BackendStatus
	p.Eventually("all are counted, and have ended", func() bool {
		one, _ = plane.Backends(t.Context())
		return len(one) == 1 && one[0].Requests >= 2 && one[0].InFlight == 0
	})
	if got := signals(t, plane); got[scale.ErrorRate] != 0 || one[0].Failures != 0 {
		t.Errorf("%v failures a second, and %d of the replica; want none", got[scale.ErrorRate], one[0].Failures)
	}
}
