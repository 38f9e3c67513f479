package forecasts

import (
	"fmt"
	"math"
	"path"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// Group says what a series may be used for.
type Group string

// Groups of series, as bench/protocol.yaml splits the traces.
const (
	Tune   Group = "tune"   // settings may be chosen on these
	Report Group = "report" // figures are told of these; no setting has seen them
	Other  Group = "other"  // neither: usage instead of requests, or a trace of your own
)

// GroupOf tells the group of a trace file by its name.
func GroupOf(file string) Group {
	for _, split := range []struct {
		group    Group
		patterns []string
	}{
		{Tune, []string{"nasa_*", "nab_elb_*", "servegen_*client17*"}},
		{Report, []string{"worldcup98_*", "azure_llm_*_1s*", "servegen_m-small_10min*", "servegen_*client38*", "servegen_mm-image*"}},
	} {
		for _, pattern := range split.patterns {
			if match, _ := path.Match(pattern, path.Base(file)); match {
				return split.group
			}
		}
	}
	return Other
}

// fewestSteps are needed for a judgement; mostSteps are what memory bears.
const (
	fewestSteps = 100
	mostSteps   = 10_000_000
)

// FromTrace returns a trace at its own step.
func FromTrace(name string, t *workload.Trace) (Series, error) {
	var starts []time.Duration
	for _, b := range t.Bins() {
		starts = append(starts, b.At)
	}
	s := Series{Name: name, Group: GroupOf(name), Step: t.Bins()[0].Width}
	if len(starts) > 1 {
		s.Step = workload.UsualStep(starts)
	}
	n := int((t.Duration() + s.Step - 1) / s.Step)
	if n < fewestSteps || n > mostSteps {
		return Series{}, fmt.Errorf("trace %s: %d steps of %v: must be %d to %d to be judged", name, n, s.Step, fewestSteps, mostSteps)
	}
	s.Values = make([]float64, n)
	for i := range s.Values {
		s.Values[i] = math.NaN()
	}
	for _, b := range t.Bins() {
		// Rows may be a little off the step.
		s.Values[min(n-1, int((b.At+s.Step/2)/s.Step))] = b.RPS
	}
	return s, nil
}
