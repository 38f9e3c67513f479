package forecasttest

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/scale"
)

// Step is the step that forecasters under test are built for.
const Step = 5 * time.Minute

// Horizons are the ones they are built for.
func Horizons() []int { return []int{1, 3, 12} }

// said is all that a forecaster says.
type said struct{ Quantiles, Peaks [][]float64 }

func listen(f forecast.Forecaster) said {
	var all said
	for _, h := range Horizons() {
		q, p := make([]float64, len(f.Levels())), make([]float64, len(f.Levels()))
		f.Quantiles(h, q)
		f.Peak(h, p)
		all.Quantiles, all.Peaks = append(all.Quantiles, q), append(all.Peaks, p)
	}
	return all
}

func (s said) equal(other said) bool {
	return slices.EqualFunc(s.Quantiles, other.Quantiles, slices.Equal[[]float64]) &&
		slices.EqualFunc(s.Peaks, other.Peaks, slices.Equal[[]float64])
}

func at(step int64) time.Time { return time.Unix(0, 0).Add(time.Duration(step) * Step) }

func feed(f forecast.Forecaster, points []point) {
	for _, p := range points {
		f.Update(at(p.step), p.value)
	}
}

// Forecaster checks the forecaster that newForecaster returns for Step and
// Horizons; each call returns a new one of the same configuration.
func Forecaster(t *testing.T, newForecaster func(t *testing.T) forecast.Forecaster) {
	t.Run("before the first value nothing is known", func(t *testing.T) {
		f := newForecaster(t)
		if f.Known() {
			t.Error("it is known before the first value")
		}
		for _, q := range append(listen(f).Quantiles, listen(f).Peaks...) {
			if slices.Max(q) != 0 {
				t.Errorf("before the first value: %v", q)
			}
		}
	})
	t.Run("after one value it is known, and wide", func(t *testing.T) {
		f := newForecaster(t)
		f.Update(at(first), 100)
		q := listen(f).Quantiles[0]
		if low, high := q[0], q[len(q)-1]; !f.Known() || !(low < 80) || !(high > 150) {
			t.Errorf("after the value 100 alone: known %v, quantiles %v at levels %v", f.Known(), q, f.Levels())
		}
	})
	t.Run("with a day it narrows", func(t *testing.T) {
		f := newForecaster(t)
		rng := rand.New(rand.NewPCG(1, 2))
		f.Update(at(first), 100)
		width := func() float64 { q := listen(f).Quantiles[0]; return q[len(q)-1] - q[0] }
		wide := width()
		for step := range int64(day) {
			f.Update(at(first+1+step), 100+rng.NormFloat64())
		}
		if narrow := width(); narrow > wide/4 {
			t.Errorf("after one value %v wide, after a day of noise of 1 %v", wide, narrow)
		}
	})
	t.Run("whatever comes, quantiles are finite, grow with the level, and peaks are above values", func(t *testing.T) {
		for name, points := range hostile() {
			f := newForecaster(t)
			for _, p := range points {
				f.Update(at(p.step), p.value)
				if fault := listen(f).fault(); fault != "" {
					t.Fatalf("%s: after %v at step %d: %s", name, p.value, p.step, fault)
				}
			}
		}
	})
	t.Run("what is no number, late or repeated changes nothing", func(t *testing.T) {
		f := newForecaster(t)
		points := daily(1)
		feed(f, points)
		before, last := listen(f), points[len(points)-1].step
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
			f.Update(at(last+1), v)
		}
		f.Update(at(last), 1e6)
		f.Update(at(last-3), 1e6)
		f.Update(time.Time{}, 1e6)
		if after := listen(f); !after.equal(before) {
			t.Errorf("before %v\nafter  %v", before, after)
		}
	})
	t.Run("a clock that was set back by a year is got over", func(t *testing.T) {
		f, fresh := newForecaster(t), newForecaster(t)
		feed(f, daily(2))
		for _, p := range daily(3) {
			p.step -= 365 * day
			f.Update(at(p.step), p.value)
			fresh.Update(at(p.step), p.value)
		}
		if got, want := listen(f), listen(fresh); !got.equal(want) {
			t.Errorf("set back %v\nfresh    %v", got, want)
		}
	})
	t.Run("asking changes nothing", func(t *testing.T) {
		asked, quiet := newForecaster(t), newForecaster(t)
		for _, p := range daily(4) {
			asked.Update(at(p.step), p.value)
			quiet.Update(at(p.step), p.value)
			listen(asked)
		}
		if got, want := listen(asked), listen(quiet); !got.equal(want) {
			t.Errorf("asked often %v\nasked once  %v", got, want)
		}
	})
	t.Run("a horizon it was not built for lies in proportion between those it was", func(t *testing.T) {
		f := newForecaster(t)
		feed(f, daily(5))
		for _, horizon := range []int{0, 2, 4, 11, 500} {
			betweenNeighbours(t, f, horizon)
		}
	})
	t.Run("after a lasting shift the quantiles cover again within tens of steps", func(t *testing.T) {
		for _, factor := range []float64{10, 0.1} {
			shift(t, newForecaster(t), factor)
		}
	})
	t.Run("an outage is got over", func(t *testing.T) {
		outage(t, newForecaster(t))
	})
	t.Run("restored in the middle it goes on as if never stopped", func(t *testing.T) {
		for name, points := range hostile() {
			running, never := newForecaster(t), newForecaster(t)
			feed(never, points)
			for i, p := range points {
				if i%97 == 3 {
					running = reopened(t, newForecaster, running, name)
				}
				running.Update(at(p.step), p.value)
			}
			if got, want := listen(running), listen(never); !got.equal(want) {
				t.Errorf("%s: restored %v\nnever stopped %v", name, got, want)
			}
		}
	})
	t.Run("a snapshot that does not fit is refused and changes nothing", func(t *testing.T) {
		f := newForecaster(t)
		feed(f, daily(6)[:300])
		before := listen(f)
		for name, data := range misfits(t, f) {
			if err := f.Restore(data); !errors.Is(err, scale.ErrSnapshot) {
				t.Errorf("%s: got %v, want ErrSnapshot", name, err)
			}
		}
		if after := listen(f); !after.equal(before) {
			t.Errorf("a refused snapshot changed %v to %v", before, after)
		}
	})
	t.Run("no allocation in steady state", func(t *testing.T) {
		f, points := newForecaster(t), daily(7)
		feed(f, points)
		next, out := points[len(points)-1].step, make([]float64, len(f.Levels()))
		if n := testing.AllocsPerRun(2*day, func() {
			next++
			f.Update(at(next), 100)
			f.Quantiles(3, out)
			f.Peak(12, out)
		}); n != 0 {
			t.Errorf("got %v allocations per step, want none", n)
		}
	})
}

