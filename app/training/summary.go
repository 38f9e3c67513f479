package training

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
)

// verdictColumns are those of what is judged now and then; empty in between.
func verdictColumns() []string {
	return []string{"judged_cost_over_base", "judged_replicas_over_base", "judged_violations", "judged_violations_of_base", "judged_regret", "judged_regret_of_base"}
}

func (v *Verdict) values() []float64 {
	return []float64{v.OverBase, v.Replicas, v.Violations, v.BaseViolations, v.Regret, v.BaseRegret}
}

// Summary is a training as CSV: a row per update. What did not happen in an update
// is empty.
func Summary(points []Point) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	header := []string{"seed", "update", "steps", "episodes", "return", "length"}
	if len(points) > 0 {
		for _, f := range points[0].Figures {
			header = append(header, strings.ReplaceAll(strings.ToLower(f.Name), " ", "_"))
		}
	}
	w.Write(append(header, verdictColumns()...)) //nolint:errcheck // into memory
	for i := range points {
		w.Write(points[i].row()) //nolint:errcheck // into memory
	}
	w.Flush()
	return b.Bytes()
}

func (p *Point) row() []string {
	row := []string{strconv.FormatUint(p.Seed, 10), strconv.Itoa(p.Updates), strconv.Itoa(p.Steps), strconv.Itoa(p.Episodes), number(p.Return), number(p.Length)}
	for _, f := range p.Figures {
		row = append(row, number(f.Value))
	}
	if p.Verdict == nil {
		return append(row, make([]string, len(verdictColumns()))...)
	}
	for _, v := range p.Verdict.values() {
		row = append(row, number(v))
	}
	return row
}

func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 7, 64)
}

// figure is a named number of a point; NaN: it has none.
func (p *Point) figure(name string) float64 {
	for _, f := range p.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return math.NaN()
}
