package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// shops are n targets.
func shops(n int) []web.TargetInfo {
	infos := make([]web.TargetInfo, n)
	for i := range infos {
		infos[i] = shop()
		infos[i].Name = fmt.Sprintf("shop-%04d", i)
	}
	return infos
}

// reportAll reports second n of every target.
func (r *rig) reportAll(infos []web.TargetInfo, n int) {
	r.t.Helper()
	for _, info := range infos {
		report := seen(second(n), 7, 0)
		report.Target = info.Name
		r.report(report)
	}
}

func TestAShortBreakOfAStreamOfManyTargetsIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		infos := shops(300)
		r := newRig(t, infos...)
		defer r.stop()
		var before targetAnswer
		r.get("/api/v1/targets/shop-0000", &before)
		for n := range 20 { // 6000 points
			r.reportAll(infos, n)
		}
		c := r.listen("/api/v1/stream?target=shop-0299", before.LastEventID, nil)
		defer c.cancel()
		if got := c.read(); strings.Contains(got, "reset") || strings.Count(got, "event: point") != 20 {
			t.Errorf("after 20 s without it: want the 20 points missed, got\n%.300s", got)
		}
	})
}

func TestTheListOfTargetsGrowsAndEventsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shops(1)...)
		defer r.stop()
		var before targetAnswer
		r.get("/api/v1/targets/shop-0000", &before)
		r.reportAll(shops(1), 1)
		r.server.SetTargets(shops(100))
		r.reportAll(shops(1), 2)
		r.server.SetTargets(shops(2))
		r.reportAll(shops(1), 3)
		c := r.listen("/api/v1/stream?target=shop-0000", before.LastEventID, nil)
		defer c.cancel()
		if got := c.read(); strings.Contains(got, "reset") || strings.Count(got, "event: point") != 3 || strings.Count(got, "event: targets") != 2 {
			t.Errorf("want the three points and two lists missed, got\n%s", got)
		}
	})
}

func TestAStreamOfManyTargetsIsThin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for targets, want := range map[int]int{50: 50*20 + 1, 51: 51 * 4} { // the decision changes a newest one
			infos := shops(targets)
			r := newRig(t, infos...)
			all, one := r.listen("/api/v1/stream", "", nil), r.listen("/api/v1/stream?target=shop-0007", "", nil)
			for n := range 20 {
				r.reportAll(infos, n)
			}
			d := decision(second(20), 5, 5, 5)
			d.Decision.Target = "shop-0007"
			r.decide(d)
			got := all.read()
			if n := strings.Count(got, "event: point"); n != want {
				t.Errorf("%d targets, 20 seconds: %d points, want %d", targets, n, want)
			}
			if n := strings.Count(one.read(), "event: point"); n != 21 { // the decision changes the newest
				t.Errorf("stream of one of %d: %d points, want 21", targets, n)
			}
			contains(t, got, "event: decision")
			all.cancel()
			one.cancel()
			r.stop()
		}
	})
}

func TestLargeAnswersArePackedForWhoCanUnpack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shops(40)...)
		defer r.stop()
		accepts := func(codings string) func(*http.Request) {
			return func(request *http.Request) { request.Header.Set("Accept-Encoding", codings) }
		}
		for _, c := range []struct {
			path, accepts string
			packed        bool
		}{
			{"/api/v1/targets", "gzip, br", true}, {"/api/v1/targets", "br;q=1, gzip;q=0.5", true},
			{"/api/v1/targets", "", false}, {"/api/v1/targets", "gzip;q=0", false}, {"/api/v1/targets", "br", false},
			{"/api/v1/targets/shop-0001", "gzip", false},
		} {
			w := r.ask("GET", c.path, accepts(c.accepts))
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.packed {
				t.Errorf("%s for who accepts %q: packed %v, want %v", c.path, c.accepts, got, c.packed)
			}
			body := w.Body.Bytes()
			if c.packed {
				var err error
				if body, err = unpacked(body); err != nil || w.Body.Len() > len(body)/5 {
					t.Errorf("%s: %d bytes for %d, %v", c.path, w.Body.Len(), len(body), err)
				}
			}
			if !json.Valid(body) {
				t.Errorf("%s for who accepts %q: no JSON", c.path, c.accepts)
			}
		}
	})
}

// A pause asks every page for one target again, not for a thousand.
func TestAModeSetByHandRefreshesOneTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		infos := shops(3)
		r := newRig(t, infos...)
		defer r.stop()
		c := r.listen("/api/v1/stream", "", nil)
		defer c.cancel()
		c.read()
		r.server.SetTargets(infos)
		if got := c.read(); got != "" {
			t.Errorf("nothing changed: %q", got)
		}
		infos[1].Override = &web.Override{Mode: scale.Paused, By: "ann", At: time.Now()}
		r.server.SetTargets(infos)
		if got := c.read(); strings.Count(got, "event:") != 1 || !strings.Contains(got, "event: targets\ndata: {\"target\":\"shop-0001\"") {
			t.Errorf("one was paused: %q, want it alone to be asked for", got)
		}
		infos[2].Max = 7
		infos[1].Override = nil
		r.server.SetTargets(infos)
		if got := c.read(); strings.Count(got, "event:") != 1 || !strings.Contains(got, "event: targets\ndata: {\"data\"") {
			t.Errorf("a document changed: %q, want all to be asked for", got)
		}
		r.server.SetTargets(infos[1:])
		contains(t, c.read(), "event: targets\ndata: {\"data\"")
	})
}
