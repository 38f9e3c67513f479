package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	page "github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/scale"
)

// mostReasons is how many reasons a terminal shows.
const mostReasons = 6

// aWish is said wherever wishes stand beside what was.
const aWish = "A wish is no trajectory: the shadow saw the replicas that there were, not its own. flyball replay says what it would have come to."

// print writes what people read.
func (r *reported) print(w io.Writer) {
	width := cli.ScreenWidth(w)
	fmt.Fprintf(w, "%s: %s to %s\n", r.Target, minute(r.From), minute(r.To))
	for _, row := range r.figures() {
		fmt.Fprintf(w, "  %-12s%s\n", row[0], row[1])
	}
	fmt.Fprintln(w)
	printTable(w, width, r.wishTable())
	if len(r.Wishes) > 1 {
		fmt.Fprint(w, foldText(aWish, width))
	}
	fmt.Fprintln(w)
	printTable(w, width, r.ruleTable())
	fmt.Fprintln(w, "\nmost frequent reasons")
	for _, c := range r.Reasons[:min(mostReasons, len(r.Reasons))] {
		fmt.Fprint(indented{w}, foldText(fmt.Sprintf("%d × %s, as in: %s", c.Count, c.Name, c.Example), width-2))
	}
	if len(r.Events) > 0 {
		var events []string
		for _, c := range r.Events {
			events = append(events, fmt.Sprintf("%s %d", c.Name, c.Count))
		}
		fmt.Fprint(w, "\n"+foldText("events: "+strings.Join(events, ", "), width))
	}
	if r.demand != nil && len(r.demand.Lost) > 0 {
		printLost(w, r.demand)
	}
}

// figures are what was, a line each.
func (r *reported) figures() [][]string {
	rows := [][]string{{"cost", fmt.Sprintf("%.2f: %.2f replica-hours at %v", r.Cost, r.ReplicaHours, r.Price)},
		{"replicas", fmt.Sprintf("%.2f on average, %d to %d, over %.1f hours that are known", r.MeanReplicas, r.MinReplicas, r.MaxReplicas, r.Hours)}}
	requests := humanize.Comma(int64(r.Requests))
	if r.Failed != nil && r.Requests > 0 {
		requests += fmt.Sprintf(", %s %% failed", percent(min(1, *r.Failed/r.Requests)))
	}
	if r.ViolationRatio != nil {
		requests += fmt.Sprintf(", %s %% not good", percent(*r.ViolationRatio))
	}
	rows = append(rows, []string{"requests", requests})
	if r.P95 != nil {
		rows = append(rows, []string{"p95", fmt.Sprintf("%.0f ms, the median over time", *r.P95*1000)})
	}
	changes := fmt.Sprintf("%d up, %d down", r.Up, r.Down)
	if r.NotDone > 0 {
		changes += fmt.Sprintf(", %d could not be done", r.NotDone)
	}
	rows = append(rows, []string{"changes", changes})
	if len(r.Modes) > 1 || len(r.Modes) == 1 && r.Modes[0].Name != "Apply" {
		var modes []string
		for _, m := range r.Modes {
			modes = append(modes, fmt.Sprintf("%s %.1f %%", m.Name, m.Share*100))
		}
		rows = append(rows, []string{"modes", strings.Join(modes, ", ")})
	}
	return rows
}

// wishTable is what was paid, beside what was asked for.
func (r *reported) wishTable() page.Table {
	t := page.Table{Title: "What was paid, and what was wished", Text: aWish, Columns: []string{"", "replica-hours", "cost", "to what was paid", "changes"}}
	t.Rows = append(t.Rows, []string{"paid", fmt.Sprintf("%.2f", r.ReplicaHours), fmt.Sprintf("%.2f", r.Cost), "–", fmt.Sprint(r.Up + r.Down)})
	for _, w := range r.Wishes {
		name, hours := w.Policy+", asked for", w.ReplicaHours
		if w.Shadow {
			name = w.Policy + " (shadow), wish"
		}
		if w.Hours > 0 {
			hours *= r.Hours / w.Hours // as if it had been there all the time
		}
		to := "–"
		if r.ReplicaHours > 0 {
			to = signed(hours/r.ReplicaHours - 1)
		}
		t.Rows = append(t.Rows, []string{name, fmt.Sprintf("%.2f", hours), fmt.Sprintf("%.2f", hours*r.Price), to, fmt.Sprint(w.Changes)})
	}
	return t
}

func (r *reported) ruleTable() page.Table {
	t := page.Table{Title: "Who decided", Text: fmt.Sprintf("%s; a rule decided where it set the number, changes are those that came of it.", scale.Count(r.Decisions, "decision")), Columns: []string{"decided by", "decisions", "share %", "changes"}}
	for _, c := range r.Rules {
		t.Rows = append(t.Rows, []string{c.Name, fmt.Sprint(c.Count), fmt.Sprintf("%.1f", c.Share*100), fmt.Sprint(c.Changes)})
	}
	return t
}

func (r *reported) reasonTable() page.Table {
	t := page.Table{Title: "Most frequent reasons", Columns: []string{"reason, and the last one in words", "decisions", "changes"}}
	for _, c := range r.Reasons[:min(20, len(r.Reasons))] {
		t.Rows = append(t.Rows, []string{c.Name + ", as in: " + c.Example, fmt.Sprint(c.Count), fmt.Sprint(c.Changes)})
	}
	return t
}

// printTable writes a table of the page for a terminal.
func printTable(w io.Writer, width int, table page.Table) {
	var t alignedTable
	for i, title := range table.Columns {
		var cells []string
		for _, row := range table.Rows {
			cells = append(cells, row[i])
		}
		t.add(title, i > 0, cells...)
	}
	t.print(w, width)
}

// reportPage is the page about all targets.
func reportPage(all []*reported) page.Report {
	p := page.Report{Title: "What was run", Setting: "Summed up from the record of flyball run: nothing here is simulated.",
		Limits: []string{aWish, "Violations and latencies are those of windows as the balancer measured them, weighted by requests."}}
	var answers []string
	for _, r := range all {
		answer := fmt.Sprintf("%s cost %.2f (%.2f replica-hours) from %s to %s", r.Target, r.Cost, r.ReplicaHours, minute(r.From), minute(r.To))
		if r.ViolationRatio != nil {
			answer += fmt.Sprintf("; %s %% of its requests were not good", percent(*r.ViolationRatio))
		}
		answers = append(answers, answer+".")
		figures := page.Table{Title: r.Target, Columns: []string{"", ""}, Rows: r.figures()}
		p.Calibration = append(p.Calibration, figures, r.wishTable(), r.ruleTable(), r.reasonTable())
		if r.demand != nil {
			p.Calibration = append(p.Calibration, lostTable(r.demand))
			p.Traces = append(p.Traces, r.trace())
		}
	}
	p.Answer = strings.Join(answers, " ")
	return p
}

// trace is the timeline: what was, and what the shadows wished.
func (r *reported) trace() page.Trace {
	d, service := r.demand, r.service
	if service == nil {
		service = &replay.Service{Slots: 1}
	}
	step := timelineStep(d.Length)
	t := page.Trace{Name: r.Target, About: r.history.Source, Start: d.Start, Length: d.Length, Unscored: unscoredOf(d),
		Lines: []page.Line{{Policy: asRecorded, Moments: r.history.Timeline(d, service, step)}}}
	for _, w := range r.Wishes {
		if w.Shadow {
			t.Lines = append(t.Lines, page.Line{Policy: w.Policy + ", wish", Moments: r.Line(w.Policy, d.Start, step)})
		}
	}
	return t
}
