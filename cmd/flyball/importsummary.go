package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
	"github.com/flyball-io/flyball/workload/accesslog"
)

// importSummary is what was read and what was written.
type importSummary struct {
	Source string `json:"source"`
	Out    string `json:"out"`
	// Start is when the trace begins; zero when the source had no dates.
	Start       time.Time `json:"start,omitzero"`
	StepSeconds float64   `json:"step_seconds"`
	// StepFrom says where the step is from when it is a guess.
	StepFrom      string  `json:"step_from,omitempty"`
	LengthSeconds float64 `json:"length_seconds"`
	Rows          int     `json:"rows"`
	Gaps          int     `json:"gaps"`
	GapSeconds    float64 `json:"gap_seconds"`
	Requests      float64 `json:"requests"`
	// Of the recorded time.
	Mean float64 `json:"mean_requests_per_second"`
	P99  float64 `json:"p99_requests_per_second"`
	Peak float64 `json:"peak_requests_per_second"`
	// LeftOut is how many rows or steps had no number.
	LeftOut int64            `json:"rows_without_value"`
	Log     *accesslog.Stats `json:"log,omitempty"`
}

// madeOf is a trace that is in the memory.
func madeOf(trace *workload.Trace, source string) made {
	return made{
		summary: importSummary{Source: source, StepSeconds: trace.Bins()[len(trace.Bins())-1].Width.Seconds()},
		rows: func(each func(at time.Duration, rps float64) error) error {
			for _, b := range trace.Bins() {
				if err := each(b.At, b.RPS); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// tally adds up rows as they are written.
type tally struct {
	step     time.Duration
	previous time.Duration
	rates    []float64
	gaps     int
	gapTime  time.Duration
	requests float64
}

func (t *tally) row(at time.Duration, rps float64) {
	if n := len(t.rates); n > 0 {
		between := at - t.previous
		width := t.step
		if between <= t.step*3/2 { // as workload.Read has it
			width = between
		} else {
			t.gaps++
			t.gapTime += between - t.step
		}
		t.requests += t.rates[n-1] * width.Seconds()
	}
	t.previous, t.rates = at, append(t.rates, rps)
}

// finish completes the summary, or says that whoever reads the rows would take
// another step for theirs.
func (t *tally) finish(s *importSummary) error {
	n := len(t.rates)
	if n < 2 {
		return fmt.Errorf("all requests lie in one step of %v: a trace needs two", scale.Duration(t.step))
	}
	if n-1-t.gaps <= (n-2)/2 { // then the median of the distances is a gap
		return fmt.Errorf("a gap comes after %d of %d steps of %v, which whoever reads the trace would take for wider steps: take a longer --step, or a longer --gap", t.gaps, n, scale.Duration(t.step))
	}
	t.requests += t.rates[n-1] * t.step.Seconds()
	length := t.previous + t.step
	s.Rows, s.Gaps, s.GapSeconds = n, t.gaps, t.gapTime.Seconds()
	s.LengthSeconds, s.Requests = length.Seconds(), t.requests
	s.Mean = t.requests / (length - t.gapTime).Seconds()
	slices.Sort(t.rates)
	s.P99, s.Peak = t.rates[(99*n+99)/100-1], t.rates[n-1]
	return nil
}

// print is the summary for people.
func (s importSummary) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	if l := s.Log; l != nil {
		line("lines", "%d in %s, %d left out by filters", l.Lines, scale.Count(l.Files, "file"), l.LeftOut)
		line("malformed", "%d", l.Malformed)
		for _, e := range l.Examples {
			line("", "%s line %d, %s: %s", cli.OneLine(e.File), e.Line, e.Reason, cli.OneLine(fmt.Sprintf("%q", e.Text)))
		}
		if l.Disordered > 0 {
			line("out of order", "%d lines, by up to %v; counted where they belong", l.Disordered, scale.Duration(l.StepBack*int64(time.Second)))
		}
	}
	if s.LeftOut > 0 {
		line("without value", "%d rows, left out", s.LeftOut)
	}
	length := scale.Duration(s.LengthSeconds * float64(time.Second))
	if s.Start.IsZero() {
		line("span", "%v", length)
	} else {
		line("span", "%v from %s", length, s.Start.Format(time.RFC3339))
	}
	line("rows", "%d of %v", s.Rows, scale.Duration(s.StepSeconds*float64(time.Second)))
	if s.StepFrom != "" {
		line("step", "%s", s.StepFrom)
	}
	line("gaps", "%d, %v in all", s.Gaps, scale.Duration(s.GapSeconds*float64(time.Second)))
	line("requests", "%.0f", s.Requests)
	line("rate", "mean %.4g/s, p99 %.4g/s, peak %.4g/s", s.Mean, s.P99, s.Peak)
	if s.Out != "-" {
		line("written", "%s", cli.OneLine(s.Out))
	}
	return w.Flush()
}
