package present

import (
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

// perTrace is a table for each level: what each policy costs on each trace, over
// the clairvoyant's.
func (in Input) perTrace() []report.Table {
	var tables []report.Table
	for _, level := range in.Levels {
		at := slices.DeleteFunc(slices.Clone(in.PerTrace), func(s evaluate.Standing) bool { return s.Level != level })
		if len(at) > 0 {
			t := byTrace(at)
			t.Title = fmt.Sprintf("Trace by trace, at %s\u00a0%% avoidable violations", number(level*100))
			t.Text = "Replica-hours over the clairvoyant's at that level, whose own are in the last row. “–”: no setting holds the level. “!”: the one setting breaks it."
			tables = append(tables, t)
		}
	}
	return tables
}

// byTrace has a column for each trace and a row for each policy, the
// clairvoyant's last.
func byTrace(at []evaluate.Standing) report.Table {
	t := report.Table{Columns: []string{"Policy"}}
	var families []string
	cells := map[[2]string]string{}
	for _, s := range at {
		if !slices.Contains(t.Columns, s.Trace) {
			t.Columns = append(t.Columns, s.Trace)
		}
		if !slices.Contains(families, s.Family) && s.Family != evaluate.OracleFamily {
			families = append(families, s.Family)
		}
		cells[[2]string{s.Family, s.Trace}] = standingCell(s)
	}
	for _, family := range append(families, evaluate.OracleFamily) {
		row := []string{family}
		for _, trace := range t.Columns[1:] {
			row = append(row, cells[[2]string{family, trace}])
		}
		t.Rows = append(t.Rows, row)
	}
	t.Rows[len(families)][0] = "clairvoyant, replica-hours"
	return t
}

func standingCell(s evaluate.Standing) string {
	switch {
	case s.Family == evaluate.OracleFamily && s.ReplicaHours != nil:
		return fmt.Sprintf("%.1f", *s.ReplicaHours)
	case s.OverOracle == nil:
		return "–"
	case s.Violated:
		return fmt.Sprintf("%.2f\u00a0!", *s.OverOracle)
	}
	return fmt.Sprintf("%.2f", *s.OverOracle)
}
