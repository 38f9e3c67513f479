package load_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

// fire sends n requests to url, 20 ms apart.
func fire(t *testing.T, url string, n int, requests ...load.Request) load.Result {
	t.Helper()
	return fireSlowly(t, 20*time.Millisecond, url, n, requests...)
}

func fireSlowly(t *testing.T, apart time.Duration, url string, n int, requests ...load.Request) load.Result {
	t.Helper()
	got, err := load.Run(t.Context(), load.Options{
		URL:      url,
		Requests: requests,
		Shape:    workload.Constant{RPS: 1 / apart.Seconds(), For: time.Duration(n) * apart},
		Arrivals: workload.Uniform,
		Timeout:  10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests != int64(n) {
		t.Errorf("requests with an outcome: got %d, want %d", got.Requests, n)
	}
	return got
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		goleak.VerifyNone(t)
	})
	return server.URL
}

// serveRaw answers every connection by handing it to answer once something was
// sent over it.
func serveRaw(t *testing.T, answer func(conn *net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 4096)); err == nil {
					answer(conn.(*net.TCPConn))
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		conns.Wait()
		goleak.VerifyNone(t)
	})
	return "http://" + listener.Addr().String()
}

func TestErrorsAreToldByKind(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	write := func(text string) func(*net.TCPConn) {
		return func(conn *net.TCPConn) { _, _ = io.WriteString(conn, text) }
	}
	status := func(code int) func(t *testing.T) string {
		return func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		}
	}
	raw := func(answer func(*net.TCPConn)) func(t *testing.T) string {
		return func(t *testing.T) string { return serveRaw(t, answer) }
	}
	tests := []struct {
		name   string
		url    func(t *testing.T) string
		want   string
		failed int64
	}{
		{"nobody listens", func(*testing.T) string { return "http://" + closed.Addr().String() }, "refused", 5},
		{"reset before an answer", raw(func(c *net.TCPConn) { _ = c.SetLinger(0) }), "reset", 5},
		{"closed before an answer", raw(func(*net.TCPConn) {}), "reset", 5},
		{"closed within the length told", raw(write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.")), "body_broken_off", 5},
		{"closed before the last chunk", raw(write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")), "body_broken_off", 5},
		{"no HTTP", raw(write("220 smtp.example.org ESMTP\r\n")), "other", 5},
		{"unavailable", status(503), "http_503", 5},
		{"the client's mistake", status(404), "http_404", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fire(t, tt.url(t), 5)
			if got.Errors[tt.want] != 5 || len(got.Errors) != 1 || got.FailedRequests != tt.failed {
				t.Errorf("got errors %v, %d failed, want 5 of %q, %d failed", got.Errors, got.FailedRequests, tt.want, tt.failed)
			}
		})
	}
}

// HTTPS speaks HTTP/2 where it can; a certificate nobody vouches for is told.
func TestHTTPS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	if got := fire(t, server.URL, 5); got.Errors["tls"] != 5 || got.FailedRequests != 5 {
		t.Errorf("unknown certificate: got errors %v, want 5 of tls", got.Errors)
	}
	got, err := load.Run(t.Context(), load.Options{
		URL:       server.URL,
		Requests:  []load.Request{{WantEnd: []byte("HTTP/2.0")}},
		Shape:     workload.Constant{RPS: 50, For: 200 * time.Millisecond},
		Transport: server.Client().Transport,
	})
	if err != nil || got.FailedRequests != 0 || got.Requests == 0 {
		t.Errorf("HTTP/2: got %d of %d failed, errors %v, %v", got.FailedRequests, got.Requests, got.Errors, err)
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	if got := fire(t, url, 5); got.FailedRequests != 0 || len(got.Errors) != 0 {
		t.Errorf("got %d failed, errors %v, want none", got.FailedRequests, got.Errors)
	}
}

// A stream is over when its last byte was read, and is checked to its end.
func TestMixOfGetPostAndStream(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/get":
			fmt.Fprint(w, "0123456789")
		case "/post":
			body, _ := io.ReadAll(r.Body)
			if r.Method != http.MethodPost || string(body) != "ping" || r.Header.Get("X-Kind") != "post" {
				w.WriteHeader(http.StatusBadRequest)
			}
		case "/stream", "/cut":
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				<-time.After(20 * time.Millisecond)
			}
			if r.URL.Path == "/stream" {
				fmt.Fprint(w, "data: [DONE]\n\n")
			}
		}
	})
	end := []byte("data: [DONE]\n\n")
	got := fire(t, url, 60,
		load.Request{URL: "/get", WantBytes: 10},
		load.Request{URL: "/get", WantBytes: 11, Name: "too short"},
		load.Request{URL: "/post", Method: "POST", Body: []byte("ping"), Header: http.Header{"X-Kind": {"post"}}},
		load.Request{URL: "/stream", WantEnd: end},
		load.Request{URL: "/cut", WantEnd: end},
	)
	total := int64(0)
	for _, kind := range got.Mix {
		total += kind.Requests
		wantFailed, wantLatency := int64(0), 0.0
		switch kind.Name {
		case "too short", "GET /cut":
			wantFailed = kind.Requests
		case "GET /stream":
			wantLatency = 0.060
		}
		if kind.FailedRequests != wantFailed || kind.Errors["body_incomplete"] != wantFailed || len(kind.Errors) > 1 {
			t.Errorf("%s: got %d of %d failed, errors %v, want %d failed", kind.Name, kind.FailedRequests, kind.Requests, kind.Errors, wantFailed)
		}
		if kind.P50 < wantLatency {
			t.Errorf("%s: got p50 %v s, want at least %v", kind.Name, kind.P50, wantLatency)
		}
		if kind.Requests == 0 {
			t.Errorf("%s: none of 60 requests", kind.Name)
		}
	}
	if total != 60 || len(got.Mix) != 5 {
		t.Errorf("got %d kinds with %d requests, want 5 with 60", len(got.Mix), total)
	}
}

