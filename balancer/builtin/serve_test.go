package builtin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

func systemClock() clock.Clock { return clock.System }

func quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestEndLetsRequestsFinish(t *testing.T) {
	r := start(t, nil)
	release := make(chan struct{})
	r.backends(serve(t, func(w http.ResponseWriter, _ *http.Request) { <-release; fmt.Fprint(w, "done") }))
	answer := make(chan string, 1)
	go func() { _, body := r.get("/"); answer <- body }()
	eventually(t, "the request is in progress", func() bool { n, _ := r.Load("b0"); return n == 1 })
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	eventually(t, "nothing is accepted any more", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	select {
	case <-stopped:
		t.Error("the proxy ended with a request in progress")
	default:
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("got %q, want done", got)
	}
	<-stopped
}

func TestEndBreaksOffWhatDoesNotFinish(t *testing.T) {
	r := start(t, func(c *Config) { c.DrainTimeout = scale.Duration(50 * time.Millisecond) })
	r.backends(echo(t))
	socket := r.websocket()
	say(t, socket, "hello")
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the end took %v, want the WebSocket broken off after 50 ms", took)
	}
	if _, _, err := socket.Read(t.Context()); err == nil {
		t.Error("the WebSocket outlived the proxy")
	}

	held := start(t, func(c *Config) { c.DrainTimeout = scale.Duration(50 * time.Millisecond) })
	conn := held.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	held.holding(1)
	held.stop()
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && response.StatusCode != 503 {
		t.Errorf("the held request got %d, want 503 or a closed connection", response.StatusCode)
	}
}

func TestEndLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := start(t, nil)
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r.backends(backend)
	client := clientOf(t, h1())
	for _, method := range []string{"GET", "POST"} {
		request, err := http.NewRequest(method, r.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	client.CloseIdleConnections()
	r.stop()
	backend.Close() // waits for the connections of the proxy
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func TestRunSaysWhatItCannotListenOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := Default()
	cfg.Listen = l.Addr().String()
	p, err := New(cfg, clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), cfg.Listen) {
		t.Errorf("got %v, want an error that names %s", err, cfg.Listen)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	if _, err := New(Config{}, clock.System, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("got no error of an empty configuration")
	}
}

// A second proxy takes over the socket while requests flow over connections
// that are kept open: nobody sees an error, and the first one ends.
func TestRetiredProxyHandsOver(t *testing.T) {
	for name, protocol := range map[string]func(*http.Protocols){"http1": h1(), "h2c": h2c()} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			file, err := l.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			second, err := net.FileListener(file)
			if err != nil {
				t.Fatal(err)
			}
			older := startOn(t, testConfig(), l)
			older.backends(worker(t))
			f := newTraffic(t, older.url, clientOf(t, protocol), sendGet, sendPost, sendGet, sendStream)
			f.flows(50)
			newer := startOn(t, testConfig(), second)
			newer.backends(worker(t))
			older.Retire()
			<-older.done
			f.flows(50)
			f.stop()
			all, _ := newer.Backends(t.Context())
			if all[0].Requests == 0 {
				t.Error("the second proxy got no request")
			}
		})
	}
}
