package web_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/web"
)

type targetAnswer struct {
	Now         float64
	LastEventID string
	Target      web.TargetView
	Error       string
}

type seriesAnswer struct {
	Source string
	Step   float64
	Points []web.Point
	Error  string
}

func TestTargetShowsWhatWasReportedAndDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		now := start()
		durations := &series.Histogram{}
		durations.AddN(0.100, 90)
		durations.AddN(0.700, 10)
		report := seen(now, 100, 0.10)
		report.Samples = append(report.Samples,
			scale.Sample{Signal: scale.Latency, At: now, Value: 0.7, Distribution: durations},
			scale.Sample{Signal: scale.Concurrency, At: now, Value: 3, Replica: "a"})
		report.Status = status(now,
			scale.Replica{ID: "a", Address: "127.0.0.1:9001", Phase: scale.Running, StartedAt: now.Add(-time.Minute), Restarts: 2,
				Readiness: scale.Readiness{Known: true, Ready: true, Since: now.Add(-50 * time.Second)}},
			scale.Replica{ID: "b", Phase: scale.Running, StartedAt: now, Readiness: scale.Readiness{Known: true, Since: now}},
			scale.Replica{ID: "c", Phase: scale.Running, DeletedAt: now})
		report.Status.Conditions = []scale.Condition{{Type: "CrashLoop", Since: now, Message: "b ended 3 times"}}
		r.report(report)
		r.decide(decision(now, 2, 4, 4))

		var got targetAnswer
		if code := r.get("/api/v1/targets/shop", &got); code != http.StatusOK {
			t.Fatalf("status %d: %s", code, got.Error)
		}
		v := got.Target
		p := v.Point
		if p == nil || p.T != float64(now.Unix()) || p.Rate != 100 || p.Ready != 1 || p.Starting != 1 || p.Terminating != 1 || p.Desired != 4 {
			t.Errorf("point %+v: want rate 100, 1 ready, 1 starting, 1 terminating, 4 desired at %d", p, now.Unix())
		}
		if p.P50 < 0.09 || p.P50 > 0.11 || p.P99 < 0.68 || p.P99 > 0.72 {
			t.Errorf("quantiles %v, %v: want 0.1 s and 0.7 s as in the distribution", p.P50, p.P99)
		}
		if p.Queue.Known() {
			t.Errorf("queue %v: nobody measured it", p.Queue)
		}
		if diff := cmp.Diff(map[string]int{"kpa": 5}, p.Shadows); diff != "" {
			t.Errorf("shadows:\n%s", diff)
		}
		if len(v.Replicas) != 3 || v.Replicas[0].Phase != "ready" || v.Replicas[0].InFlight != 3 || v.Replicas[0].Restarts != 2 ||
			v.Replicas[1].Phase != "starting" || v.Replicas[2].Phase != "terminating" {
			t.Errorf("replicas %+v: want a ready with 3 in flight, b starting, c terminating", v.Replicas)
		}
		if len(v.Conditions) != 1 || v.Conditions[0].Type != "CrashLoop" {
			t.Errorf("conditions %+v, want the target's CrashLoop", v.Conditions)
		}
		if v.Objective == nil || v.Objective.Met || v.Objective.Good != 0.9 || v.Objective.Threshold != 0.5 {
			t.Errorf("objective %+v: 90 %% good of 99 %% is not met", v.Objective)
		}
		if v.Decision == nil || v.Decision.To != 4 || v.Decision.Reason.String() != "140/s need 4 replicas" {
			t.Errorf("decision %+v, want 2 → 4 with its reason", v.Decision)
		}
		if v.StaleAfter != 45 {
			t.Errorf("stale after %v s, want three decisions", v.StaleAfter)
		}
	})
}

// zoo is a target of which hardly anything is known.
func zoo() web.TargetInfo { return web.TargetInfo{Name: "zoo", Mode: scale.Recommend} }

func TestTargetsAreListedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, zoo(), shop())
		defer r.stop()
		var got struct {
			Version string
			Targets []web.TargetView
		}
		r.get("/api/v1/targets", &got)
		if len(got.Targets) != 2 || got.Targets[0].Name != "zoo" || got.Targets[1].Name != "shop" {
			t.Fatalf("targets %+v, want zoo, shop as configured", got.Targets)
		}
		if zoo := got.Targets[0]; zoo.Point != nil || zoo.Decision != nil || zoo.Objective != nil || zoo.ReportAt != 0 {
			t.Errorf("zoo %+v: nothing was reported of it", zoo)
		}
		if got.Version != "v1.2.3" {
			t.Errorf("version %q", got.Version)
		}
	})
}

func TestSeriesIsCutAndDownsampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for i := range 40 {
			at := start().Add(time.Duration(i) * time.Second)
			r.report(seen(at, float64(i), 0))
		}
		var all, late, coarse seriesAnswer
		r.get("/api/v1/targets/shop/series", &all)
		if len(all.Points) != 40 {
			t.Errorf("%d points, want 40", len(all.Points))
		}
		r.get("/api/v1/targets/shop/series?since=2000-01-01T00:00:35Z", &late)
		if len(late.Points) != 5 || late.Points[0].Rate != 35 {
			t.Errorf("since 35 s: %+v, want the 5 points from rate 35 on", late.Points)
		}
		r.get("/api/v1/targets/shop/series?step=10s", &coarse)
		if len(coarse.Points) != 4 || coarse.Points[1].Rate != 14.5 {
			t.Errorf("step 10 s: %+v, want 4 points, the second with the mean of 10 … 19", coarse.Points)
		}
	})
}

func TestBadRequestsSayWhatIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop(), zoo())
		defer r.stop()
		for path, want := range map[string]struct {
			code int
			text string
		}{
			"/api/v1/targets/nope":                     {404, `no target "nope": known are shop, zoo`},
			"/api/v1/targets/nope/series":              {404, "known are shop, zoo"},
			"/api/v1/stream?target=nope":               {404, "known are shop, zoo"},
			"/api/v1/targets/shop/series?since=monday": {400, `since: "monday": must be a time such as`},
			"/api/v1/targets/shop/series?step=5":       {400, "step:"},
			"/api/v1/targets/shop/series?step=1ms":     {400, "step: must be at least 1s"},
			"/api/v1/targets/shop/decisions?limit=0":   {400, "limit:"},
			"/api/v1/targets/shop/decisions?filter=x":  {400, "must be one of all, changes, held"},
			"/api/v2":   {404, "/api/v1/targets"},
			"/nowhere/": {404, "no /nowhere/ here"},
		} {
			var got struct{ Error string }
			if code := r.get(path, &got); code != want.code || !strings.Contains(got.Error, want.text) {
				t.Errorf("%s: %d %q, want %d with %q", path, code, got.Error, want.code, want.text)
			}
		}
	})
}

func TestHealthAndVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.stop()
		var health, version map[string]string
		if code := r.get("/healthz", &health); code != 200 || health["status"] != "ok" {
			t.Errorf("health: %d %v", code, health)
		}
		if r.get("/version", &version); version["version"] != "v1.2.3" {
			t.Errorf("version: %v", version)
		}
	})
}

func TestReloadKeepsHistoryOfWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop(), zoo())
		defer r.stop()
		r.report(seen(start(), 7, 1))
		changed := shop()
		changed.Max = 50
		r.server.SetTargets([]web.TargetInfo{changed})
		var got targetAnswer
		r.get("/api/v1/targets/shop", &got)
		if got.Target.Max != 50 || got.Target.Point == nil || got.Target.Objective.Requests != 7 {
			t.Errorf("after reload: %+v, want the new bound with the old point and requests", got.Target)
		}
		if code := r.get("/api/v1/targets/zoo", &got); code != http.StatusNotFound {
			t.Errorf("removed target: status %d, want 404", code)
		}
		changed.Objective.Target = 0.5
		r.server.SetTargets([]web.TargetInfo{changed})
		r.get("/api/v1/targets/shop", &got)
		if got.Target.Objective.Requests != 0 {
			t.Errorf("%v requests under an objective that is new", got.Target.Objective.Requests)
		}
	})
}

