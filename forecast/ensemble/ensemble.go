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
	channels []channel   // the value at each horizon, then the peak at each

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
	for _, peak := range []bool{false, true} {
		for _, h := range e.cfg.Horizons {
			e.channels = append(e.channels, newChannel(e.cfg, len(e.named), h, peak))
		}
	}
	e.clock = clock{step: e.cfg.Step}
	e.recent = slices.Repeat([]dated{{Step: math.MinInt64}}, longest)
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
		if c.peak && c.horizon == 1 {
			continue // the largest of one value is the value
		}
		if truth, ok := e.truth(c, step); ok {
			c.settle(&e.cfg, step, truth)
		}
	}
	for i, m := range e.models {
		m.Update(step, value)
		m.Predict(e.paths[i])
		for j, v := range e.paths[i] {
			e.paths[i][j] = forecast.Clean(v)
		}
	}
	for i := range e.channels {
		e.channels[i].promise(&e.cfg, step, value, e.paths)
	}
	e.reconcile()
}

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
		value = math.Max(value, d.Value)
	}
	return value, true
}

// reconcile sees to it that peaks are nowhere below the values they are the
// largest of.
func (e *Ensemble) reconcile() {
	n := len(e.cfg.Horizons)
	values, peaks := e.channels[:n], e.channels[n:]
	for i := range peaks {
		if peaks[i].horizon == 1 {
			copy(peaks[i].Quantiles, values[i].Quantiles)
			continue
		}
		for l := range peaks[i].Quantiles {
			q := math.Max(peaks[i].Quantiles[l], values[i].Quantiles[l])
			if i > 0 {
				q = math.Max(q, peaks[i-1].Quantiles[l])
			}
			peaks[i].Quantiles[l] = q
		}
	}
}

// Known reports whether there was a value.
func (e *Ensemble) Known() bool { return e.clock.started }

// Levels are those of the quantiles.
func (e *Ensemble) Levels() []float64 { return slices.Clone(e.cfg.Levels) }

// Quantiles writes those of the value so many steps after the newest.
func (e *Ensemble) Quantiles(horizon int, out []float64) {
	copy(out, e.channels[e.index(horizon)].Quantiles)
}

// Peak writes those of the largest value among the steps up to the horizon.
func (e *Ensemble) Peak(horizon int, out []float64) {
	copy(out, e.channels[len(e.cfg.Horizons)+e.index(horizon)].Quantiles)
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
