package builtin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
)

func impatient(c *Config) {
	c.ReadHeaderTimeout = scale.Duration(100 * time.Millisecond)
	c.BodyStallTimeout = scale.Duration(100 * time.Millisecond)
}

// endless starts a backend that sends without end.
func (r *rig) endless() {
	chunk := make([]byte, 64<<10)
	r.backends(serve(r.t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
}

func (r *rig) idle() {
	r.t.Helper()
	eventually(r.t, "nothing is in progress", func() bool { return r.total.current() == 0 })
}

func TestHeaderThatNeverEndsIsCutOff(t *testing.T) {
	r := start(t, impatient)
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("got %v, want the connection closed", err)
	}
}

func TestStalledUploadIsCutOff(t *testing.T) {
	r := start(t, impatient)
	r.backends(counting(t))
	conn := r.dial()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusRequestTimeout || string(body) != errStalled.Error()+"\n" {
		t.Errorf("got %d %q, want 408", response.StatusCode, body)
	}
	r.idle()
	if all, _ := r.Backends(t.Context()); all[0].Failures != 0 {
		t.Errorf("got %d failures of the backend, want 0: the client failed", all[0].Failures)
	}
	if got := r.signal(scale.ErrorRate, ""); got != 0 {
		t.Errorf("error rate %v, want 0", got)
	}
}

// A backend may answer before it has the body; the client that then stops
// sending must not keep its connection.
func TestStalledUploadAfterTheAnswerIsCutOff(t *testing.T) {
	r := start(t, impatient)
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // answers without reading on
		w.WriteHeader(http.StatusForbidden)
	}))
	conn := r.dial()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 403") {
		t.Errorf("got %q (%v), want 403 and the connection closed", answer, err)
	}
	r.idle()
}

func TestMalformedBodyIsRefused(t *testing.T) {
	r := start(t, nil)
	r.backends(counting(t))
	conn := r.dial()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusBadRequest || string(body) != errBadBody.Error()+"\n" || !response.Close {
		t.Errorf("got %d %q, close %v, want 400 and the connection closed", response.StatusCode, body, response.Close)
	}
	r.idle()
	if got := r.signal(scale.ErrorRate, ""); got != 0 {
		t.Errorf("error rate %v, want 0: the client failed", got)
	}
}

// A client that half-closes its connection is gone as far as the server can
// tell; it must not get an answer that no backend gave.
func TestClientThatIsGoneGetsNoAnswer(t *testing.T) {
	r := start(t, nil)
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	r.holding(1)
	conn.(*net.TCPConn).CloseWrite()
	if answer, _ := io.ReadAll(conn); len(answer) != 0 {
		t.Errorf("got %q, want nothing", answer)
	}
	r.holding(0)
}

// What follows a body that broke off must never be taken for a request.
func TestRestOfABrokenBodyIsNoRequest(t *testing.T) {
	for name, head := range map[string]string{
		"stalled":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"malformed": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"answered":  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, impatient)
			var smuggled atomic.Bool
			r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) {
				if q.URL.Path == "/smuggled" {
					smuggled.Store(true)
				}
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusForbidden)
			}))
			conn := r.dial()
			const rest = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
			first := 1 // answers that may come from here on
			switch name {
			case "malformed":
				io.WriteString(conn, head+rest) // in one packet: it is read together
			default:
				io.WriteString(conn, head)
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Fatal(err)
				}
				first = 0
			}
			switch name {
			case "stalled":
				r.idle()
				time.Sleep(lingerTime)
				io.WriteString(conn, rest)
			case "answered":
				io.WriteString(conn, "zz\r\n"+rest)
			}
			answers, _ := io.ReadAll(conn)
			if n := strings.Count(string(answers), "HTTP/1.1 "); smuggled.Load() || n > first {
				t.Errorf("the rest of a body was taken for a request (reached a backend: %v):\n%s", smuggled.Load(), answers)
			}
			if n := r.count(scale.RequestRate, ""); n > 1.001 {
				t.Errorf("got %v requests, want 1", n)
			}
		})
	}
}

// A connection whose body was skipped in time serves the next request.
func TestConnectionIsKeptAfterASkippedBody(t *testing.T) {
	r := start(t, nil)
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
	}))
	conn := r.dial()
	lines := bufio.NewReader(conn)
	for range 3 {
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
		response, err := http.ReadResponse(lines, nil)
		if err != nil || response.StatusCode != 403 {
			t.Fatalf("got %v %v, want 403", response, err)
		}
		io.WriteString(conn, "0123456789")
	}
}

func TestSlowUploadThatGoesOnIsServed(t *testing.T) {
	r := start(t, impatient)
	r.backends(counting(t))
	conn := r.dial()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	for range 10 { // 250 ms in all, each pause well under the limit
		io.WriteString(conn, "x")
		time.Sleep(25 * time.Millisecond)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("got %v %v, want 200", response, err)
	}
}