func TestFaultsLastFromTheirFirstReportToTheFirstWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		faulty := func(seconds int, text string) control.Report {
			return control.Report{Target: "shop", At: start().Add(time.Duration(seconds) * time.Second), Faults: []control.Fault{{From: "target", Error: text}}}
		}
		r.report(faulty(0, "connection refused"))
		r.report(faulty(5, "timed out"))
		r.apply(record.Applied{Target: "shop", At: start(), To: 3, Error: "no port left"})
		var got targetAnswer
		r.get("/api/v1/targets/shop", &got)
		want := []web.FaultView{
			{From: "target", Error: "timed out", Since: float64(start().Unix())},
			{From: "executor", Error: "no port left", Since: float64(start().Unix())},
		}
		if diff := cmp.Diff(want, got.Target.Faults); diff != "" {
			t.Errorf("faults that last:\n%s", diff)
		}
		r.report(control.Report{Target: "shop", At: second(6), Samples: seen(second(6), 1, 0).Samples})
		r.get("/api/v1/targets/shop", &got)
		if len(got.Target.Faults) != 2 {
			t.Errorf("faults %+v: the target was still not read", got.Target.Faults)
		}
		r.report(control.Report{Target: "shop", At: second(7), Faults: []control.Fault{{From: "prometheus", Error: "timed out"}}})
		r.report(control.Report{Target: "shop", At: second(8), Status: status(second(8))})
		r.get("/api/v1/targets/shop", &got)
		if len(got.Target.Faults) != 2 || got.Target.Faults[1].From != "prometheus" {
			t.Errorf("faults %+v: the target is well, nobody asked prometheus again", got.Target.Faults)
		}
		r.report(seen(second(10), 1, 0))
		r.apply(record.Applied{Target: "shop", At: start(), To: 3})
		r.get("/api/v1/targets/shop", &got)
		if len(got.Target.Faults) != 0 {
			t.Errorf("faults %+v after all went well", got.Target.Faults)
		}
	})
}

func TestReportOfTheTargetAloneKeepsMeasurements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		measured := seen(second(1), 10, 0)
		measured.Status = status(second(1), scale.Replica{ID: "a"})
		measured.Samples = append(measured.Samples, scale.Sample{Signal: scale.Concurrency, Replica: "a", Value: 3})
		r.report(measured)
		r.report(control.Report{Target: "shop", At: second(1), Status: status(second(1), scale.Replica{ID: "a"}, scale.Replica{ID: "b"})})
		var got targetAnswer
		r.get("/api/v1/targets/shop", &got)
		if got.Target.Point.Rate != 10 || got.Target.Replicas[0].InFlight != 3 || got.Target.Replicas[1].InFlight.Known() {
			t.Errorf("rate %v, replicas %+v: want the second's rate and a's 3 in flight kept, b unknown", got.Target.Point.Rate, got.Target.Replicas)
		}
	})
}

func TestNonsenseNumbersDoNotBreakTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		r.report(seen(second(1), math.Inf(1), math.NaN()))
		r.report(seen(second(2), math.MaxFloat64, -3))
		r.report(seen(second(3), math.MaxFloat64, 7))
		d := decision(second(1), 1, 2, 2)
		d.Decision.Recommendation.Confidence = math.NaN()
		r.decide(d)
		var got targetAnswer
		r.get("/api/v1/targets/shop", &got)
		if got.Target.Decision == nil || got.Target.Objective == nil {
			t.Errorf("answer %+v lacks the decision or the objective", got.Target)
		}
	})
}

func TestMethodsThatWriteAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		w := httptest.NewRecorder()
		r.http.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/targets", nil))
		if w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("POST: %d %s, want 405 with an error in JSON", w.Code, w.Body)
		}
	})
}
