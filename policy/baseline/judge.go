package baseline

import (
	"math"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// verdict is what a window was.
type verdict int

const (
	learning verdict = iota // too few windows before it
	normal
	high // unusually high: add
	low  // unusually low, but not often enough in a row
	idle // the last of enough low windows in a row: take
)

// judgement is a verdict with the numbers behind it.
type judgement struct {
	Verdict verdict `json:"verdict"`
	Value   float64 `json:"value"`
	Median  float64 `json:"median"`
	Sigma   float64 `json:"sigma"`
	Lows    int     `json:"lows"` // low windows in a row
	From    int     `json:"from"` // replicas when it was judged
	To      int     `json:"to"`   // replicas wanted because of it
}

// sigmaPerMAD makes the median absolute deviation of normally distributed
// values their standard deviation: 1 / Φ⁻¹(3/4).
const sigmaPerMAD = 1.4826

// judge compares a window with those before it.
func (p *Policy) judge(value float64, current int) {
	j := judgement{Value: value, Lows: p.last.Lows, From: current, To: current}
	if len(p.windows.Points()) < p.cfg.Warmup {
		p.last = j
		return
	}
	j.Median, j.Sigma = p.usual()
	switch {
	case value > j.high(p.cfg):
		j.Verdict, j.Lows, j.To = high, 0, current+p.step(current)
	case value < j.low(p.cfg):
		j.Verdict, j.Lows = low, j.Lows+1
		if j.Lows >= p.cfg.LowWindows {
			// The last replica stays: without it there is nothing to measure.
			j.Verdict, j.To = idle, min(current, max(1, current-p.step(current)))
		}
	default:
		j.Verdict, j.Lows = normal, 0
	}
	p.last = j
	if j.Verdict == idle {
		p.last.Lows = 0 // the next step down needs as many again
	}
}

// usual returns the median of the history and its sigma. Of the windows 100,
// 102, 98, 110, 101 ms the median is 101 ms, the distances are 1, 1, 3, 9, 0,
// their median is 1 ms; the floor of 5 ms makes it 5, and sigma 7.4 ms.
func (p *Policy) usual() (median, sigma float64) {
	p.scratch = p.scratch[:0]
	for _, w := range p.windows.Points() {
		p.scratch = append(p.scratch, w.Value)
	}
	median = middle(p.scratch)
	for i, v := range p.scratch {
		p.scratch[i] = math.Abs(v - median)
	}
	deviation := max(middle(p.scratch), p.cfg.MinDeviation, math.Abs(median)*p.cfg.MinDeviationPercent/100)
	return median, sigmaPerMAD * deviation
}

// middle sorts the values and returns their median.
func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return values[n/2-1]/2 + values[n/2]/2
}

func (p *Policy) step(current int) int {
	return max(p.cfg.Step, int(float64(current)*p.cfg.StepPercent/100))
}

func (j judgement) high(c Config) float64 { return j.Median + c.K*j.Sigma }

func (j judgement) low(c Config) float64 {
	return max(j.Median-c.LowK*j.Sigma, c.LowFactor*j.Median)
}

// wish returns the count for the judgement, now that current are specified:
// once they are what it wanted, it wants no more.
func (j judgement) wish(current int, text texts, c Config) (int, scale.Reason) {
	switch j.Verdict {
	case high:
		n := max(current, j.To)
		return n, scale.Because("AboveBaseline", text.high, j.Value, j.high(c), j.Median, j.Sigma, float64(j.From), float64(n))
	case idle:
		n := min(current, j.To)
		return n, scale.Because("BelowBaseline", text.idle, j.Value, j.low(c), j.Median, float64(c.LowWindows), float64(j.From), float64(n))
	case low:
		return current, scale.Because("LowWindow", text.low, j.Value, j.low(c), j.Median, float64(j.Lows), float64(c.LowWindows), float64(current))
	default:
		return current, scale.Because("WithinBaseline", text.normal, j.Value, j.low(c), j.high(c), j.Median, float64(current))
	}
}

// texts are the sentences of reasons, in the unit of the signal.
type texts struct{ high, idle, low, normal string }

func textsOf(signal string) texts {
	unit := ""
	if signal == scale.Latency {
		unit = "s"
	}
	in := func(text string) string { return strings.ReplaceAll(text, "#", unit) }
	return texts{
		high:   in("{n} {0#} is above {1#} (usually {2#}, sigma {3#}): from {4} to {5}"),
		idle:   in("{n} {0#} is below {1#} (usually {2#}) for {3 window}: from {4} to {5}"),
		low:    in("{n} {0#} is below {1#} (usually {2#}), window {3} of {4}: stay at {5}"),
		normal: in("{n} {0#} is within {1#} and {2#} (usually {3#}): stay at {4}"),
	}
}
