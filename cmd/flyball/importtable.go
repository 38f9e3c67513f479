package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
)

// maxImported is how many rows are read: what a trace may have.
const maxImported = 10_000_000

// table is the rows of a CSV file.
type table struct {
	first  time.Time
	rows   []time.Duration // since first, all rows
	starts []time.Duration // since first, rows with a value
	values []float64
}

// leftOut is how many rows have no value.
func (t *table) leftOut() int64 { return int64(len(t.rows) - len(t.starts)) }

// guess tells the format of times by one of them.
func guess(text string) string {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if math.Abs(n) >= 1e11 { // the year 5138 in seconds, 1973 in milliseconds
			return "unix-ms"
		}
		return "unix"
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05 -0700 MST", time.DateOnly} {
		if _, err := time.Parse(layout, text); err == nil {
			return layout
		}
	}
	return "rfc3339"
}

// add takes one row. One without a value leaves a gap.
func (t *table) add(format, at, value string) error {
	when, err := parseTime(format, strings.TrimSpace(at))
	if err != nil {
		return err
	}
	if t.first.IsZero() {
		t.first = when
	}
	start := when.Sub(t.first)
	switch n := len(t.rows); {
	case n > 0 && start <= t.rows[n-1]:
		before := t.first.Add(t.rows[n-1])
		return fmt.Errorf("time %q comes after %s: must rise from row to row; sort the rows, and state the zone of times that a change of clocks moves", at, before.UTC().Format(time.RFC3339Nano))
	case n >= maxImported:
		return fmt.Errorf("more than %d rows", maxImported)
	}
	t.rows = append(t.rows, start)
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "nan", "null", "na", "n/a", "-":
		return nil
	}
	number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	switch {
	case err != nil || math.IsInf(number, 0):
		return fmt.Errorf("value %.40q is not a number", value)
	case number < 0:
		return fmt.Errorf("value %v is negative: must be 0 or more", number)
	}
	t.starts, t.values = append(t.starts, start), append(t.values, number)
	return nil
}

func parseTime(format, text string) (time.Time, error) {
	unit, layout := 1e9, format
	switch format {
	case "unix-ms":
		unit = 1e6
		fallthrough
	case "unix":
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(math.Abs(n*unit) < 9e18) {
			return time.Time{}, fmt.Errorf("time %.40q is no number as %s", text, format)
		}
		whole, part := math.Modf(n)
		return time.Unix(0, 0).Add(time.Duration(whole)*time.Duration(unit) + time.Duration(math.Round(part*unit))), nil
	case "rfc3339":
		layout = time.RFC3339
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %.40q does not read as %s; set --time-format", text, format)
	}
	return t, nil
}

// trace makes rates of the values; a count is divided by the width of its bin.
// The width is that of step, or else the usual distance of all rows, also of
// those without a value.
func (t *table) trace(name string, counts bool, step time.Duration) (*workload.Trace, error) {
	trace, err := t.bins(name, step)
	if err != nil || !counts {
		return trace, err
	}
	bins := slices.Clone(trace.Bins())
	for i, b := range bins {
		bins[i].RPS = b.RPS / b.Width.Seconds()
	}
	return workload.NewTrace(name, bins)
}

func (t *table) bins(name string, step time.Duration) (*workload.Trace, error) {
	given := step > 0
	if !given && len(t.rows) > 1 {
		step = workload.UsualStep(t.rows)
	}
	trace, err := workload.FromRows(name, t.starts, t.values, step)
	if err != nil {
		return nil, err
	}
	// The file holds no step: whoever reads it takes the usual distance of the
	// rows that are in it.
	usual := workload.UsualStep(t.starts)
	read, err := workload.FromRows(name, t.starts, t.values, usual)
	switch {
	case err != nil:
		return nil, err
	case len(read.Gaps()) == len(trace.Gaps()) && usual <= step*3/2 && step <= usual*3/2:
		return trace, nil
	case given:
		return nil, cli.UsageError{Err: fmt.Errorf("--step: must be about %v, the usual distance of rows with a value, got %v", scale.Duration(usual), scale.Duration(step))}
	}
	return nil, fmt.Errorf("csv %s: rows come every %v, values every %v, which whoever reads the trace would take for its step: --step %v does so here", name, scale.Duration(step), scale.Duration(usual), scale.Duration(usual))
}

// fewRows is below how many rows their usual distance may well be another than
// that of the service that wrote them.
const fewRows = 5

// note says where the step is from, if it is a guess from few rows.
func (t *table) note(step time.Duration) string {
	if step > 0 || len(t.rows) >= fewRows {
		return ""
	}
	return fmt.Sprintf("%v is the usual distance of %d rows; --step sets another", scale.Duration(workload.UsualStep(t.rows)), len(t.rows))
}
