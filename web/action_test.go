package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// operator is what an app does with modes set by hand: it remembers them and
// tells the dashboard.
type operator struct {
	server *web.Server
	info   web.TargetInfo
	err    error // of the next actions
	by     []string
}

func (o *operator) SetMode(_ context.Context, target string, m web.Override) error {
	return o.change(target, m.By, &m)
}

func (o *operator) ClearMode(_ context.Context, target, by string) error {
	return o.change(target, by, nil)
}

func (o *operator) change(target, by string, m *web.Override) error {
	if o.err != nil {
		return fmt.Errorf("%s: %w", target, o.err)
	}
	o.by = append(o.by, by)
	o.info.Override = m
	o.server.SetTargets([]web.TargetInfo{o.info})
	return nil
}

// operated is a rig whose modes can be set.
func operated(t *testing.T) (*rig, *operator) {
	t.Helper()
	o := &operator{info: shop()}
	r := newRigWith(t, web.Options{Targets: []web.TargetInfo{shop()}, Actions: o})
	o.server = r.server
	return r, o
}

// send sends a request with a body and decodes the answer.
func (r *rig) send(method, path, body string, header ...string) (code int, got targetAnswer) {
	r.t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.http.ServeHTTP(w, request)
	if err := r.contract.check(method, path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
		r.t.Errorf("%s %s: %v", method, path, err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		r.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return w.Code, got
}

const modePath = "/api/v1/targets/shop/mode"

func TestPauseAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, o := operated(t)
		defer r.stop()
		r.decide(decision(start(), 5, 5, 5))
		code, got := r.send("PUT", modePath, `{"mode":"Paused","until":"2000-01-01T01:00:00Z","reason":"sale"}`, "X-Flyball-User", "cli ann@host")
		v := got.Target
		if code != 200 || v.Mode != scale.Paused || v.DocumentMode != scale.Apply || v.Override == nil || v.Override.By != "cli ann@host" ||
			v.Override.Reason != "sale" || v.Override.Until == nil || *v.Override.Until != float64(second(3600).Unix()) || v.Override.At != float64(start().Unix()) {
			t.Errorf("paused: %d %+v %+v, want Paused by ann for an hour over Apply", code, v, v.Override)
		}
		late := decision(start().Add(-time.Second), 5, 5, 5) // decided before the pause, heard after it
		r.decide(late)
		if r.get("/api/v1/targets/shop", &got); got.Target.Mode != scale.Paused {
			t.Errorf("mode %v: a decision from before says nothing of now", got.Target.Mode)
		}
		code, got = r.send("DELETE", modePath, "", "X-Flyball-User", "dashboard")
		if code != 200 || got.Target.Mode != scale.Apply || got.Target.Override != nil {
			t.Errorf("taken back: %d %+v, want what the document says", code, got.Target)
		}
		late.Mode = scale.Paused
		r.decide(late)
		if r.get("/api/v1/targets/shop", &got); got.Target.Mode != scale.Apply {
			t.Errorf("mode %v: a decision made under the pause says nothing of now", got.Target.Mode)
		}
		if want := []string{"cli ann@host", "dashboard"}; fmt.Sprint(o.by) != fmt.Sprint(want) {
			t.Errorf("by %q, want %q", o.by, want)
		}
	})
}

func TestPauseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := operated(t)
		defer r.stop()
		r.send("PUT", modePath, `{"mode":"Paused","until":"2000-01-01T00:01:00Z"}`)
		paused := decision(second(15), 5, 5, 5)
		paused.Mode = scale.Paused
		r.decide(paused)
		time.Sleep(time.Minute)
		var got targetAnswer
		if r.get("/api/v1/targets/shop", &got); got.Target.Mode != scale.Apply || got.Target.Override != nil {
			t.Errorf("after its time: %v %+v, want the document's mode", got.Target.Mode, got.Target.Override)
		}
	})
}

func TestActionsThatMakeNoSenseAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, o := operated(t)
		defer r.stop()
		long := strings.Repeat("ä", 101)
		for name, c := range map[string]struct {
			method, path, body string
			header             []string
			code               int
			text               string
		}{
			"unknown target":    {"PUT", "/api/v1/targets/zoo/mode", `{"mode":"Apply"}`, nil, 404, "known are shop"},
			"unknown mode":      {"PUT", modePath, `{"mode":"apply"}`, nil, 400, "must be one of Apply, Recommend, Paused"},
			"no mode":           {"PUT", modePath, `{}`, nil, 400, "mode:"},
			"until of Apply":    {"PUT", modePath, `{"mode":"Apply","until":"2001-01-01T00:00:00Z"}`, nil, 400, "only a pause"},
			"until in the past": {"PUT", modePath, `{"mode":"Paused","until":"1999-01-01T00:00:00Z"}`, nil, 400, "after now (2000-01-01T00:00:00Z)"},
			"until is no time":  {"PUT", modePath, `{"mode":"Paused","until":"tomorrow"}`, nil, 400, "body:"},
			"unknown field":     {"PUT", modePath, `{"mode":"Apply","mod":1}`, nil, 400, `unknown field "mod"`},
			"by in the body":    {"PUT", modePath, `{"mode":"Apply","by":"root"}`, nil, 400, `unknown field "by"`},
			"two objects":       {"PUT", modePath, `{"mode":"Apply"}{}`, nil, 400, "nothing after it"},
			"not an object":     {"PUT", modePath, `[1]`, nil, 400, "body:"},
			"nothing":           {"PUT", modePath, "", nil, 400, "is empty"},
			"too much":          {"PUT", modePath, `{"reason":"` + strings.Repeat("x", 5000) + `"}`, nil, 413, "at most 4096 bytes"},
			"too long a reason": {"PUT", modePath, `{"mode":"Apply","reason":"` + strings.Repeat("x", 501) + `"}`, nil, 400, "reason: must be at most 500"},
			"two lines":         {"PUT", modePath, `{"mode":"Apply","reason":"a\nlevel=INFO"}`, nil, 400, "printable"},
			"a form":            {"PUT", modePath, `mode=Apply`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
			"no content type":   {"PUT", modePath, `{"mode":"Apply"}`, []string{"Content-Type", ""}, 415, "application/json"},
			"too long a user":   {"DELETE", modePath, "", []string{"X-Flyball-User", long}, 400, "X-Flyball-User: must be at most 100"},
			"a strange user":    {"DELETE", modePath, "", []string{"X-Flyball-User", "a\tb"}, 400, "printable"},
			"no UTF-8":          {"DELETE", modePath, "", []string{"X-Flyball-User", "\xff"}, 400, "printable"},
			"another method":    {"POST", modePath, `{"mode":"Apply"}`, nil, 405, "PUT, DELETE"},
		} {
			code, got := r.send(c.method, c.path, c.body, c.header...)
			if code != c.code || !strings.Contains(got.Error, c.text) || strings.Contains(got.Error, "\n") {
				t.Errorf("%s: %d %q, want %d with %q", name, code, got.Error, c.code, c.text)
			}
		}
		if len(o.by) > 0 {
			t.Errorf("%d of them were done", len(o.by))
		}
	})
}

func TestAnActionThatFailsSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, o := operated(t)
		defer r.stop()
		for _, c := range []struct {
			err  error
			code int
		}{{web.ErrUnknownTarget, 404}, {record.ErrFull, 503}, {context.DeadlineExceeded, 503}, {errors.New("bug"), 500}} {
			o.err = c.err
			if code, got := r.send("PUT", modePath, `{"mode":"Apply"}`); code != c.code || got.Error == "" {
				t.Errorf("%v: %d %q, want %d", c.err, code, got.Error, c.code)
			}
		}
	})
}

func TestWithoutActionsNothingCanBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for _, method := range []string{"PUT", "DELETE"} {
			if code, got := r.send(method, modePath, `{"mode":"Apply"}`); code != 405 || !strings.Contains(got.Error, "only shows") {
				t.Errorf("%s: %d %q, want 405 with a sentence", method, code, got.Error)
			}
		}
	})
}

func TestModeOfTheDocumentChangesWithAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, o := operated(t)
		defer r.stop()
		r.send("PUT", modePath, `{"mode":"Paused"}`)
		o.info.Mode = scale.Recommend
		r.server.SetTargets([]web.TargetInfo{o.info})
		var got targetAnswer
		if r.get("/api/v1/targets/shop", &got); got.Target.Mode != scale.Paused || got.Target.DocumentMode != scale.Recommend {
			t.Errorf("after a reload: %v over %v, want Paused over Recommend", got.Target.Mode, got.Target.DocumentMode)
		}
		if _, got = r.send("DELETE", modePath, ""); got.Target.Mode != scale.Recommend {
			t.Errorf("taken back: %v, want Recommend", got.Target.Mode)
		}
	})
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop(), zoo())
		defer r.stop()
		type readyAnswer struct {
			Status  string
			Waiting []string
		}
		ask := func(want int, status, waiting string) {
			t.Helper()
			var got readyAnswer
			if code := r.get("/readyz", &got); code != want || got.Status != status || fmt.Sprint(got.Waiting) != waiting {
				t.Errorf("ready: %d %+v, want %d %s %s", code, got, want, status, waiting)
			}
		}
		ask(503, "starting", "[shop zoo]")
		r.report(seen(second(1), 1, 0))
		ask(503, "starting", "[zoo]")
		other := seen(second(1), 1, 0)
		other.Target = "zoo"
		r.report(other)
		ask(200, "ready", "[]")
		r.server.SetTargets([]web.TargetInfo{shop(), {Name: "new"}})
		ask(200, "ready", "[]")
		r.server.Stopping()
		ask(503, "stopping", "[]")
		if code := r.get("/healthz", &struct{}{}); code != http.StatusOK {
			t.Errorf("alive: %d while it ends", code)
		}
	})
}

// A client that sends its body for ever must not hold a goroutine for ever;
// here it is cut off because it sends too much.
func TestHugeBodyIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := operated(t)
		defer r.stop()
		body := &endless{}
		request := httptest.NewRequest("PUT", modePath, body)
		request.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		r.http.ServeHTTP(w, request)
		if w.Code != http.StatusRequestEntityTooLarge || body.read > 64<<10 {
			t.Errorf("%d after %d bytes, want 413 after a few", w.Code, body.read)
		}
	})
}

type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

var _ io.Reader = (*endless)(nil)
