package present

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

// timelines are those of the first seed of each policy, as it stands in the
// comparison. What the oracle had ready is drawn beneath them.
func (in Input) timelines(all []side) ([]report.Trace, error) {
	if in.Timeline == nil {
		return nil, nil
	}
	var traces []report.Trace
	names, _ := evaluate.ByTrace(in.Results.Runs)
	for _, name := range names {
		t := report.Trace{Name: name, About: in.About[name], Unscored: in.Unscored[name], Demand: in.demand(name)}
		for _, c := range in.Results.Header.Cases {
			if c.Trace == name {
				t.Length = time.Duration(c.Hours * float64(time.Hour)).Round(time.Millisecond)
			}
		}
		for _, s := range all {
			if len(s.runs[name]) == 0 {
				continue
			}
			moments, err := in.Timeline(s.runs[name][0])
			if err != nil {
				return nil, fmt.Errorf("timeline of %s on %s: %w", s.runs[name][0].Policy, name, err)
			}
			switch {
			case len(moments) == 0:
			case s.oracle && len(t.Oracle) > 0: // the first is enough
			case s.oracle:
				for _, m := range moments {
					t.Oracle = append(t.Oracle, report.Count{At: m.At, Replicas: m.Ready})
				}
			default:
				t.Lines = append(t.Lines, report.Line{Policy: s.name, Moments: moments})
			}
		}
		if len(t.Lines) > 0 {
			traces = append(traces, t)
		}
	}
	return traces, nil
}

func (in Input) demand(trace string) []report.Count {
	d := in.Demand[trace]
	if d == nil {
		return nil
	}
	counts := make([]report.Count, len(d.Replicas))
	for i, n := range d.Replicas {
		counts[i] = report.Count{At: time.Duration(i) * d.Step, Replicas: n}
	}
	return counts
}
