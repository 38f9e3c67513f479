package predictive

import (
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/ensemble"
)

// load is what arrives, step by step, and what is expected of it.
//
//	  value of each step              newest       horizon
//	─┬───────┬───────┬───────┬───────┬──┤
//	 └─ one per step, at least as long as a measurement averages over
//
// Steps are counted from the first decision, so that others that come a little
// early or late leave none out.
type load struct {
	step       time.Duration
	horizon    int // steps until replicas asked for at the next decision serve
	forecaster forecast.Forecaster
	built      int       // first horizon, that the forecaster was made for
	said       []float64 // by the forecaster, of the highest value until then
	levels     []float64
	middle     int // the median among the levels
	recent     recent
	weights    []float64 // of the quantiles, as shares of what may happen
	peak       []float64 // quantiles of the highest value until the horizon
	last       time.Time // end of the newest step
	measured   time.Time // of the measurement that ended it
	value      float64   // of the newest step
	newest     float64   // newest measurement, of a step not ended yet
}

// weigh returns how much of what may happen each quantile stands for: all that is
// nearer to it than to the next, and at the end what is beyond the highest.
func weigh(levels []float64) []float64 {
	weights := make([]float64, len(levels)+1)
	for i, level := range levels {
		low, high := 0.0, level
		if i > 0 {
			low = (levels[i-1] + level) / 2
		}
		if i < len(levels)-1 {
			high = (level + levels[i+1]) / 2
		}
		weights[i] = high - low
	}
	weights[len(levels)] = 1 - levels[len(levels)-1] // beyond the highest
	return weights
}

func newLoad(step time.Duration) *load { return &load{step: step} }

// ahead says how far to look. The forecaster is made for the first such horizon
// and for four times as far, and then kept: what it knows of days and weeks must
// not be lost because one replica starts slowly. Horizons in between are answered
// in proportion, those beyond by the longest; by how much that is wrong is seen
// from how far loads rise.
func (l *load) ahead(span time.Duration) {
	l.horizon = max(1, int(math.Ceil(span.Seconds()/l.step.Seconds()-1e-6)))
	if l.forecaster == nil {
		l.begin(l.horizon)
	}
}

// begin makes a forecaster that knows nothing.
func (l *load) begin(horizon int) {
	f, err := ensemble.Standard(ensemble.Default(l.step, horizon, 4*horizon))
	if err != nil {
		panic(err) // step and horizon are above 0
	}
	l.built, l.forecaster, l.levels = horizon, f, f.Levels()
	l.middle = slices.Index(l.levels, 0.5)
	l.weights = weigh(l.levels)
	l.said, l.peak = make([]float64, len(l.levels)), make([]float64, len(l.levels)+1)
}

// expect is what the forecaster says the highest value will be, as likely as
// not, and never less than what there is: loads come back up as fast as they
// went down.
func (l *load) expect(value float64) float64 {
	l.forecaster.Peak(l.horizon, l.said)
	return max(value, l.said[l.middle])
}

// take adds the newest measurement at the time of a decision. A step ends with
// the first decision that is nearer to its end than to the one before, if it
// sees a measurement that no step had yet. It is the decisions that are counted:
// they keep time, while how old a measurement is may differ by more than half a
// step from one to the next.
func (l *load) take(now, measured time.Time, value float64) {
	if now.Before(l.last.Add(-l.step)) { // the clock was set back
		l.last, l.recent = time.Time{}, recent{}
		l.begin(l.horizon)
	}
	if measured.Equal(l.measured) && !l.last.IsZero() {
		return
	}
	steps := 1
	if !l.last.IsZero() {
		steps = int(math.Round(now.Sub(l.last).Seconds() / l.step.Seconds()))
		now = l.last.Add(time.Duration(steps) * l.step)
	}
	if steps < 1 {
		return
	}
	for range min(steps-1, l.horizon) {
		l.recent.skip(l.horizon)
	}
	l.measured = measured
	l.end(now, value)
}

func (l *load) end(at time.Time, value float64) {
	if l.recent.Begun && l.recent.Spread == 0 {
		// The first requests were those of a window that had hardly begun: what
		// there was before is no quiet load, and the step to this one no rise.
		l.begin(l.built)
	}
	l.last, l.value = at, value
	l.forecaster.Update(at, value)
	l.recent.take(value, l.expect(value), l.horizon)
}

// look fills in the quantiles of the peak until the horizon: what is expected, and
// by how much more it was lately. What has arrived since the newest step ended has
// happened, whatever was expected of it.
func (l *load) look() {
	n := len(l.levels)
	expected := l.expect(l.value)
	for i, level := range l.levels {
		l.peak[i] = l.recent.quantile(expected, level)
	}
	more := max(0, l.newest-l.value)
	for i := range l.peak[:n] {
		l.peak[i] += more
	}
	// Beyond the highest quantile things go on as before it.
	l.peak[n] = l.peak[n-1] + l.peak[n-1] - l.peak[n-2]
}
