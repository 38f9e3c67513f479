package web_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// client is a browser that listens to a stream. A blocked one takes nothing
// until it is released.
type client struct {
	header  http.Header
	cancel  context.CancelFunc
	ended   chan struct{}
	release chan struct{} // nil: takes everything at once

	mu   sync.Mutex
	code int
	text bytes.Buffer
}

func (c *client) Header() http.Header { return c.header }
func (c *client) WriteHeader(code int) {
	c.mu.Lock()
	c.code = code
	c.mu.Unlock()
}
func (c *client) Flush() {}

func (c *client) Write(p []byte) (int, error) {
	if c.release != nil {
		<-c.release
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// read returns what arrived since the last read.
func (c *client) read() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.text.String()
	c.text.Reset()
	return text
}

func (r *rig) listen(path, lastID string, release chan struct{}) *client {
	return r.listenWith(path, release, func(request *http.Request) {
		if lastID != "" {
			request.Header.Set("Last-Event-ID", lastID)
		}
	})
}

// listenAs listens to everything with a token.
func (r *rig) listenAs(secret string) *client {
	return r.listenWith("/api/v1/stream", nil, bearer(secret))
}

func (r *rig) listenWith(path string, release chan struct{}, change func(*http.Request)) *client {
	ctx, cancel := context.WithCancel(r.t.Context())
	c := &client{header: http.Header{}, cancel: cancel, ended: make(chan struct{}), release: release}
	request := httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx)
	change(request)
	go func() {
		defer close(c.ended)
		r.http.ServeHTTP(c, request)
	}()
	synctest.Wait()
	return c
}

func (c *client) hasEnded() bool {
	synctest.Wait()
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func contains(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("stream lacks %q in:\n%s", want, got)
		}
	}
}

func TestStreamTellsWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		c := r.listen("/api/v1/stream?target=shop", "", nil)
		defer c.cancel()
		contains(t, c.read(), "retry: 2000")
		if got := c.header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("content type %q", got)
		}
		report := seen(second(1), 42, 0)
		report.Status = status(second(1), scale.Replica{ID: "a", Phase: scale.Running})
		report.Faults = []control.Fault{{From: "prometheus", Error: "timed out"}}
		r.report(report)
		contains(t, c.read(), "event: point\ndata: {\"target\":\"shop\"", `"rate":42`, "event: fault", "timed out", "event: replicas", `"id":"a"`)
		r.decide(decision(second(1), 1, 3, 3))
		contains(t, c.read(), "event: decision", "105/s need 3 replicas", `"desired":3`)
		r.apply(record.Applied{Target: "shop", At: second(1), From: 1, To: 3})
		contains(t, c.read(), "event: applied", fmt.Sprintf(`"decision":%d`, second(1).UnixMilli()))
		r.report(seen(second(2), 42, 0))
		contains(t, c.read(), `"resolved":true`)
	})
}

func TestStreamOfOneTargetIsSilentAboutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zoo := shop()
		zoo.Name = "zoo"
		r := newRig(t, shop(), zoo)
		defer r.stop()
		c, all := r.listen("/api/v1/stream?target=zoo", "", nil), r.listen("/api/v1/stream", "", nil)
		defer c.cancel()
		defer all.cancel()
		c.read()
		r.report(seen(second(1), 42, 0))
		if got := c.read(); got != "" {
			t.Errorf("zoo's stream heard %q", got)
		}
		contains(t, all.read(), `"target":"shop"`)
		r.server.SetTargets(nil)
		contains(t, c.read(), "event: targets")
	})
}

func TestStreamBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		c := r.listen("/api/v1/stream", "", nil)
		defer c.cancel()
		c.read()
		time.Sleep(9 * time.Second)
		if got := c.read(); got != "" {
			t.Errorf("after 9 s: %q", got)
		}
		time.Sleep(time.Second)
		if got := c.read(); got != ": still here\n\n" {
			t.Errorf("after 10 s: %q, want a comment", got)
		}
	})
}

func TestStreamResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		var before targetAnswer
		r.get("/api/v1/targets/shop", &before)
		r.report(seen(second(1), 41, 0))
		r.report(seen(second(2), 42, 0))
		for how, c := range map[string]*client{
			"header": r.listen("/api/v1/stream", before.LastEventID, nil),
			"query":  r.listen("/api/v1/stream?after="+before.LastEventID, "", nil),
		} {
			if got := c.read(); strings.Count(got, "event: point") != 2 || strings.Contains(got, "reset") {
				t.Errorf("%s: want the two points missed, got\n%s", how, got)
			}
			c.cancel()
		}
		for name, id := range map[string]string{
			"another process": "abc-1",
			"from the future": strings.Split(before.LastEventID, "-")[0] + "-999",
			"nonsense":        "x",
		} {
			c := r.listen("/api/v1/stream", id, nil)
			if got := c.read(); !strings.Contains(got, "event: reset") || strings.Contains(got, "event: point") {
				t.Errorf("%s: want only a reset, got\n%s", name, got)
			}
			c.cancel()
		}
	})
}

func TestStreamTooOldToResumeStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		var before targetAnswer
		r.get("/api/v1/targets/shop", &before)
		for i := range 2100 {
			r.report(seen(second(i), 1, 0))
		}
		c := r.listen("/api/v1/stream", before.LastEventID, nil)
		defer c.cancel()
		contains(t, c.read(), "event: reset")
	})
}

func TestSlowClientIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		release := make(chan struct{})
		c := r.listen("/api/v1/stream", "", release)
		defer c.cancel()
		for i := range 3000 {
			r.report(seen(second(i), 1, 0))
		}
		if c.hasEnded() {
			t.Fatal("ended while it was blocked in a write")
		}
		close(release)
		if !c.hasEnded() {
			t.Error("a client 3000 events behind is still served")
		}
		if got := c.read(); strings.Contains(got, "event: point") {
			t.Errorf("it was sent events with a hole in them:\n%s", got)
		}
	})
}

func TestStreamsEndWithRunAndWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		gone, stays := r.listen("/api/v1/stream", "", nil), r.listen("/api/v1/stream", "", nil)
		gone.cancel()
		if !gone.hasEnded() || stays.hasEnded() {
			t.Error("want one stream ended by its client and the other open")
		}
		r.stop()
		if !stays.hasEnded() {
			t.Error("stream outlives Run")
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for range 256 {
			defer r.listen("/api/v1/stream", "", nil).cancel()
		}
		c := r.listen("/api/v1/stream", "", nil)
		if got := c.read(); c.code != http.StatusServiceUnavailable || !strings.Contains(got, "at most 256") {
			t.Errorf("stream 257: %d %s, want 503", c.code, fmt.Sprint(got))
		}
	})
}
