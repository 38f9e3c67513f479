package builtin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

// scripted starts a backend that answers each connection's requests with the
// given texts and then closes it.
func scripted(t *testing.T, answers ...string) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = &atomic.Int64{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for i, answer := range answers {
					if _, err := http.ReadRequest(in); err != nil {
						return // a health check
					}
					if i == 0 {
						connections.Add(1)
					}
					io.WriteString(conn, answer)
				}
			}()
		}
	}()
	return l.Addr().String(), connections
}

func (r *rig) only(address string) {
	r.t.Helper()
	if err := r.SetBackends(r.t.Context(), []balancer.Backend{{ID: "b0", Address: address}}); err != nil {
		r.t.Fatal(err)
	}
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// A backend closes its connection after each answer without saying so: the
// next request takes another one, and nothing counts as failed.
func TestKeptConnectionThatWasClosedIsNoFailure(t *testing.T) {
	r := start(t, nil)
	address, connections := scripted(t, okAnswer)
	r.only(address)
	for range 20 {
		if status, body := r.get("/"); status != 200 || body != "ok" {
			t.Fatalf("got %d %q, want 200 ok", status, body)
		}
	}
	r.idle()
	all, _ := r.Backends(t.Context())
	if all[0].Failures != 0 || all[0].Requests != 20 || connections.Load() != 20 {
		t.Errorf("got %+v over %d connections, want 20 good requests over 20", all[0], connections.Load())
	}
}

// A backend that sends what nobody asked for, here a body after the header
// for HEAD, must not answer the next client with it.
func TestUnaskedAnswerReachesNobody(t *testing.T) {
	t.Run("later", func(t *testing.T) { testUnaskedAnswer(t, 20*time.Millisecond) })
	t.Run("at once", func(t *testing.T) { testUnaskedAnswer(t, 0) })
}

func testUnaskedAnswer(t *testing.T, later time.Duration) {
	r := start(t, nil)
	sent := make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for request, err := http.ReadRequest(in); err == nil; request, err = http.ReadRequest(in) {
					if request.Method == "GET" {
						io.WriteString(conn, okAnswer)
						continue
					}
					head := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
					if later > 0 {
						io.WriteString(conn, head)
						time.Sleep(later) // the header is passed on alone
						io.WriteString(conn, head+"no")
					} else {
						io.WriteString(conn, head+head+"no")
					}
					close(sent)
				}
			}()
		}
	}()
	r.only(l.Addr().String())
	response, err := http.Head(r.url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	<-sent
	if status, body := r.get("/"); status != 200 || body != "ok" {
		t.Errorf("got %d %q, want 200 ok", status, body)
	}
}

// The same when it closes the connection just as the next request is sent.
func TestConnectionClosedUnderARequestIsNoFailure(t *testing.T) {
	r := start(t, nil)
	address, connections := scripted(t, okAnswer, "")
	r.only(address)
	for range 10 {
		if status, body := r.get("/"); status != 200 || body != "ok" {
			t.Fatalf("got %d %q, want 200 ok", status, body)
		}
	}
	r.idle()
	all, _ := r.Backends(t.Context())
	if all[0].Failures != 0 || all[0].Requests != 10 || connections.Load() != 10 {
		t.Errorf("got %+v over %d connections, want 10 good requests over 10", all[0], connections.Load())
	}
}

func TestConnectionsToABackendAreKept(t *testing.T) {
	r := start(t, nil)
	address, connections := scripted(t, okAnswer, okAnswer, okAnswer, okAnswer, okAnswer)
	r.only(address)
	for range 5 {
		r.get("/")
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("5 requests took %d connections, want 1", got)
	}
}

func TestUnusedConnectionsAreClosed(t *testing.T) {
	for _, tc := range []struct {
		when   string
		change func(*Config)
		then   func(*rig)
	}{
		{"after a while", func(c *Config) { c.BackendIdleTimeout = scale.Duration(50 * time.Millisecond) }, func(*rig) {}},
		{"when the backend is removed", nil, func(r *rig) { r.backends() }},
		{"when the backend is drained", nil, func(r *rig) { r.pool.beginDrain("b0") }},
	} {
		t.Run(tc.when, func(t *testing.T) {
			r := start(t, func(c *Config) {
				c.Health.Interval = scale.Duration(time.Hour) // no connection of its own
				if tc.change != nil {
					c.Health.Interval = scale.Duration(50 * time.Millisecond)
					tc.change(c)
				}
			})
			kept := &openConnections{idle: map[net.Conn]bool{}}
			backend := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			backend.Config.ConnState = kept.changed
			backend.Start()
			t.Cleanup(backend.Close)
			r.backends(backend)
			for _, method := range []string{"GET", "POST"} {
				r.send(method, "")
			}
			r.idle()
			if tc.change == nil && kept.none() {
				t.Error("no connection was kept")
			}
			tc.then(r)
			eventually(t, "no connection is open", kept.none)
		})
	}
}

