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
// Steps are counted from the first value, so that decisions that come a little
// early or late leave none out.
type load struct {
	step       time.Duration
	horizon    int // steps until replicas asked for at the next decision serve
	forecaster forecast.Forecaster
	built      int       // horizon of the forecaster
	said       []float64 // by the forecaster, of the highest value until then
	levels     []float64
	middle     int // the median among the levels
	recent     recent
	weights    []float64 // of the quantiles, as shares of what may happen
	peak       []float64 // quantiles of the highest value until the horizon
	past       []float64 // newest values, for a forecaster that begins anew
	last       time.Time // end of the newest step
	value      float64   // of the newest step
	newest     float64   // newest measurement, of a step not ended yet
}

// unmeasured stands for a step without a value.
const unmeasured = -1

// kept is how many values of the past a new forecaster begins with.
const kept = 512

// weigh returns how much of what may happen each quantile stands for: all that is
// nearer to it than to the next, and at the end what is beyond the highest.
func weigh(levels []float64) []float64 {
	weights := make([]float64, len(levels)+1)
	for i, level := range levels {
		low, high := 0.0, 1.0
		if i > 0 {
			low = (levels[i-1] + level) / 2
		}
		if i < len(levels)-1 {
			high = (level + levels[i+1]) / 2
		} else {
			high = level
		}
		weights[i] = high - low
	}
	weights[len(levels)] = 1 - levels[len(levels)-1] // beyond the highest
	return weights
}

func newLoad(step time.Duration) *load { return &load{step: step} }

// ahead makes the forecaster look so far, or up to twice as far. One that was
// made for another horizon begins anew with what is kept of the past.
func (l *load) ahead(span time.Duration) {
	l.horizon = max(1, int(math.Ceil(span.Seconds()/l.step.Seconds()-1e-6)))
	if l.forecaster != nil && l.horizon <= l.built && l.built <= 2*l.horizon {
		return
	}
	l.built, l.recent = l.horizon, recent{}
	l.begin()
	at := l.last.Add(-time.Duration(len(l.past)-1) * l.step)
	for _, value := range l.past {
		if value == unmeasured {
			l.recent.skip(l.horizon)
		} else {
			l.learn(at, value)
		}
		at = at.Add(l.step)
	}
}

// begin makes a forecaster that knows nothing.
func (l *load) begin() {
	f, err := ensemble.Standard(ensemble.Default(l.step, l.built))
	if err != nil {
		panic(err) // step and horizon are above 0
	}
	l.forecaster, l.levels = f, f.Levels()
	l.middle = slices.Index(l.levels, 0.5)
	l.weights = weigh(l.levels)
	l.said, l.peak = make([]float64, len(l.levels)), make([]float64, len(l.levels)+1)
}

// learn takes in the value of a step that has ended.
func (l *load) learn(at time.Time, value float64) {
	l.forecaster.Update(at, value)
	l.recent.take(value, l.expect(value), l.horizon)
}

// expect is what the forecaster says the highest value will be, as likely as
// not, and never less than what there is: loads come back up as fast as they
// went down.
func (l *load) expect(value float64) float64 {
	l.forecaster.Peak(l.horizon, l.said)
	return max(value, l.said[l.middle])
}

// take adds the newest measurement. A step ends with the first one that is
// nearer to its end than to the one before.
func (l *load) take(at time.Time, value float64) {
	if at.Before(l.last.Add(-l.step)) { // the clock was set back
		l.last, l.past = time.Time{}, l.past[:0]
		l.forecaster = nil
		l.ahead(time.Duration(l.horizon) * l.step)
	}
	if l.last.IsZero() {
		l.end(at, value)
		return
	}
	steps := int(math.Round(at.Sub(l.last).Seconds() / l.step.Seconds()))
	if steps < 1 {
		return
	}
	for range min(steps-1, kept) {
		l.keep(unmeasured)
		l.recent.skip(l.horizon)
	}
	l.end(l.last.Add(time.Duration(steps)*l.step), value)
}

func (l *load) end(at time.Time, value float64) {
	l.last, l.value = at, value
	l.keep(value)
	l.learn(at, value)
}

func (l *load) keep(value float64) {
	if len(l.past) == kept {
		l.past = l.past[:copy(l.past, l.past[1:])]
	}
	l.past = append(l.past, value)
}

// look fills in the quantiles of the peak until the horizon: what is expected, by
// how much more it was lately. Until enough was seen of that they are the
// forecaster's. What has arrived since the newest step ended has happened,
// whatever was expected of it.
func (l *load) look() {
	n := len(l.levels)
	expected := l.expect(l.value)
	copy(l.peak, l.said)
	if l.recent.known() {
		for i, level := range l.levels {
			l.peak[i] = l.recent.quantile(expected, level)
		}
	}
	more := max(0, l.newest-l.value)
	for i := range l.peak[:n] {
		l.peak[i] += more
	}
	// Beyond the highest quantile things go on as before it.
	l.peak[n] = l.peak[n-1] + l.peak[n-1] - l.peak[n-2]
}