// fault says what is wrong with what was said, or "".
func (s said) fault() string {
	for i := range s.Quantiles {
		for _, q := range [][]float64{s.Quantiles[i], s.Peaks[i]} {
			if !(q[0] >= 0) || math.IsInf(q[len(q)-1], 0) || math.IsNaN(q[len(q)-1]) {
				return "not finite or below 0"
			}
			if !slices.IsSorted(q) {
				return "a higher level is below a lower one"
			}
		}
		for l, q := range s.Quantiles[i] {
			if s.Peaks[i][l] < q {
				return "a peak is below a value"
			}
		}
	}
	return ""
}

// shift counts how often values lie outside of the widest quantiles in the 30
// steps that follow 30 steps after a shift: a few of a hundred, not most.
func shift(t *testing.T, f forecast.Forecaster, factor float64) {
	t.Helper()
	points := daily(8)
	feed(f, points)
	last := points[len(points)-1]
	rng := rand.New(rand.NewPCG(9, 9))
	outside := 0
	for i := range int64(60) {
		value := last.value * factor * (1 + 0.05*rng.NormFloat64())
		q := listen(f).Quantiles[0]
		if i >= 30 && (value > q[len(q)-1] || value < q[0]) {
			outside++
		}
		f.Update(at(last.step+1+i), value)
	}
	if outside > 7 {
		t.Errorf("30 steps after a shift by %v, %d of 30 values lie outside of the quantiles", factor, outside)
	}
	if q := listen(f).Quantiles[0]; q[len(q)-1] > 3*factor*last.value {
		t.Errorf("60 steps after a shift by %v to %v the highest quantile is %v", factor, factor*last.value, q[len(q)-1])
	}
}

// outage is half a day of zeros in days that are the same before and after:
// an hour after it has ended, they are covered as before.
func outage(t *testing.T, f forecast.Forecaster) {
	t.Helper()
	outside, counted := 0, 0
	for i, p := range daily(10) {
		down := i >= 5*day && i < 5*day+day/2
		if down {
			p.value = 0
		}
		q := listen(f).Quantiles[0]
		if i > 5*day+day/2+12 {
			counted++
			if p.value > q[len(q)-1] {
				outside++
			}
		}
		f.Update(at(p.step), p.value)
	}
	if outside*50 > counted {
		t.Errorf("after an outage %d of %d values lie above the highest quantile", outside, counted)
	}
}

func reopened(t *testing.T, newForecaster func(*testing.T) forecast.Forecaster, from forecast.Forecaster, name string) forecast.Forecaster {
	t.Helper()
	data, err := from.Snapshot()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	to := newForecaster(t)
	if err := to.Restore(data); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got, want := listen(to), listen(from); !got.equal(want) || to.Known() != from.Known() {
		t.Fatalf("%s: restored %v\nbefore %v", name, got, want)
	}
	return to
}

// betweenNeighbours fails t unless a horizon is answered on the line between the
// two that are known around it, and outside of all by the nearest.
func betweenNeighbours(t *testing.T, f forecast.Forecaster, horizon int) {
	t.Helper()
	all, known := listen(f), Horizons()
	i := max(1, sort.SearchInts(known, min(horizon, known[len(known)-1])))
	from, to := known[i-1], known[i]
	share := float64(min(max(horizon, from), to)-from) / float64(to-from)
	values, peaks := make([]float64, len(f.Levels())), make([]float64, len(f.Levels()))
	f.Quantiles(horizon, values)
	f.Peak(horizon, peaks)
	for l := range values {
		want := all.Quantiles[i-1][l] + share*(all.Quantiles[i][l]-all.Quantiles[i-1][l])
		if math.Abs(values[l]-want) > 1e-9*want {
			t.Errorf("horizon %d, level %d: value %v, want %v", horizon, l, values[l], want)
		}
		want = all.Peaks[i-1][l] + share*(all.Peaks[i][l]-all.Peaks[i-1][l])
		if math.Abs(peaks[l]-want) > 1e-9*want {
			t.Errorf("horizon %d, level %d: peak %v, want %v", horizon, l, peaks[l], want)
		}
	}
}
