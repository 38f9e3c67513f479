package telemetry

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/record"
)

// levels are the quantiles of an outlook, and how labels name them.
var (
	levels     = [3]float64{0.5, 0.9, 0.99}
	levelNames = [3]string{"0.5", "0.9", "0.99"}
)

// maxOpen bounds the forecasts of a target that wait for what comes.
const maxOpen = 64

// forecasts holds what was said of the highest load until a horizon against what
// came. The load of the moment counts: that is the least that the highest can be.
type forecasts struct {
	signal string
	last   time.Time // of the newest load
	open   []forecast
}

// forecast is one whose horizon is not over.
type forecast struct {
	until time.Time
	said  [3]float64
	came  float64 // highest load so far
}

// settled is a forecast whose horizon is over.
type settled struct {
	said [3]float64
	came float64
}

// take hears of the load at a decision, with what the policy expects, and returns
// the forecasts that are over. Those that a gap or another signal makes
// impossible to judge are dropped.
func (f *forecasts) take(at time.Time, o *record.Outlook) (over []settled) {
	if o == nil {
		return nil // the gap is seen when the next one comes
	}
	if o.Signal != f.signal || at.Before(f.last) || at.Sub(f.last) > max(o.Horizon, time.Minute) {
		f.open = nil
	}
	f.signal, f.last = o.Signal, at
	kept := f.open[:0]
	for _, w := range f.open {
		if !at.After(w.until) {
			w.came = max(w.came, o.Load)
		}
		if at.Before(w.until) {
			kept = append(kept, w)
			continue
		}
		over = append(over, settled{w.said, w.came})
	}
	if f.open = kept; len(f.open) < maxOpen {
		f.open = append(f.open, forecast{until: at.Add(o.Horizon), said: o.Peak, came: o.Load})
	}
	return over
}

// pinball is the loss of a quantile q that was said at a level τ, where y came:
// τ·(y−q) where it was too low, (1−τ)·(q−y) where it was too high.
func pinball(level, said, came float64) float64 {
	return max(level*(came-said), (level-1)*(came-said))
}

// verdict is what became of the forecasts that are over, in sums.
type verdict struct {
	number, actual, err float64
	covered, loss       [3]float64
}

func (v *verdict) add(s settled) {
	v.number++
	v.actual += max(0, s.came)
	v.err += math.Abs(s.came - s.said[0])
	for i, level := range levels {
		if s.came <= s.said[i] {
			v.covered[i]++
		}
		v.loss[i] += pinball(level, s.said[i], s.came)
	}
}

// foreseen judges the forecasts that are over.
func (t *target) foreseen(d *record.Decided) {
	for _, s := range t.forecasts.take(d.Decision.At, d.Outlook) {
		t.verdict.add(s)
	}
}

// verdict writes how well was foreseen, where anything was.
func (s *sink) verdict(name string, v *verdict) {
	if v.number == 0 {
		return
	}
	s.tell(ForecastsTotal, v.number, name)
	s.tell(ForecastActual, v.actual, name)
	s.tell(ForecastError, v.err, name)
	for i, level := range levelNames {
		s.tell(ForecastCovered, v.covered[i], name, level)
		s.tell(ForecastLoss, v.loss[i], name, level)
	}
}
