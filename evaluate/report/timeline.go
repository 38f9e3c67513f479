package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/sim"
)

// mostPoints keeps a page of 12 traces and 8 policies under 3 MB: a point takes
// 6 to 8 bytes.
const mostPoints = 300_000

// timelines is what page.js draws.
type timelines struct {
	Threshold float64         `json:"threshold"` // ms; 0: none
	Policies  []string        `json:"policies"`
	Shown     []int           `json:"shown"`
	Traces    []timelineTrace `json:"traces"`
}

type timelineTrace struct {
	Unit   float64        `json:"unit"`            // seconds of one step of time
	Length float64        `json:"length"`          // steps
	Start  int64          `json:"start,omitempty"` // Unix milliseconds; 0: none
	Gaps   []timelineGap  `json:"gaps,omitempty"`
	Load   flat           `json:"load"`
	Demand flat           `json:"demand,omitempty"`
	Oracle flat           `json:"oracle,omitempty"`
	Lines  []timelineLine `json:"lines"`
}

type timelineGap struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Why  string  `json:"why"`
}

type timelineLine struct {
	Policy  int  `json:"policy"`
	Ready   flat `json:"ready"`
	Desired flat `json:"desired"`
	Billed  flat `json:"billed"`
	P95     flat `json:"p95"` // ms; −1: no answer
}

// flat is a line as the page reads it: time since the point
// before, value, and so on.
type flat []float64

// drawn holds the lines of all traces before they are made short.
type drawn struct {
	trace *timelineTrace
	lines []drawnLine
}

type drawnLine struct {
	to     *flat
	points []point
}

func (r Report) timelines() timelines {
	t := timelines{Threshold: float64(r.Objective.Threshold) / 1e6, Policies: r.policies(), Traces: make([]timelineTrace, len(r.Traces))}
	t.Shown = r.shown(t.Policies)
	var all []drawn
	var lengths []int
	for i, trace := range r.Traces {
		d := trace.draw(&t.Traces[i], t.Policies)
		all = append(all, d)
		for _, line := range d.lines {
			lengths = append(lengths, len(line.points))
		}
	}
	most := share(lengths, mostPoints)
	for _, d := range all {
		for _, line := range d.lines {
			*line.to = flatten(reduce(line.points, most))
		}
	}
	return t
}

// shown are the policies that the timelines begin with: those compared, or the
// first two.
func (r Report) shown(policies []string) []int {
	first := policies[:min(2, len(policies))]
	if len(r.Comparisons) > 0 {
		first = []string{r.Comparisons[0].Baseline, r.Comparisons[0].Candidate}
	}
	shown := []int{}
	for i, policy := range policies {
		if slices.Contains(first, policy) {
			shown = append(shown, i)
		}
	}
	return shown
}

func (t Trace) length() time.Duration {
	length := t.Length
	if length == 0 {
		for _, line := range t.Lines {
			if n := len(line.Moments); n > 1 {
				length = max(length, 2*line.Moments[n-1].At-line.Moments[n-2].At)
			}
		}
	}
	return length
}

// draw fills in what is short and lists the lines that are long.
func (t Trace) draw(to *timelineTrace, policies []string) drawn {
	*to = timelineTrace{Unit: 1}
	if t.length() < 1000*time.Second {
		to.Unit = 0.1
	}
	at := func(d time.Duration) float64 { return math.Round(d.Seconds() / to.Unit) }
	to.Length = max(1, at(t.length()))
	if !t.Start.IsZero() {
		to.Start = t.Start.UnixMilli()
	}
	for _, gap := range t.Unscored {
		to.Gaps = append(to.Gaps, timelineGap{at(gap.From), at(gap.To), gap.Why})
	}
	d := drawn{trace: to}
	d.add(&to.Demand, counts(t.Demand, at))
	d.add(&to.Oracle, counts(t.Oracle, at))
	to.Lines = make([]timelineLine, len(t.Lines))
	for i, line := range t.Lines {
		l := &to.Lines[i]
		l.Policy = slices.Index(policies, line.Policy)
		if i == 0 {
			d.add(&to.Load, moments(line.Moments, at, func(m sim.Moment) float64 { return significant(m.RequestRate) }))
		}
		d.add(&l.Ready, changes(moments(line.Moments, at, func(m sim.Moment) float64 { return float64(m.Ready) })))
		d.add(&l.Desired, changes(moments(line.Moments, at, func(m sim.Moment) float64 { return float64(m.Desired) })))
		d.add(&l.Billed, changes(moments(line.Moments, at, func(m sim.Moment) float64 { return float64(m.Billed) })))
		d.add(&l.P95, moments(line.Moments, at, func(m sim.Moment) float64 {
			if m.P95 <= 0 {
				return -1
			}
			return significant(m.P95 * 1000)
		}))
	}
	return d
}

