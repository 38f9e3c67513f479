package builtin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

// holding waits until n requests are held.
func (r *rig) holding(n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d requests are held", n), func() bool { return r.pool.heldNow() == n })
}

// With as many idle backends as requests, least connections hands them out in
// order: the request that waited longest gets the first.
func TestHeldRequestsGoInOrder(t *testing.T) {
	p := newPool(&leastConnections{}, func(b balancer.Backend) *backend { return &backend{Backend: b} })
	const n = 20
	var work sync.WaitGroup
	var list []balancer.Backend
	got := make([]string, n)
	for i := range n {
		list = append(list, balancer.Backend{ID: fmt.Sprintf("%02d", i)})
		work.Go(func() {
			b, err := p.hold(t.Context(), n, nil)
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = b.ID
		})
		eventually(t, "queued", func() bool { return p.heldNow() == i+1 })
	}
	p.set(list)
	work.Wait()
	for i, id := range got {
		if id != list[i].ID {
			t.Errorf("request %d got backend %s, want %s", i, id, list[i].ID)
		}
	}
}

func TestHoldQueueIsBounded(t *testing.T) {
	r := start(t, func(c *Config) { c.HoldLimit = 2 })
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() { r.get("/") })
	}
	r.holding(2)
	response, err := http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	want := errFull.Error() + "\n"
	if response.StatusCode != 503 || string(body) != want || response.Header.Get("Retry-After") != "1" {
		t.Errorf("got %d %q Retry-After %q, want 503 %q 1", response.StatusCode, body, response.Header.Get("Retry-After"), want)
	}
	r.backends(named(t, "a"))
	work.Wait()
}

func TestHeldRequestExpires(t *testing.T) {
	r := start(t, func(c *Config) { c.HoldTimeout = scale.Duration(30 * time.Millisecond) })
	status, body := r.get("/")
	if want := errExpired.Error() + "\n"; status != 503 || body != want {
		t.Errorf("got %d %q, want 503 %q", status, body, want)
	}
	r.holding(0)
}

func TestClientThatGoesAwayIsNoLongerHeld(t *testing.T) {
	for _, tc := range []struct{ method, body string }{{"GET", ""}, {"POST", "a small body"}, {"PUT", strings.Repeat("x", replayLimit)}} {
		t.Run(tc.method, func(t *testing.T) {
			r := start(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			request, err := http.NewRequestWithContext(ctx, tc.method, r.url, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := http.DefaultClient.Do(request)
				done <- err
			}()
			r.holding(1)
			cancel()
			<-done
			r.holding(0)
			if got := r.signal(scale.ErrorRate, ""); got != 0 {
				t.Errorf("error rate %v, want 0: nobody failed but the client", got)
			}
		})
	}
}

func TestHeldBodyArrivesWhole(t *testing.T) {
	for _, size := range []int{10, replayLimit, replayLimit + 1, 1 << 20} {
		r := start(t, nil)
		got := make(chan string, 1)
		go func() {
			response, err := http.Post(r.url, "text/plain", strings.NewReader(strings.Repeat("x", size)))
			if err != nil {
				got <- err.Error()
				return
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			got <- string(body)
		}()
		r.holding(1)
		r.backends(counting(t))
		if diff := cmp.Diff(fmt.Sprint(size), <-got); diff != "" {
			t.Errorf("bytes at the backend (-want +got):\n%s", diff)
		}
	}
}

// A request that meets a replica which refuses is held when no other is
// there, and goes through when the replica comes back.
func TestRefusedByTheOnlyBackendIsHeld(t *testing.T) {
	r := start(t, nil)
	address, free := closedAddress(t)
	if err := r.SetBackends(t.Context(), []balancer.Backend{{ID: "a", Address: address}}); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		response, err := http.Post(r.url, "text/plain", strings.NewReader("hello"))
		if err != nil {
			got <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		got <- response.Status + " " + string(body)
	}()
	r.holding(1)
	free()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		line, _ := bufio.NewReader(q.Body).ReadString('\n')
		fmt.Fprint(w, line)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	if text := <-got; text != "200 OK hello" {
		t.Errorf("got %q, want 200 OK hello", text)
	}
}

// No replica will come any more for what is held when the proxy ends.
func TestEndRefusesWhatIsHeld(t *testing.T) {
	r := start(t, func(c *Config) { c.DrainTimeout = scale.Duration(time.Hour) })
	answer := make(chan string, 1)
	go func() {
		status, body := r.get("/")
		answer <- fmt.Sprint(status, " ", body)
	}()
	r.holding(1)
	r.stop()
	if got, want := <-answer, fmt.Sprint("503 ", errClosing, "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := r.pool.hold(t.Context(), 1, nil); !errors.Is(err, errClosing) {
		t.Errorf("held after the end: got %v, want %v", err, errClosing)
	}
}
