package present

import (
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

// Targets is a table for each level of what a candidate was to show.
func Targets(t evaluate.Targets) []report.Table {
	var all []report.Table
	for _, row := range t.Rows {
		title := fmt.Sprintf("%s, its default setting, at %s\u00a0%% avoidable violations", t.Candidate, number(row.Level*100))
		if n := len(all); n == 0 || all[n-1].Title != title {
			all = append(all, report.Table{Title: title, Columns: []string{"Target", "At most", "Shown", "Met", "95 %", "Worst", "Trace", "Traces"}})
		}
		table := &all[len(all)-1]
		table.Rows = append(table.Rows, targetRow(row))
		if len(row.Without) > 0 {
			table.Text = strings.TrimSpace(table.Text + fmt.Sprintf(" “%s” leaves out %s.", row.Name, strings.Join(row.Without, "; ")))
		}
	}
	return all
}

func targetRow(t evaluate.Target) []string {
	times := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.2f", *v)
	}
	if t.Limit == 0 { // a count of traces
		times = func(v *float64) string {
			if v == nil {
				return "–"
			}
			return number(*v)
		}
	}
	interval, worst := "", times(t.Worst)
	if t.Low != nil && *t.Low < *t.High {
		interval = fmt.Sprintf("%.2f – %.2f", *t.Low, *t.High)
	}
	if t.Limit == 0 && t.Worst != nil {
		worst = number(*t.Worst*100) + "\u00a0%"
	}
	met := "no"
	if t.Met {
		met = "yes"
	}
	if len(t.Fails) > 0 && t.Limit > 0 {
		met += ", not held on " + strings.Join(t.Fails, ", ")
	}
	return []string{t.Name, times(&t.Limit), times(t.Value), met, interval, worst, t.WorstTrace, fmt.Sprint(t.Traces)}
}