func TestFirstByteOfAStreamComesBeforeItsEnd(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, part := range []string{"first", "last"} {
			fmt.Fprint(w, part)
			w.(http.Flusher).Flush()
			<-time.After(100 * time.Millisecond)
		}
	})
	got := fire(t, url, 5)
	if between := got.Latency.Mean - got.FirstByte.Mean; between < 0.200 {
		t.Errorf("between the first byte and the end: got %v s, want at least 0.2", between)
	}
}

// An error status is told as such, even when the body is not what a success
// would have.
func TestAnErrorStatusIsNotAnIncompleteBody(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	got := fire(t, url, 5, load.Request{WantBytes: 100})
	if got.Errors["http_503"] != 5 || len(got.Errors) != 1 {
		t.Errorf("got errors %v, want 5 of http_503", got.Errors)
	}
}

// The server answers one request on each connection and hangs up on the
// second: the HTTP client then sends a GET again by itself, which is told.
func TestRequestsSentAgainAreCounted(t *testing.T) {
	url := serveRaw(t, func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		_, _ = conn.Read(make([]byte, 4096))
	})
	got := fireSlowly(t, 200*time.Millisecond, url, 6)
	// All but the first, unless the machine is so slow that requests overlap.
	if got.FailedRequests != 0 || got.ResentRequests < 2 || got.ResentRequests > 5 {
		t.Errorf("got %d failed, %d sent again, want 0 and 2 to 5", got.FailedRequests, got.ResentRequests)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	fireSlowly(t, 100*time.Millisecond, server.URL, 20)
	if n := opened.Load(); n > 10 {
		t.Errorf("20 requests in a row opened %d connections, want most of them kept", n)
	}
}

// A real server that stands still for a second shows it in the p99.
func TestAStallOfARealServerShows(t *testing.T) {
	var first sync.Once
	var stall sync.RWMutex
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		first.Do(func() {
			stall.Lock()
			time.AfterFunc(time.Second, stall.Unlock)
		})
		stall.RLock()
		defer stall.RUnlock()
	})
	got, err := load.Run(t.Context(), load.Options{URL: url, Shape: workload.Constant{RPS: 100, For: 3 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Latency.P99 < 0.8 || got.FailedRequests > 0 {
		t.Errorf("got p99 %v s, %d failed, want about 1 s and 0", got.Latency.P99, got.FailedRequests)
	}
	// A third of the requests was due within that second.
	if got.Latency.P90 < 0.4 {
		t.Errorf("got p90 %v s, want about 0.7 s", got.Latency.P90)
	}
}

func TestCancelCutsOffARealRequest(t *testing.T) {
	arrived := make(chan struct{})
	var once sync.Once
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(arrived) })
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	got, err := load.Run(ctx, load.Options{URL: url, Shape: workload.Constant{RPS: 50}})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Interrupted || got.AbandonedRequests == 0 || got.FailedRequests != 0 || got.DurationSeconds > 10 {
		t.Errorf("got interrupted %v, %d cut off, %d failed after %v s, want true, some, 0, soon",
			got.Interrupted, got.AbandonedRequests, got.FailedRequests, got.DurationSeconds)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := load.Options{URL: "http://127.0.0.1:1/", Shape: workload.Constant{RPS: 1, For: time.Second}}
	if err := good.Validate(); err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	tests := []struct {
		change func(*load.Options)
		want   string
	}{
		{func(o *load.Options) { o.URL = "" }, `url "": must be http://`},
		{func(o *load.Options) { o.URL = "http://a b/" }, `must be http://`},
		{func(o *load.Options) { o.Shape = nil }, "shape: must be given"},
		{func(o *load.Options) { o.Arrivals = "now" }, "must be one of poisson, uniform"},
		{func(o *load.Options) { o.Timeout = -1 }, "timeout: must be above 0"},
		{func(o *load.Options) { o.Threshold = -1 }, "threshold: must be 0 (none) or more"},
		{func(o *load.Options) { o.MaxInFlight = -1 }, "max in flight: must be above 0"},
		{func(o *load.Options) { o.Requests = []load.Request{{}, {Weight: -1}} }, "request 2: weight: must be 0 to 1e9"},
		{func(o *load.Options) { o.Requests = []load.Request{{Method: "A B"}} }, `request 1: method "A B"`},
		{func(o *load.Options) { o.Requests = []load.Request{{URL: "%zz"}} }, `request 1: url "%zz"`},
	}
	for _, tt := range tests {
		o := good
		tt.change(&o)
		_, err := load.Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got error %v, want one with %q", err, tt.want)
		}
	}
}

func TestReach(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	if err := load.Reach(t.Context(), url); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := load.Reach(t.Context(), "http://"+listener.Addr().String()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want refused", err)
	}
}
