// Package ensemble makes of several models that say one number each quantiles
// that hold: of the value some steps ahead, and of the largest until then.
//
//	value ─► models ─► experts: number ± size of its errors × quantiles of their shape
//	                      └► weights by pinball loss ─► weighted mean of quantiles ─► conformal correction
//
// There is one such line for each horizon, for the value and for the peak (a
// channel). It learns only from what was measured: steps without a value score
// nobody.
package ensemble

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/season"
)

// NamedModel is a model under the name that explanations call it by. New
// returns a new one each time: an ensemble that begins anew begins with new
// models.
type NamedModel struct {
	Name string
	New  func() forecast.Model
}

var _ forecast.Forecaster = (*Ensemble)(nil)

// Ensemble is a forecaster made of models.
type Ensemble struct {
	cfg      Config
	named    []NamedModel
	models   []forecast.Model
	paths    [][]float64 // what each model expects of the steps to come
	channels []channel   // the value at each horizon, then the peak at each above 1
	seasons  *season.Finder
	period   int64 // the season that the models were told

	clock  clock
	recent []dated // the newest values, by step modulo their number
}

// dated is a measured value and its step.
type dated struct {
	Step  int64
	Value float64
}

// New returns an ensemble of at least one model.
func New(cfg Config, models ...NamedModel) (*Ensemble, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("forecast: %w", err)
	}
	if len(models) == 0 {
		return nil, fmt.Errorf("forecast: an ensemble needs at least one model")
	}
	cfg.Horizons, cfg.Levels = slices.Clone(cfg.Horizons), slices.Clone(cfg.Levels)
	e := &Ensemble{cfg: cfg, named: slices.Clone(models)}
	e.forget()
	return e, nil
}

// forget begins anew.
func (e *Ensemble) forget() {
	longest := e.cfg.Horizons[len(e.cfg.Horizons)-1]
	e.models, e.paths, e.channels = nil, nil, nil
	for _, m := range e.named {
		e.models = append(e.models, m.New())
		e.paths = append(e.paths, make([]float64, longest))
	}
	paces := make([]*pace, len(e.cfg.Horizons))
	for i, h := range e.cfg.Horizons {
		paces[i] = newPace(&e.cfg, h)
	}
	for _, peak := range []bool{false, true} {
		for _, pace := range paces {
			if peak && pace.horizon == 1 {
				continue // the largest of one value is the value
			}
			e.channels = append(e.channels, newChannel(&e.cfg, len(e.named), pace, peak))
		}
	}
	e.seasons, e.period = season.New(season.Config{Step: e.cfg.Step}), 0
	e.clock = clock{step: e.cfg.Step}
	e.recent = slices.Repeat([]dated{{Step: never}}, longest)
}

// Update learns from the mean of the step that ends at an instant.
func (e *Ensemble) Update(at time.Time, value float64) {
	if !(value >= 0) || math.IsInf(value, 0) {
		return
	}
	if e.clock.setBack(at) {
		e.forget()
	}
	step, ok := e.clock.count(at)
	if !ok {
		return
	}
	value = forecast.Clean(value)
	e.recent[e.slot(step)] = dated{step, value}
	for i := range e.channels {
		c := &e.channels[i]
		if truth, ok := e.truth(c, step); ok {
			c.settle(&e.cfg, step, truth)
		}
	}
	e.predict(step, value)
	for i := range e.channels {
		e.channels[i].promise(&e.cfg, step, value, e.paths)
	}
	e.reconcile(step)
}

// periodic is a model that can be told how long the season is; told another
// length, it learns the season anew.
type periodic interface{ SetPeriod(steps int64) }

// predict lets every model say what it expects.
func (e *Ensemble) predict(step int64, value float64) {
	e.seasons.Update(step, value)
	found := e.seasons.Period()
	for i, m := range e.models {
		if s, ok := m.(periodic); ok && found != e.period {
			s.SetPeriod(found)
		}
		m.Update(step, value)
		m.Predict(e.paths[i])
		for j, v := range e.paths[i] {
			e.paths[i][j] = forecast.Clean(v)
		}
	}
	e.period = found
}

// never is no step.
const never = math.MinInt64

func (e *Ensemble) slot(step int64) int {
	return int(modulo(step, int64(len(e.recent))))
}

// truth is what a channel spoke of a horizon ago: the value, or the largest
// since. It is unknown when one of them was not measured.
func (e *Ensemble) truth(c *channel, step int64) (float64, bool) {
	value := e.recent[e.slot(step)].Value
	if !c.peak {
		return value, true
	}
	for s := step - 1; s > step-int64(c.horizon); s-- {
		d := e.recent[e.slot(s)]
		if d.Step != s {
			return 0, false
		}
		value = max(value, d.Value)
	}
	return value, true
}

// reconcile sees to it that peaks are nowhere below the values they are the
// largest of.
func (e *Ensemble) reconcile(step int64) {
	for i := range e.cfg.Horizons {
		e.peak(i).raise(step, e.value(i))
		if i > 0 {
			e.peak(i).raise(step, e.peak(i-1))
		}
	}
}

// value and peak are the channels of the i-th horizon.
func (e *Ensemble) value(i int) *channel { return &e.channels[i] }

func (e *Ensemble) peak(i int) *channel {
	if e.cfg.Horizons[i] == 1 {
		return e.value(i)
	}
	return &e.channels[len(e.channels)-len(e.cfg.Horizons)+i]
}

// Known reports whether there was a value.
func (e *Ensemble) Known() bool { return e.clock.started }

// Levels are those of the quantiles.
func (e *Ensemble) Levels() []float64 { return slices.Clone(e.cfg.Levels) }

// Quantiles writes those of the value so many steps after the newest.
func (e *Ensemble) Quantiles(horizon int, out []float64) { e.between(e.value, horizon, out) }

// Peak writes those of the largest value among the steps up to the horizon.
func (e *Ensemble) Peak(horizon int, out []float64) { e.between(e.peak, horizon, out) }

// between writes what is said for a horizon. One between two that are known lies
// on the line from one to the other.
func (e *Ensemble) between(channel func(i int) *channel, horizon int, out []float64) {
	i := e.index(horizon)
	longer := channel(i).at(e.clock.number).Quantiles
	copy(out, longer)
	if i == 0 || horizon >= e.cfg.Horizons[i] {
		return
	}
	shorter := channel(i - 1).at(e.clock.number).Quantiles
	from, to := e.cfg.Horizons[i-1], e.cfg.Horizons[i]
	share := float64(horizon-from) / float64(to-from)
	for l := range min(len(out), len(longer)) {
		out[l] = shorter[l] + share*(longer[l]-shorter[l])
	}
}

// index finds the horizon asked for, or the next longer one; beyond the
// longest it is the longest.
func (e *Ensemble) index(horizon int) int {
	for i, h := range e.cfg.Horizons {
		if h >= horizon {
			return i
		}
	}
	return len(e.cfg.Horizons) - 1
}
