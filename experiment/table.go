package experiment

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// Print writes the summaries side by side, one column for each phase.
func Print(w io.Writer, all []Summary) error {
	rows, widths := make([][]string, 0, len(lines())), make([]int, len(all)+1)
	for _, l := range lines() {
		row := []string{l.name}
		for _, s := range all {
			row = append(row, l.of(s))
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		line := fmt.Sprintf("%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

type summaryLine struct {
	name string
	of   func(s Summary) string
}

// lines are what a comparison of phases shows.
func lines() []summaryLine {
	number := func(of func(s Summary) *float64, format string, factor float64) func(Summary) string {
		return func(s Summary) string {
			v := of(s)
			if v == nil {
				return "–"
			}
			return fmt.Sprintf(format, *v*factor)
		}
	}
	return []summaryLine{
		{"phase", func(s Summary) string { return string(s.Mode) }},
		{"time", func(s Summary) string { return s.Duration.Round(time.Second).String() }},
		{"rows", func(s Summary) string { return fmt.Sprint(s.Rows) }},
		{"replica-hours", func(s Summary) string { return fmt.Sprintf("%.3f", s.ReplicaHours) }},
		{"replicas, mean", func(s Summary) string { return fmt.Sprintf("%.2f", s.MeanReplicas) }},
		{"least and most", func(s Summary) string { return fmt.Sprintf("%d–%d", s.MinReplicas, s.MaxReplicas) }},
		{"changes (reversals)", func(s Summary) string { return fmt.Sprintf("%d (%d)", s.Changes, s.Reversals) }},
		{"CPU per replica, mean", number(func(s Summary) *float64 { return s.MeanCPUMillicores }, "%.0f m", 1)},
		{"memory per replica, mean", number(func(s Summary) *float64 { return s.MeanMemoryMebibytes }, "%.1f MiB", 1)},
		{"time above the CPU target", number(func(s Summary) *float64 { return s.OverTarget }, "%.1f %%", 100)},
		{"wish of the live HPA, mean", number(func(s Summary) *float64 { return s.MeanHPALive }, "%.2f", 1)},
		{"of the computed HPA", number(func(s Summary) *float64 { return s.MeanHPASim }, "%.2f", 1)},
		{"computed = live", number(func(s Summary) *float64 { return s.SimEqual }, "%.1f %%", 100)},
		{"within one of it", number(func(s Summary) *float64 { return s.SimWithinOne }, "%.1f %%", 100)},
		{"wish of the AI, mean", number(func(s Summary) *float64 { return s.MeanAI }, "%.2f", 1)},
		{"its confidence, mean", number(func(s Summary) *float64 { return s.MeanConfidence }, "%.2f", 1)},
	}
}