func (d *drawn) add(to *flat, points []point) { d.lines = append(d.lines, drawnLine{to, points}) }

func moments(all []sim.Moment, at func(time.Duration) float64, value func(sim.Moment) float64) []point {
	points := make([]point, len(all))
	for i, m := range all {
		points[i] = point{at(m.At), value(m)}
	}
	return points
}

func counts(all []Count, at func(time.Duration) float64) []point {
	points := make([]point, len(all))
	for i, c := range all {
		points[i] = point{at(c.At), float64(c.Replicas)}
	}
	return changes(points)
}

// significant keeps three digits: more than a screen can show.
func significant(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	digits := math.Floor(math.Log10(math.Abs(v))) - 2
	if digits >= 0 {
		return math.Round(v)
	}
	unit := math.Pow(10, -digits)
	return math.Round(v*unit) / unit
}

func flatten(points []point) flat {
	f := make(flat, 0, 2*len(points))
	before := 0.0
	for _, p := range points {
		f = append(f, p.t-before, p.v)
		before = p.t
	}
	return f
}

// traceView is a trace in words: what a reader sees who cannot see the picture.
type traceView struct {
	Index       int
	Name, About string
	Summary     string
	Policies    []summaryRow
	Lines       []legendView
	// Demand and Oracle say whether they are drawn.
	Demand, Oracle bool
}

type summaryRow struct {
	Policy   int
	Name     string
	Replicas string
	Late     string
}

// legendView is a line's place among the policies, for its colour and dashes.
type legendView struct {
	Policy int
	Name   string
	Shown  bool
}

func (r Report) trace(i int, policies []string, shown []int) traceView {
	t := r.Traces[i]
	v := traceView{Index: i, Name: t.Name, About: t.About, Summary: t.summary(), Demand: len(t.Demand) > 0, Oracle: len(t.Oracle) > 0}
	for _, line := range t.Lines {
		p := slices.Index(policies, line.Policy)
		v.Lines = append(v.Lines, legendView{p, line.Policy, slices.Contains(shown, p)})
		v.Policies = append(v.Policies, line.summary(p, r.Objective.Threshold, t.length()))
	}
	return v
}

func (t Trace) summary() string {
	if len(t.Lines) == 0 || len(t.Lines[0].Moments) == 0 {
		return "No timeline was kept."
	}
	byRate := func(a, b sim.Moment) int { return cmp.Compare(a.RequestRate, b.RequestRate) }
	all := t.Lines[0].Moments
	text := fmt.Sprintf("%s of %s to %s requests/s", span(t.length()), number(significant(slices.MinFunc(all, byRate).RequestRate)), number(significant(slices.MaxFunc(all, byRate).RequestRate)))
	if len(t.Demand) > 0 {
		low, high := t.Demand[0].Replicas, t.Demand[0].Replicas
		for _, c := range t.Demand {
			low, high = min(low, c.Replicas), max(high, c.Replicas)
		}
		text += fmt.Sprintf(", which demand %d to %d replicas", low, high)
	}
	return text + "."
}

func (l Line) summary(policy int, threshold, length time.Duration) summaryRow {
	row := summaryRow{Policy: policy, Name: l.Policy, Replicas: unknown, Late: unknown}
	if len(l.Moments) == 0 {
		return row
	}
	low, high := l.Moments[0].Ready, l.Moments[0].Ready
	var late time.Duration
	for i, m := range l.Moments {
		low, high = min(low, m.Ready), max(high, m.Ready)
		end := length
		if i+1 < len(l.Moments) {
			end = l.Moments[i+1].At
		}
		if m.P95 > threshold.Seconds() {
			late += end - m.At
		}
	}
	row.Replicas = fmt.Sprintf("%d–%d ready", low, high)
	if threshold > 0 {
		row.Late = "p95 over " + span(threshold) + " for " + span(late)
	}
	return row
}
