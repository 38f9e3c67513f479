package web_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/web"
)

// objective publishes the reports one by one and returns the status at the end.
func objective(t *testing.T, info web.TargetInfo, reports []control.Report) *web.ObjectiveStatus {
	t.Helper()
	var got targetAnswer
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, info)
		defer r.stop()
		for _, m := range reports {
			time.Sleep(time.Until(m.At))
			r.report(m)
		}
		r.get("/api/v1/targets/shop", &got)
	})
	return got.Target.Objective
}

func near(got web.Number, want float64) bool { return math.Abs(float64(got)-want) < 1e-6 }

func TestObjectiveWeighsByRequests(t *testing.T) {
	got := objective(t, shop(), []control.Report{
		seen(second(0), 10, 1), // 10 bad ones
		seen(second(1), 990, 0),
	})
	if !near(got.Good, 0.99) || !got.Met || got.Requests != 1000 {
		t.Errorf("%+v: 990 of 1000 good is exactly the 99 %% promised", got)
	}
	if got.Covered != 1 || got.Window != 3600 {
		t.Errorf("covered %v of %v s, want the 1 s since the first report", got.Covered, got.Window)
	}
}

// Requests that hang arrive before anything can be said of them.
func TestRequestsThatHangAreJudgedOnceTheyEnd(t *testing.T) {
	unjudged := func(s int, rate float64) control.Report {
		r := seen(second(s), rate, 0)
		r.Samples = r.Samples[:1]
		return r
	}
	for name, c := range map[string]struct {
		reports        []control.Report
		requests, good float64
	}{
		"nothing is said before":      {[]control.Report{unjudged(0, 10), unjudged(1, 10)}, 0, math.NaN()},
		"with those after":            {[]control.Report{unjudged(0, 10), unjudged(1, 10), seen(second(2), 10, 1)}, 30, 0},
		"also when no more come":      {[]control.Report{unjudged(0, 10), unjudged(1, 0), seen(second(2), 0, 1)}, 10, 0},
		"not by the ratio of none":    {[]control.Report{unjudged(0, 10), seen(second(1), 0, 0)}, 0, math.NaN()},
		"not after they have gone":    {[]control.Report{unjudged(0, 10), seen(second(150), 10, 0)}, 10, 1},
		"and each is counted once":    {[]control.Report{unjudged(0, 10), seen(second(1), 10, 1), seen(second(2), 20, 0)}, 40, 0.5},
		"a while of silence is known": {[]control.Report{seen(second(0), 0, 0), seen(second(1), 10, 0)}, 10, 1},
	} {
		got := objective(t, shop(), c.reports)
		if float64(got.Requests) != c.requests || math.IsNaN(c.good) == got.Good.Known() || got.Good.Known() && !near(got.Good, c.good) {
			t.Errorf("%s: %v of %v good, want %v of %v", name, got.Good, got.Requests, c.good, c.requests)
		}
	}
}

func TestObjectiveForgetsWhatLeftTheWindow(t *testing.T) {
	info := shop()
	info.Objective.Window = scale.Duration(2 * time.Minute)
	got := objective(t, info, []control.Report{seen(second(0), 100, 1), seen(second(100), 100, 0), seen(second(119), 100, 0)})
	if !near(got.Good, 2.0/3) || got.Met || !near(got.RecentGood, 1) {
		t.Errorf("%+v: one second of three was bad, and none in the last minute", got)
	}
	got = objective(t, info, []control.Report{seen(second(0), 100, 1), seen(second(100), 100, 0), seen(second(121), 100, 0)})
	if !near(got.Good, 1) || got.Covered != 120 {
		t.Errorf("%+v: the bad second left the window of 2 min", got)
	}
}

func TestObjectiveDoesNotInventRequestsInAGap(t *testing.T) {
	got := objective(t, shop(), []control.Report{seen(second(0), 100, 0), seen(second(600), 100, 1)})
	if got.Requests != 200 || !near(got.Good, 0.5) {
		t.Errorf("%+v: each report speaks of one second, nothing is known of the ten minutes between", got)
	}
}

func TestObjectiveWithoutRequestsIsMet(t *testing.T) {
	got := objective(t, shop(), []control.Report{seen(second(0), 0, math.NaN()), seen(second(1), 0, math.NaN())})
	if !got.Met || got.Good.Known() || got.Requests != 0 {
		t.Errorf("%+v: nobody was disappointed, and no share can be named", got)
	}
}

func TestObjectiveFromAHistogram(t *testing.T) {
	durations := &series.Histogram{}
	durations.AddN(0.100, 80)
	durations.AddN(2, 20)
	sample := func(signal string, v float64) scale.Sample {
		return scale.Sample{Signal: signal, At: second(0), Window: time.Second, Value: v}
	}
	slow := sample(scale.Latency, 2)
	slow.Distribution = durations
	rate := sample(scale.RequestRate, 100)
	for name, c := range map[string]struct {
		samples []scale.Sample
		good    float64
	}{
		"slow ones":                     {[]scale.Sample{rate, slow}, 0.8},
		"more errors than slow ones":    {[]scale.Sample{rate, slow, sample(scale.ErrorRate, 30)}, 0.7},
		"a measured share goes before":  {[]scale.Sample{rate, slow, sample(scale.ViolationRatio, 0.01)}, 0.99},
		"without any there is no share": {[]scale.Sample{rate}, math.NaN()},
	} {
		got := objective(t, shop(), []control.Report{{Target: "shop", At: second(0), Samples: c.samples}})
		if math.IsNaN(c.good) != !got.Good.Known() || got.Good.Known() && !near(got.Good, c.good) {
			t.Errorf("%s: %v good, want %v", name, got.Good, c.good)
		}
	}
}

func TestJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop(), zoo())
		defer r.stop()
		if kept, stated := r.server.Judge("shop"); !math.IsNaN(kept.Violations) || !kept.Met || !stated || kept.Requests != 0 {
			t.Errorf("without requests: %+v, %v; want NaN and met", kept, stated)
		}
		r.report(seen(start(), 100, 0.25))
		if kept, _ := r.server.Judge("shop"); math.Abs(kept.Violations-0.25) > 1e-9 || kept.Met || kept.Requests != 100 || kept.Bad != 25 {
			t.Errorf("a quarter of 100 was bad: %+v", kept)
		}
		// The window of an hour is over; the counts go on.
		r.report(seen(start().Add(2*time.Hour), 100, 0))
		if kept, _ := r.server.Judge("shop"); kept.Requests <= 100 || kept.Bad != 25 {
			t.Errorf("two hours later: %+v, want more requests and still 25 bad ones", kept)
		}
		if _, stated := r.server.Judge("zoo"); stated {
			t.Error("zoo has no objective")
		}
	})
}
