package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/scale"
)

// asRecorded is the row of what was really run.
const asRecorded = "as recorded"

// mostLost is how many lost stretches a terminal shows.
const mostLost = 8

// print writes what people read at the end.
func (r *replayed) print(w io.Writer, width int) {
	d := r.demand
	fmt.Fprintf(w, "%s: %s to %s, %s\n", r.history.Target, minute(d.Start), minute(d.Start.Add(d.Length)), r.history.Source)
	for _, note := range r.history.Notes {
		fmt.Fprint(w, "  "+foldText(note, width-2))
	}
	printLost(w, d)
	r.printModel(w, width)
	r.printRuns(w, width)
	for _, failure := range r.results.Failures {
		fmt.Fprintf(w, "failed: %s, seed %d: %s\n", failure.Policy, failure.Seed, failure.Error)
	}
	fmt.Fprint(w, "\n"+foldText(r.trust(), width))
	if len(r.assumed) > 0 {
		fmt.Fprint(w, foldText("Assumed: "+strings.Join(r.assumed, "; ")+".", width))
	}
	if r.flags.out != "" {
		fmt.Fprintf(w, "\nreport: %s\n", reportPath(r.flags.out))
	}
}

// printLost lists what could not be recovered.
func printLost(w io.Writer, d *replay.Demand) {
	if len(d.Lost) == 0 {
		fmt.Fprintln(w, "demand recovered all of the time")
		return
	}
	fmt.Fprintf(w, "demand recovered %s of the time; left out:\n", shareOfTime(1-d.LostShare()))
	for i, s := range d.Lost {
		if i == mostLost {
			fmt.Fprintf(w, "  and %d more: see results.json\n", len(d.Lost)-i)
			break
		}
		fmt.Fprintf(w, "  %s  %s  %s: %s\n", minute(d.Start.Add(s.From)), inWords(s.To-s.From), s.Why, s.Text)
	}
}

// shareOfTime never says all or nothing where it is not.
func shareOfTime(share float64) string {
	p := share * 100
	if p > 99.95 && share < 1 {
		return "over 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", p)
}

func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// inWords is a length of time for people.
func inWords(d time.Duration) string {
	if d >= time.Minute {
		d = d.Round(time.Second)
	} else {
		d = d.Round(time.Second / 10)
	}
	return scale.Duration(d).String()
}

func (r *replayed) printModel(w io.Writer, width int) {
	fmt.Fprintln(w, "\nmodel of the service")
	var t alignedTable
	cells := make([][]string, 4)
	for _, row := range r.values() {
		for i, text := range row {
			cells[i] = append(cells[i], text)
		}
	}
	t.add("", false, cells[0]...)
	t.add("", false, cells[1]...)
	t.add("", false, cells[2]...)
	t.print(indented{w}, width-2)
	fmt.Fprint(w, foldText("  "+r.fitInWords(), width))
}

// indented writes lines two columns further to the right, empty ones left out.
type indented struct{ io.Writer }

