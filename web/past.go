package web

import (
	"cmp"
	"slices"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// recall adds a decision of the record to a history that holds nothing else:
// its line, its point, and what it says of the objective.
func (h *history) recall(d *record.Decided) {
	h.addDecision(*d)
	h.reportAt = d.Decision.At
	if h.keeper != nil {
		h.keeper.recall(d)
	}
	p := recordedPoint(d)
	if n := len(h.points); n > 0 && h.points[n-1].T >= p.T {
		h.points[n-1] = p
		return
	}
	h.points = append(h.points, p)
}

// recordedPoint is what a decision in the record says of its second. A value
// that was not fresh then was not measured then.
func recordedPoint(d *record.Decided) Point {
	p := unmeasured(d.Decision.At)
	p.Ready, p.Starting, p.Terminating = Number(d.Seen.Ready), Number(d.Seen.Starting), Number(d.Seen.Terminating)
	p.Desired = Number(d.Decision.DesiredReplicas)
	for i := range d.Shadows {
		if p.Shadows == nil {
			p.Shadows = make(map[string]int, len(d.Shadows))
		}
		p.Shadows[d.Shadows[i].Policy] = d.Shadows[i].DesiredReplicas
	}
	for i := range d.Seen.Signals {
		m := &d.Seen.Signals[i]
		switch {
		case m.Trust != scale.Fresh:
		case m.Name == scale.Latency:
			p.P50, p.P95, p.P99 = quantile(m.P50), quantile(max(m.P95, m.Value)), quantile(m.P99)
		default:
			p.sample(&scale.Sample{Signal: m.Name, Value: m.Value})
		}
	}
	return p
}

// quantile reads a recorded quantile: 0 stands for none.
func quantile(v float64) Number {
	if v == 0 {
		return Unknown()
	}
	return Number(v)
}

// recall counts the requests that a decision had seen.
func (k *keeper) recall(d *record.Decided) {
	rate, bad := freshSignal(&d.Seen, scale.RequestRate), freshSignal(&d.Seen, scale.ViolationRatio)
	if rate == nil {
		return
	}
	v := share{}
	if bad != nil {
		answered := freshSignal(&d.Seen, scale.Latency) != nil
		v = share{min(1, max(0, bad.Value)), rate.Value > 0 || bad.Value > 0 || answered}
	}
	k.count(d.Decision.At, rate.Value, rate.Window, v)
}

func freshSignal(seen *record.Seen, name string) *record.Measured {
	for i := range seen.Signals {
		if m := &seen.Signals[i]; m.Name == name && m.Trust == scale.Fresh {
			return m
		}
	}
	return nil
}

// precede puts what the record knows of a target before what was heard of it
// since the start. What both know counts once.
func (h *history) precede(past *history) {
	points := past.points
	if len(h.points) > 0 {
		i, _ := slices.BinarySearchFunc(points, h.points[0].T, func(p Point, t float64) int { return cmp.Compare(p.T, t) })
		points = points[:i]
	} else {
		h.desired, h.wishes = past.desired, past.wishes
	}
	h.points = slices.Concat(points, h.points)
	if h.reportAt.IsZero() {
		h.reportAt = past.reportAt
	}
	if h.keeper != nil && past.keeper != nil {
		h.keeper.precede(past.keeper)
	}
	h.precedeLog(past)
}

// precedeLog joins the two logs where they meet: the same run goes on.
func (h *history) precedeLog(past *history) {
	if len(h.decisions) == 0 {
		h.decisions, h.recent = past.decisions, past.recent
		h.hand.decided = past.hand.decided
		return
	}
	first, lines := &h.decisions[0], past.decisions
	for len(lines) > 0 && lines[len(lines)-1].ID >= first.ID {
		lines = lines[:len(lines)-1]
	}
	if n := len(lines); n > 0 && (lines[n-1].Newest >= first.ID || lines[n-1].sameRun(first)) {
		last := lines[n-1]
		first.Count += last.Count - past.countRecent(first.ID, last.Newest)
		first.ID, first.At = last.ID, last.At
		if first.Applied == nil {
			first.Applied = last.Applied
		}
		lines = lines[:n-1]
	}
	h.decisions = slices.Concat(lines, h.decisions)
}

// countRecent counts the newest decisions with an ID from one to another.
func (h *history) countRecent(from, to int64) int {
	n := 0
	for i := range h.recent {
		if id := decisionID(h.recent[i].Decision.At); from <= id && id <= to {
			n++
		}
	}
	return n
}
