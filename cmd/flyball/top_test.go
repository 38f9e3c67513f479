package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// hanging is an instance that stops to answer, though it takes connections.
type hanging struct {
	*instance
	url   string
	hangs atomic.Bool
	// streams were begun, which is after the first look; asked and set are
	// requests that hang, to look and to change.
	streams, asked, set atomic.Int64
}

func newHanging(t *testing.T) *hanging {
	h := &hanging{instance: newInstance(t, "shop")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			h.streams.Add(1)
		}
		if h.hangs.Load() {
			if r.Method == http.MethodGet {
				h.asked.Add(1)
			} else {
				h.set.Add(1)
			}
			_, _ = io.Copy(io.Discard, r.Body) // else the end of the client is not seen
			<-r.Context().Done()
			return
		}
		h.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	h.url = server.URL
	return h
}

// topOf runs the live view on a terminal of the test; keys are what is typed.
func topOf(t *testing.T, url string) (keys chan string, ended chan error) {
	t.Helper()
	c, err := (&remoteFlags{server: url}).client()
	if err != nil {
		t.Fatal(err)
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	keys, ended = make(chan string), make(chan error, 1)
	l := newTopLoop(c, &topView{server: url}, &screen{in: nowhere, out: nowhere, keys: keys})
	go func() { ended <- l.run(ctx) }()
	t.Cleanup(func() { cancel(); nowhere.Close() })
	return keys, ended
}

// quits presses Ctrl-C, which must not wait for the instance.
func quits(t *testing.T, why string, keys chan string, ended chan error) {
	t.Helper()
	// An answer may take 15 s: a view that waits for it takes longer.
	over := clock.System.After(answerPatience)
	select {
	case keys <- "ctrl-c":
	case err := <-ended:
		t.Fatalf("%s: it ended before Ctrl-C: %v", why, err)
	case <-over:
		t.Fatalf("%s: Ctrl-C is not read", why)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%s: after Ctrl-C: %v, want no error", why, err)
		}
	case <-over:
		t.Errorf("%s: it goes on after Ctrl-C", why)
	}
}

// answerPatience is less than a client waits for an answer.
const answerPatience = 10 * time.Second

func TestCtrlCEndsTopWhileTheInstanceHangs(t *testing.T) {
	h := newHanging(t)
	h.hangs.Store(true)
	keys, ended := topOf(t, h.url)
	eventually(t, func() bool { return h.asked.Load() > 0 })
	quits(t, "at the first look", keys, ended)

	h.hangs.Store(false)
	keys, ended = topOf(t, h.url)
	eventually(t, func() bool { return h.streams.Load() > 0 })
	h.hangs.Store(true)
	asked := h.asked.Load()
	keys <- "enter"
	eventually(t, func() bool { return h.asked.Load() > asked })
	quits(t, "while a target is opened", keys, ended)
}

func TestCtrlCEndsTopWhileAPauseHangs(t *testing.T) {
	h := newHanging(t)
	keys, ended := topOf(t, h.url)
	eventually(t, func() bool { return h.streams.Load() > 0 })
	h.hangs.Store(true)
	keys <- "p"
	keys <- "y"
	eventually(t, func() bool { return h.set.Load() > 0 })
	quits(t, "while it is paused", keys, ended)
}

func TestCtrlCIsNoAnswerToAQuestion(t *testing.T) {
	h := newHanging(t)
	keys, ended := topOf(t, h.url)
	eventually(t, func() bool { return h.streams.Load() > 0 })
	keys <- "p"
	quits(t, "while it asks", keys, ended)
}

// What was asked for by a key comes, though the loop does not wait for it.
func TestAPauseInTopIsDone(t *testing.T) {
	h := newHanging(t)
	keys, ended := topOf(t, h.url)
	eventually(t, func() bool { return h.streams.Load() > 0 })
	keys <- "p"
	keys <- "y"
	eventually(t, func() bool { return strings.Contains(h.get("/api/v1/targets/shop"), "Paused") })
	quits(t, "after it", keys, ended)
}
