package web

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// However many targets there are, all together take no more than their share;
// one alone has the last three hours.
func TestRoomIsSharedOut(t *testing.T) {
	if r := roomFor(1); r.span() != 3*time.Hour || r.decisions != maxDecisions {
		t.Errorf("one target: %+v, want three hours and all decisions", r)
	}
	for _, n := range []int{0, 1, 10, 100, 1000, 2000} {
		r := roomFor(n)
		if r.points*n > allPoints+300*n || r.decisions*n > allDecisions+20*n || r.points < 300 || r.recent < 4 {
			t.Errorf("%d targets: %+v each", n, r)
		}
	}
}

// A history that has run for days keeps its newest and no more than its room.
func TestHistoryKeepsToItsRoom(t *testing.T) {
	h := newHistory("shop")
	h.room = roomFor(1000)
	start := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for i := range 20_000 {
		at := start.Add(time.Duration(i) * time.Second)
		h.addReport(control.Report{Target: "shop", At: at})
		h.addDecision(record.Decided{Mode: scale.Apply, Decision: scale.Decision{At: at, CurrentReplicas: i % 2, DesiredReplicas: 1}})
	}
	for what, n := range map[string][2]int{
		"points": {len(h.points), h.room.points}, "decisions": {len(h.decisions), h.room.decisions}, "whole decisions": {len(h.recent), h.room.recent},
	} {
		if n[0] < n[1] || n[0] > n[1]+n[1]/8+2 {
			t.Errorf("%s: %d kept, want about %d", what, n[0], n[1])
		}
	}
	if newest := h.points[len(h.points)-1].T; newest != unix(start)+19_999 {
		t.Errorf("the newest point is of %v, want the last second", newest)
	}
}