// openConnections counts the connections of a server that wait for another
// request.
type openConnections struct {
	mu   sync.Mutex
	idle map[net.Conn]bool
}

func (o *openConnections) changed(conn net.Conn, s http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s == http.StateIdle {
		o.idle[conn] = true
	} else {
		delete(o.idle, conn)
	}
}

func (o *openConnections) none() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.idle) == 0
}

func TestAnswersOfEveryKind(t *testing.T) {
	for _, tc := range []struct{ name, method, answer, want string }{
		{"with a length", "GET", okAnswer, "200 2 ok"},
		{"in chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "200 -1 ok"},
		{"until the end of the connection", "GET", "HTTP/1.0 200 OK\r\n\r\nok", "200 -1 ok"},
		{"without a body", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 0 "},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n", "304 0 "},
		{"to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "200 7 "},
		{"to DELETE", "DELETE", okAnswer, "200 2 ok"},
		{"after interim ones", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + okAnswer, "200 2 ok"},
		{"with a header too long", "GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", answerHeaderLimit) + "\r\n\r\n", "502 41 the replica broke off before it answered\n"},
		{"that is none", "GET", "SSH-2.0-OpenSSH\r\n\r\n", "502 41 the replica broke off before it answered\n"},
		{"that switches unasked", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "502 41 the replica broke off before it answered\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, nil)
			address, _ := scripted(t, tc.answer)
			r.only(address)
			request, err := http.NewRequest(tc.method, r.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if got := fmt.Sprintf("%d %d %s", response.StatusCode, response.ContentLength, body); got != tc.want || err != nil {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}

func TestEarlyHintsArePassedOn(t *testing.T) {
	r := start(t, nil)
	address, _ := scripted(t, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nConnection: x-hop\r\nX-Hop: y\r\n\r\n"+okAnswer)
	r.only(address)
	var hints []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, h)
			return nil
		},
	})
	request, _ := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if len(hints) != 1 || hints[0].Get("Link") != "</style.css>" || hints[0].Get("X-Hop") != "" {
		t.Errorf("got hints %v, want the link alone", hints)
	}
	if response.Header.Get("Link") != "" {
		t.Errorf("the final answer has the header of the hint: %v", response.Header)
	}
}

// A client that goes away frees the backend at once.
func TestClientThatGoesAwayFreesTheBackend(t *testing.T) {
	r := start(t, nil)
	arrived, gone := make(chan struct{}), make(chan struct{})
	r.backends(serve(t, func(_ http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-q.Context().Done()
		close(gone)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	go func() {
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	<-arrived
	cancel()
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the backend still works for a client that is gone")
	}
}

// seen is what a backend or a client got.
type seen struct {
	Method, URI, Host, Proto string
	Header                   http.Header
	Status                   int
	Length                   int64
	Body                     string
	Trailer                  http.Header
}

// way is a backend and one way to it.
type way struct {
	front  string
	answer atomic.Pointer[answerPlan]
	got    chan seen
}

func newWay(t *testing.T, pass func(x *exchange, w http.ResponseWriter, r *http.Request)) *way {
	y := &way{got: make(chan seen, 1)}
	backend := serve(t, func(w http.ResponseWriter, q *http.Request) {
		y.got <- seen{Method: q.Method, URI: q.RequestURI, Host: q.Host, Proto: q.Proto, Header: q.Header}
		y.answer.Load().serve(w)
	})
	p, err := New(testConfig(), systemClock(), quietLogger())
	if err != nil {
		t.Fatal(err)
	}
	p.pool.set([]balancer.Backend{{ID: "a", Address: backend.Listener.Addr().String()}})
	t.Cleanup(func() { p.pool.set(nil) })
	y.front = serve(t, func(w http.ResponseWriter, r *http.Request) {
		x := p.newExchange(w, r)
		p.total.arrive(x.arrived)
		defer x.end()
		pass(x, w, r)
	}).Listener.Addr().String()
	return y
}

// send sends the request and returns what backend and client got.
func (y *way) send(t *rapid.T, request string, asked *http.Request, a answerPlan) (backend, client seen) {
	y.answer.Store(&a)
	conn, err := net.Dial("tcp", y.front)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request)
	response, err := http.ReadResponse(bufio.NewReader(conn), asked)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	response.Header.Del("Date")
	return <-y.got, seen{
		Status: response.StatusCode, Proto: response.Proto, Header: response.Header,
		Length: response.ContentLength, Body: string(body), Trailer: response.Trailer,
	}
}

// A wire and the reverse proxy of the standard library must be the same to
// client and backend, whatever is asked and answered. (One difference is
// meant: the wire keeps an empty User-Agent.)
func TestWireAndReverseProxyAgree(t *testing.T) {
	wire := newWay(t, (*exchange).serve)
	library := newWay(t, func(x *exchange, w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		x.serveReverse(w, r)
	})
	rapid.Check(t, func(t *rapid.T) {
		request, a := drawRequest(t), drawAnswer(t)
		asked, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			return // no valid request
		}
		gotBackend, gotClient := wire.send(t, request, asked, a)
		wantBackend, wantClient := library.send(t, request, asked, a)
		if diff := cmp.Diff(wantBackend, gotBackend); diff != "" {
			t.Errorf("%q at the backend (-reverse proxy +wire):\n%s", request, diff)
		}
		if diff := cmp.Diff(wantClient, gotClient); diff != "" {
			t.Errorf("%q answered with %+v at the client (-reverse proxy +wire):\n%s", request, a, diff)
		}
	})
}

func drawRequest(t *rapid.T) string {
	method := rapid.SampledFrom([]string{"GET", "HEAD", "DELETE", "OPTIONS", "PUT"}).Draw(t, "method")
	uri := rapid.SampledFrom([]string{"/", "/a%2Fb//c", "/a?x=1&y=%20", "/?a;b", "/%zz", "/ä", "//host/x", "/?q=%zz"}).Draw(t, "uri")
	header := rapid.SliceOfDistinct(rapid.SampledFrom([]string{
		"Accept: */*", "Accept-Encoding: gzip", "Connection: keep-alive", "Connection: X-Hop, close", "X-Hop: 1",
		"Te: trailers, deflate", "Te: gzip", "Keep-Alive: 5", "Proxy-Connection: x", "X-Forwarded-For: 6.6.6.6",
		"X-Forwarded-Proto: https", "Forwarded: for=6.6.6.6", "Cookie: a=b", "X-A: 1", "X-A: 2", "User-Agent: me",
		"Range: bytes=0-1", "Content-Length: 0", "Trailer: X", "Proxy-Authorization: x",
	}), rapid.ID).Draw(t, "header")
	return method + " " + uri + " HTTP/1.1\r\n" + strings.Join(append(header, "Host: shop.example:80"), "\r\n") + "\r\n\r\n"
}

// answerPlan is how a backend of the property answers.
type answerPlan struct {
	Status  int
	Header  []string
	Parts   int
	Flush   bool
	Trailer string // announced, sent, both or none
}

func drawAnswer(t *rapid.T) answerPlan {
	return answerPlan{
		Status: rapid.SampledFrom([]int{200, 204, 304, 404, 500, 302}).Draw(t, "status"),
		Header: rapid.SliceOfDistinct(rapid.SampledFrom([]string{
			"Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2", "Connection: X-Own", "X-Own: 1", "Keep-Alive: 3",
			"Content-Type: text/event-stream", "Content-Encoding: br", "X-Empty: ", "Connection: close",
		}), rapid.ID).Draw(t, "answer header"),
		Parts:   rapid.IntRange(0, 3).Draw(t, "parts"),
		Flush:   rapid.Bool().Draw(t, "flush"),
		Trailer: rapid.SampledFrom([]string{"", "announced", "sudden", "announced in vain"}).Draw(t, "trailer"),
	}
}

func (a answerPlan) serve(w http.ResponseWriter) {
	h := w.Header()
	for _, line := range a.Header {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	if strings.HasPrefix(a.Trailer, "announced") {
		h.Set("Trailer", "X-Sum")
	}
	w.WriteHeader(a.Status)
	for range a.Parts {
		io.WriteString(w, strings.Repeat("part ", 500))
		if a.Flush {
			w.(http.Flusher).Flush()
		}
	}
	switch a.Trailer {
	case "announced":
		h.Set("X-Sum", "1")
	case "sudden":
		h.Set(http.TrailerPrefix+"X-Sum", "1")
	}
}