func (i indented) Write(p []byte) (int, error) {
	for _, line := range strings.SplitAfter(string(p), "\n") {
		if strings.TrimSpace(line) != "" {
			if _, err := io.WriteString(i.Writer, "  "+line); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// values are the model as rows: name, value, origin, how.
func (r *replayed) values() [][]string {
	var rows [][]string
	for _, v := range r.service.Values {
		rows = append(rows, []string{v.Name, valueText(v), string(v.Origin), v.How})
	}
	return rows
}

func valueText(v replay.Value) string {
	switch {
	case v.Unit == "s" && v.Value < 1:
		return fmt.Sprintf("%.3g ms", v.Value*1000)
	case v.Unit != "":
		return fmt.Sprintf("%.4g %s", v.Value, v.Unit)
	}
	return fmt.Sprintf("%.3g", v.Value)
}

// fitInWords says how well the model says what was measured.
func (r *replayed) fitInWords() string {
	f := r.fit
	if f.P95Bias == nil && f.UtilizationBias == nil {
		return "fit: nothing recorded to compare the model with"
	}
	text := fmt.Sprintf("fit over %d moments at rest:", f.Moments)
	if f.P95Bias != nil {
		text += fmt.Sprintf(" p95 %s, nine in ten within %.1f %%;", signed(*f.P95Bias), 100**f.P95Error)
	}
	if f.UtilizationBias != nil {
		text += fmt.Sprintf(" %s %s, nine in ten within %.1f %%;", f.Of, signed(*f.UtilizationBias), 100**f.UtilizationError)
	}
	return strings.TrimSuffix(text, ";")
}

func signed(share float64) string { return fmt.Sprintf("%+.1f %%", share*100) }

// printRuns is the table: what was recorded, then every policy.
func (r *replayed) printRuns(w io.Writer, width int) {
	fmt.Fprintf(w, "\n%s of load, %s each, %s\n\n", inWords(r.demand.Length), howMany(len(r.job.seeds), "seed"), map[bool]string{true: "as a fluid", false: "request by request"}[r.job.cases[0].Fluid])
	rows := [][]string{r.recordedRow()}
	for _, o := range overalls(r.results.Runs) {
		violations := math.NaN()
		for _, run := range r.results.Runs {
			if run.Policy == o.policy {
				violations = zeroIfNaN(violations) + run.ViolationRatio/float64(len(r.job.seeds))
			}
		}
		rows = append(rows, []string{r.label(o.policy), fmt.Sprintf("%.2f", o.hours), percent(violations), percent(o.avoidable), times(o.overOracle), fmt.Sprintf("%.0f", o.p95*1000), fmt.Sprintf("%.1f", o.actions), fmt.Sprintf("%.2f", o.cost)})
	}
	columns := make([][]string, 8)
	for _, row := range rows {
		for i, text := range row {
			columns[i] = append(columns[i], text)
		}
	}
	var t alignedTable
	t.add("policy", false, columns[0]...)
	t.add("replica-hours", true, columns[1]...)
	t.add("violated %", true, columns[2]...)
	t.add("avoidable %", true, columns[3]...)
	t.add("× oracle", true, columns[4]...)
	t.add("p95 ms", true, columns[5]...)
	t.add("actions/h", true, columns[6]...)
	if r.flags.perReplicaHour != 1 {
		t.add("cost", true, columns[7]...)
	}
	t.print(w, width)
}

func zeroIfNaN(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// label marks the HPA that was calibrated on this history.
func (r *replayed) label(policy string) string {
	if policy != r.calibrated {
		return policy
	}
	if r.calibratedHolds {
		return policy + " (calibrated)"
	}
	return policy + " (none holds)"
}

func (r *replayed) recordedRow() []string {
	o := r.recorded
	row := []string{asRecorded, "–", "–", "–", "–", "–", "–", "–"}
	if o.ReplicaHours > 0 {
		row[1], row[7] = fmt.Sprintf("%.2f", o.ReplicaHours), fmt.Sprintf("%.2f", o.ReplicaHours*r.flags.perReplicaHour)
		row[6] = fmt.Sprintf("%.1f", float64(o.ScalingActions)/o.Hours)
	}
	if o.ViolationRatio != nil {
		row[2] = percent(*o.ViolationRatio)
	}
	return row
}

// trust says how far the figures can be.
func (r *replayed) trust() string {
	c := r.check()
	if c == nil {
		return "How far the simulation agrees with what really ran is not known: give the document it ran from with -f."
	}
	text := fmt.Sprintf("Check: the simulated %s has %s replica-hours beside what was recorded", c.Policy, signed(c.ReplicaHours))
	if c.ViolationRatio != nil {
		text += fmt.Sprintf(", and %+.2f points of violations", 100**c.ViolationRatio)
	}
	if math.Abs(c.ReplicaHours) > 0.1 {
		return text + ". That is much: do not believe the other rows before you know why."
	}
	return text + "."
}
