package web_test

import (
	"encoding/json"
	"math"
	"testing"
	"testing/synctest"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

func TestNumberInJSON(t *testing.T) {
	for n, want := range map[web.Number]string{
		0: "0", 12: "12", 0.1234567891: "0.123457", 1234567.8: "1.23457e+06", web.Number(math.Inf(1)): "null", web.Unknown(): "null",
	} {
		got, err := json.Marshal(n)
		var plain, back web.Number
		if err != nil || json.Unmarshal(got, &back) != nil || json.Unmarshal([]byte(want), &plain) != nil {
			t.Fatalf("%v: %s, %v", float64(n), got, err)
		}
		if back != plain && (back.Known() || plain.Known()) {
			t.Errorf("%v: %s, want %s", float64(n), got, want)
		}
	}
}

func TestDownsamplingKeepsWhatMustNotBeMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		for i, now := range []struct{ rate, bad, p95, queue float64 }{{10, 1, 0.1, 0}, {90, 0, 0.9, 7}, {0, math.NaN(), math.NaN(), 0}} {
			report := seen(second(i), now.rate, now.bad)
			report.Samples = append(report.Samples,
				scale.Sample{Signal: scale.Latency, At: second(i), Value: now.p95}, scale.Sample{Signal: scale.QueueDepth, At: second(i), Value: now.queue})
			r.report(report)
		}
		var got seriesAnswer
		r.get("/api/v1/targets/shop/series?step=10s", &got)
		if len(got.Points) != 1 {
			t.Fatalf("%d points, want 1", len(got.Points))
		}
		p := got.Points[0]
		if !near(p.ViolationRatio, 0.1) {
			t.Errorf("violations %v: 10 of 100 requests were bad", p.ViolationRatio)
		}
		if p.P95 != 0.9 || p.Queue != 7 {
			t.Errorf("p95 %v, queue %v: want the worst, 0.9 s and 7", p.P95, p.Queue)
		}
		if math.Abs(float64(p.Rate)-100.0/3) > 1e-3 {
			t.Errorf("rate %v, want the mean", p.Rate)
		}
		if p.T != float64(second(2).Unix()) || p.P50.Known() {
			t.Errorf("point %+v: want the time of the last second, and no median", p)
		}
	})
}
