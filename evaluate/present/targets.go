package present

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

// Targets is a table for each level of what a candidate was to show.
func Targets(t evaluate.Targets) []report.Table {
	var all []report.Table
	var rows []evaluate.Target
	for i, row := range t.Rows {
		if rows = append(rows, row); i+1 < len(t.Rows) && t.Rows[i+1].Level == row.Level {
			continue
		}
		table := report.Table{
			Title:   fmt.Sprintf("%s, its default setting, at %s\u00a0%% avoidable violations", t.Candidate, number(row.Level*100)),
			Columns: []string{"Target", "At most", "Shown", "Met", "Worst", "Trace", "Mean (95 %)", "Clairvoyant", "Traces"},
			Text:    leftOut(rows),
		}
		for n, row := range rows {
			table.Rows = append(table.Rows, targetRow(n+1, row))
		}
		all, rows = append(all, table), nil
	}
	return all
}

func targetRow(n int, t evaluate.Target) []string {
	times := func(v *float64) string {
		switch {
		case v == nil:
			return "–"
		case t.Limit == 0: // a number of traces
			return number(*v)
		}
		return fmt.Sprintf("%.2f", *v)
	}
	worst, interval, met := times(t.Worst), "–", "no"
	if t.Limit == 0 && t.Worst != nil {
		worst = number(*t.Worst*100) + "\u00a0%"
	}
	if t.Low != nil {
		interval = fmt.Sprintf("%.2f (%.2f – %.2f)", *t.Mean, *t.Low, *t.High)
	}
	if t.Met {
		met = "yes"
	}
	return []string{fmt.Sprintf("%d. %s", n, t.Name), times(&t.Limit), times(t.Value), met, worst, t.WorstTrace, interval, times(t.Clairvoyant), strconv.Itoa(t.Traces)}
}

// leftOut says of which traces a target is not, and on which only the candidate
// gets nowhere.
func leftOut(rows []evaluate.Target) string {
	var order []string
	of := map[string][]string{}
	say := func(what string, n int) {
		if of[what] == nil {
			order = append(order, what)
		}
		of[what] = append(of[what], strconv.Itoa(n))
	}
	for i, row := range rows {
		for _, text := range without(row.Without) {
			say(text, i+1)
		}
		if len(row.Fails) > 0 {
			say("not met on "+strings.Join(row.Fails, ", "), i+1)
		}
	}
	var sentences []string
	for _, what := range order {
		sentences = append(sentences, strings.Join(of[what], ", ")+": "+what+".")
	}
	return strings.Join(sentences, " ")
}

// without names the traces that are left out for each reason.
func without(all []evaluate.Without) []string {
	var reasons, texts []string
	for _, w := range all {
		i := slices.Index(reasons, w.Why)
		if i < 0 {
			reasons, texts = append(reasons, w.Why), append(texts, "without "+w.Trace)
			continue
		}
		texts[i] += ", " + w.Trace
	}
	for i, why := range reasons {
		texts[i] += " (" + why + ")"
	}
	return texts
}
