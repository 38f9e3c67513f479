package builtin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

// breaker is a backend that reads each request and closes the connection
// without an answer.
type breaker struct {
	address  string
	requests atomic.Int64
}

func newBreaker(t *testing.T, answer string) *breaker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{address: l.Addr().String()}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { b.handle(conn, answer) })
		}
	})
	t.Cleanup(func() { l.Close(); work.Wait() })
	return b
}

func (b *breaker) handle(conn net.Conn, answer string) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return // a health check
	}
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return
	}
	b.requests.Add(1)
	io.WriteString(conn, answer)
}

// between makes b0 the breaker and b1 a good server; the first request goes
// to b0.
func (r *rig) between(b *breaker, good string) {
	r.t.Helper()
	if err := r.SetBackends(r.t.Context(), []balancer.Backend{{ID: "b0", Address: b.address}, {ID: "b1", Address: good}}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) send(method, body string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatalf("%s: read the answer: %v", method, err)
	}
	return response.StatusCode, string(text)
}

func TestRetryAfterABrokenConnection(t *testing.T) {
	small, large := "a body", strings.Repeat("x", replayLimit+1)
	for _, tc := range []struct {
		rule, method, body string
		retried            bool
	}{
		{"GET is sent elsewhere", "GET", "", true},
		{"HEAD is sent elsewhere", "HEAD", "", true},
		{"DELETE is sent elsewhere", "DELETE", "", true},
		{"OPTIONS is sent elsewhere", "OPTIONS", "", true},
		{"PUT with a small body is sent elsewhere, whole", "PUT", small, true},
		{"PUT with a body too long to keep is not", "PUT", large, false},
		{"POST is not: it may have been carried out", "POST", small, false},
		{"PATCH is not", "PATCH", "", false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			r := start(t, nil)
			bad := newBreaker(t, "")
			var elsewhere atomic.Int64
			good := counting(t)
			count := good.Config.Handler
			good.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				elsewhere.Add(1)
				count.ServeHTTP(w, q)
			})
			r.between(bad, good.Listener.Addr().String())
			status, text := r.send(tc.method, tc.body)
			if sent := elsewhere.Load() > 0; sent != tc.retried {
				t.Errorf("sent elsewhere: %v, want %v", sent, tc.retried)
			}
			if bad.requests.Load() != 1 {
				t.Fatalf("the broken replica saw %d requests, want 1", bad.requests.Load())
			}
			want, wantText := 200, fmt.Sprint(len(tc.body))
			if !tc.retried {
				want, wantText = 502, "the replica broke off before it answered\n"
			}
			if tc.method == "HEAD" {
				wantText = ""
			}
			if status != want || text != wantText {
				t.Errorf("got %d %q, want %d %q", status, text, want, wantText)
			}
		})
	}
}

func TestNoRetryWithoutBudget(t *testing.T) {
	r := start(t, func(c *Config) { c.RetryBudget = 0 })
	r.between(newBreaker(t, ""), named(t, "good").Listener.Addr().String())
	if status, _ := r.get("/"); status != 502 {
		t.Errorf("got %d, want 502", status)
	}
}

func TestResentAtMostTwice(t *testing.T) {
	r := start(t, nil)
	var list []balancer.Backend
	var all []*breaker
	for i := range 6 {
		all = append(all, newBreaker(t, ""))
		list = append(list, balancer.Backend{ID: fmt.Sprint(i), Address: all[i].address})
	}
	if err := r.SetBackends(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if status, _ := r.get("/"); status != 502 {
		t.Errorf("got %d, want 502", status)
	}
	var sent int64
	for _, b := range all {
		sent += b.requests.Load()
	}
	if sent != 1+resendLimit {
		t.Errorf("the request was sent %d times, want %d", sent, 1+resendLimit)
	}
}

func TestNoRetryOnceAnswerBytesWereSent(t *testing.T) {
	r := start(t, nil)
	sent := strings.Repeat("x", 64<<10) // more than any buffer on the way
	half := "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + sent
	good := named(t, "good")
	r.between(newBreaker(t, half), good.Listener.Addr().String())
	response, err := http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil || !strings.HasPrefix(sent, string(body)) {
		t.Errorf("got %d bytes and error %v, want the broken answer to break off", len(body), err)
	}
	eventually(t, "the failure is counted", func() bool {
		all, _ := r.Backends(t.Context())
		return all[0].Failures == 1 && all[1].Requests == 0
	})
}

func TestRefusedConnectionIsRetriedWithAnyMethod(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PATCH"} {
		for _, size := range []int{0, 10, 1 << 20} {
			r := start(t, func(c *Config) { c.RetryBudget = 0 })
			closed, _ := closedAddress(t)
			if err := r.SetBackends(t.Context(), []balancer.Backend{
				{ID: "b0", Address: closed}, {ID: "b1", Address: counting(t).Listener.Addr().String()},
			}); err != nil {
				t.Fatal(err)
			}
			if status, text := r.send(method, strings.Repeat("x", size)); status != 200 || text != fmt.Sprint(size) {
				t.Errorf("%s of %d bytes: got %d %q, want 200 and all bytes", method, size, status, text)
			}
			if all, _ := r.Backends(t.Context()); all[0].State != balancer.Unhealthy {
				t.Errorf("%s: b0 is %s, want it out after a refused connection", method, all[0].State)
			}
		}
	}
}

func TestSlowAnswerIsATimeoutAndNotRetried(t *testing.T) {
	r := start(t, func(c *Config) { c.ResponseTimeout = scale.Duration(30 * time.Millisecond) })
	release := make(chan struct{})
	var requests atomic.Int64
	slow := serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1); <-release })
	defer close(release)
	r.backends(slow, slow)
	status, body := r.get("/")
	if status != 504 || body != "the replica did not answer in time\n" || requests.Load() != 1 {
		t.Errorf("got %d %q after %d requests, want 504 after one", status, body, requests.Load())
	}
}

// Broken connections in a row take a replica out, but never the last one.
func TestBreakingBackendIsTakenOutUnlessItIsTheLast(t *testing.T) {
	r := start(t, func(c *Config) { c.Health.Interval = scale.Duration(time.Hour) })
	bad := newBreaker(t, "")
	r.between(bad, named(t, "good").Listener.Addr().String())
	for range 2 * Default().Health.UnhealthyAfter {
		if status, _ := r.get("/"); status != 200 {
			t.Fatalf("got %d, want the retry to succeed", status)
		}
	}
	if all, _ := r.Backends(t.Context()); all[0].State != balancer.Unhealthy || all[1].State != balancer.Active {
		t.Errorf("got %v, want b0 out and b1 active", all)
	}
	if got := bad.requests.Load(); got != int64(Default().Health.UnhealthyAfter) {
		t.Errorf("the broken replica saw %d requests, want %d", got, Default().Health.UnhealthyAfter)
	}
	if err := r.SetBackends(t.Context(), []balancer.Backend{{ID: "only", Address: bad.address}}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.send("POST", "")
	}
	if all, _ := r.Backends(t.Context()); all[0].State != balancer.Active {
		t.Errorf("got %v, want the last replica kept", all)
	}
}
