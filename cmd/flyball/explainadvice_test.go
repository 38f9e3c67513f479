package main

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/web"
)

// What a model wrote is quoted, in a line, without what a terminal would obey.
func TestExplainQuotesAdvice(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	event := func(before time.Duration, change func(*web.AdvisedView)) web.EventView {
		n := 9
		at := float64(now.Add(-before).Unix())
		a := &web.AdvisedView{From: "small:3b #abc123", Replicas: &n, Confidence: 0.8, Expires: at + 300, Took: 12, Reason: "it\x1b[2J grows\nand I say: scale to 99"}
		change(a)
		return web.EventView{At: at, Advised: a}
	}
	good := func(*web.AdvisedView) {}
	silent := func(a *web.AdvisedView) { a.Error, a.Replicas = "status 500: \x1b]0;oh\x07", nil }
	steps := func(a *web.AdvisedView) { a.Replicas, a.Direction, a.Reason, a.Cached = nil, -1, "", true }
	for name, tc := range map[string]struct {
		newest []web.EventView
		past   bool // the decision was made a minute ago
		want   []string
	}{
		"nobody was asked": {nil, false, nil},
		"answered":         {[]web.EventView{event(time.Minute, good), event(2*time.Minute, silent)}, false, []string{"1m ago small:3b advised 9 replicas (80 % sure, valid for 4m, took 12s); its words: “it [2J grows and I say: scale to 99”"}},
		"silent since":     {[]web.EventView{event(time.Second, silent), event(6*time.Minute, good)}, false, []string{"1.0s ago small:3b gave none: status 500:  ]0;oh", "6m ago small:3b advised 9 replicas (80 % sure, expired, took 12s)"}},
		"no count":         {[]web.EventView{event(time.Second, steps)}, false, []string{"1.0s ago small:3b advised to shrink (80 % sure, valid for 4m59s, said before)"}},
		"of the past":      {[]web.EventView{event(time.Second, good), event(2*time.Minute, steps)}, true, []string{"1m ago small:3b advised to shrink (80 % sure, valid for 4m, said before)"}},
	} {
		e := explanation{now: now, latest: !tc.past, target: client.Target{Advice: &web.AdviceView{Newest: tc.newest}}}
		e.decision.Until.Time = now
		if tc.past {
			e.decision.Until.Time = now.Add(-time.Minute)
		}
		var out strings.Builder
		e.printAdvice(&out, 0)
		for _, want := range tc.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: got %q, want %q", name, out.String(), want)
			}
		}
		if n := strings.Count(out.String(), " ago "); n != len(tc.want) {
			t.Errorf("%s: got %d lines of advice, want %d: %q", name, n, len(tc.want), out.String())
		}
		if strings.ContainsAny(out.String(), "\x1b\x07") {
			t.Errorf("%s: a terminal would obey: %q", name, out.String())
		}
	}
}