func TestClientThatStopsReadingIsCutOff(t *testing.T) {
	t.Run("http1", func(t *testing.T) {
		r := start(t, impatient)
		r.endless()
		conn := r.dial()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		eventually(t, "it is sent", func() bool { n, _ := r.Load("b0"); return n == 1 })
		r.idle()
		if got := r.signal(scale.ErrorRate, ""); got != 0 {
			t.Errorf("error rate %v, want 0: the client failed", got)
		}
	})
	t.Run("http2", func(t *testing.T) {
		r := start(t, impatient)
		r.endless()
		client := clientOf(t, h2c())
		response, err := client.Get(r.url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		// Nobody reads the body: the stream's window fills, the connection lives.
		r.idle()
		if _, err := io.Copy(io.Discard, response.Body); err == nil {
			t.Error("got the whole of an endless answer, want the stream broken off")
		}
	})
}

// A client that takes a few bytes at a time takes much longer than the limit,
// and is served.
func TestSlowReaderThatGoesOnIsServed(t *testing.T) {
	server, client := net.Pipe()
	l := newListener(nil, 1, 50*time.Millisecond, systemClock())
	conn := &clientConn{Conn: server, of: l}
	const n = 20
	go func() {
		for range n {
			time.Sleep(10 * time.Millisecond)
			client.Read(make([]byte, 1))
		}
	}()
	if written, err := conn.Write(make([]byte, n)); written != n || err != nil {
		t.Errorf("wrote %d (%v), want all %d", written, err, n)
	}
	if written, err := conn.Write(make([]byte, n)); written != 0 || !isTimeout(err) {
		t.Errorf("nobody reads: wrote %d (%v), want a time-out", written, err)
	}
}

// Once the backend answers, it decides how long the client may be silent.
func TestQuietUploadLivesOnceAnswered(t *testing.T) {
	for name, protocol := range map[string]func(*http.Protocols){"http1": h1(), "h2c": h2c()} {
		t.Run(name, func(t *testing.T) {
			r := start(t, impatient)
			r.backends(serve(t, func(w http.ResponseWriter, q *http.Request) {
				control := http.NewResponseController(w)
				control.EnableFullDuplex()
				control.Flush()
				io.Copy(w, q.Body)
			}))
			body, feed := io.Pipe()
			response, err := clientOf(t, protocol).Post(r.url, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			for _, word := range []string{"one ", "two"} {
				io.WriteString(feed, word)
				time.Sleep(300 * time.Millisecond)
			}
			feed.Close()
			if got, err := io.ReadAll(response.Body); string(got) != "one two" || err != nil {
				t.Errorf("got %q (%v), want both words", got, err)
			}
		})
	}
}

// Quiet is not stalled: a stream and a WebSocket that say nothing for many
// times the limit live on.
func TestQuietStreamsLive(t *testing.T) {
	for name, protocol := range map[string]func(*http.Protocols){"http1": h1(), "h2c": h2c()} {
		t.Run(name, func(t *testing.T) {
			r := start(t, impatient)
			next := make(chan struct{})
			r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintln(w, "one")
				w.(http.Flusher).Flush()
				<-next
				fmt.Fprintln(w, "two")
			}))
			response, err := clientOf(t, protocol).Get(r.url)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			time.Sleep(500 * time.Millisecond)
			close(next)
			if body, err := io.ReadAll(response.Body); string(body) != "one\ntwo\n" || err != nil {
				t.Errorf("got %q (%v), want both lines", body, err)
			}
		})
	}
	t.Run("websocket", func(t *testing.T) {
		r := start(t, impatient)
		r.backends(echo(t))
		c := r.websocket()
		time.Sleep(500 * time.Millisecond)
		say(t, c, "hello")
	})
}

func TestConnectionsAreLimited(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxConnections = 2 })
	r.backends(named(t, "a"))
	first, second := r.dial(), r.dial()
	third := r.dial() // waits in the kernel's queue
	ask := func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err
	}
	if err := ask(first); err != nil {
		t.Error(err)
	}
	if err := ask(second); err != nil {
		t.Error(err)
	}
	third.SetDeadline(time.Now().Add(100 * time.Millisecond))
	if err := ask(third); !isTimeout(err) {
		t.Errorf("third connection: got %v, want it to wait", err)
	}
	first.Close()
	third.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := http.ReadResponse(bufio.NewReader(third), nil); err != nil {
		t.Errorf("third connection once there is room: %v", err)
	}
}

func TestHeaderSizeIsLimited(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxHeaderBytes = 8 << 10 })
	r.backends(named(t, "a"))
	request, _ := http.NewRequestWithContext(context.Background(), "GET", r.url, nil)
	request.Header.Set("X-Long", strings.Repeat("x", 32<<10))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", response.StatusCode)
	}
}
