package forecasts

import (
	"errors"
	"math"
	"time"

	"github.com/flyball-io/flyball/forecast"
)

// Names of the yardsticks.
const (
	SeasonalNaive = "seasonal naive"
	LastValue     = "last value"
)

// Yardsticks are what a forecast must beat to be worth its name: what was at
// this time a season ago, and what was last. Their quantiles are those of a
// normal law around it, whose σ comes from all errors so far, as statsforecast
// and with it GIFT-Eval have them; below 0 is cut off, which only helps them.
func Yardsticks() []Contestant {
	return []Contestant{
		{SeasonalNaive, func(s Setting) (forecast.Forecaster, error) { return newYardstick(s, s.Season), nil }},
		{LastValue, func(s Setting) (forecast.Forecaster, error) { return newYardstick(s, 1), nil }},
	}
}

// yardstick is seasonal naive; with a season of 1 it is the last value.
type yardstick struct {
	step   time.Duration
	season int
	levels []float64
	normal []float64 // quantiles of the normal law with σ = 1
	phases []float64 // the newest value of each phase, NaN before the first
	newest int64     // step
	last   float64
	known  bool
	errors int
	square float64 // sum of squared errors
	rows   []float64
}

var _ forecast.Forecaster = (*yardstick)(nil)

func newYardstick(s Setting, season int) *yardstick {
	y := &yardstick{step: s.Step, season: max(1, season), levels: s.Levels, rows: make([]float64, len(s.Levels))}
	for _, level := range s.Levels {
		y.normal = append(y.normal, math.Sqrt2*math.Erfinv(2*level-1))
	}
	for range y.season {
		y.phases = append(y.phases, math.NaN())
	}
	return y
}

// Update implements [forecast.Forecaster].
func (y *yardstick) Update(at time.Time, value float64) {
	step := at.UnixNano()/int64(y.step) - 1
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 || (y.known && step <= y.newest) {
		return
	}
	phase := &y.phases[step%int64(y.season)]
	// A phase that was not measured a season ago says nothing of the error.
	if !math.IsNaN(*phase) {
		y.square += (value - *phase) * (value - *phase)
		y.errors++
	}
	*phase = value
	y.newest, y.last, y.known = step, value, true
}

// Known implements [forecast.Forecaster].
func (y *yardstick) Known() bool { return y.known }

// Levels implements [forecast.Forecaster].
func (y *yardstick) Levels() []float64 { return y.levels }

// Quantiles implements [forecast.Forecaster]: ŷ + z·σ·√k, where k is how many
// seasons ahead it is (Hyndman, Athanasopoulos, Forecasting: Principles and
// Practice, section 5.5).
func (y *yardstick) Quantiles(horizon int, out []float64) {
	expected := y.last
	if v := y.phases[(y.newest+int64(horizon))%int64(y.season)]; !math.IsNaN(v) {
		expected = v
	}
	ahead := float64((horizon-1)/y.season + 1)
	sigma := math.Sqrt(y.square / float64(max(1, y.errors)) * ahead)
	for i, z := range y.normal {
		out[i] = max(0, expected+z*sigma)
	}
}

// Peak implements [forecast.Forecaster]: the largest quantile of the steps up
// to the horizon, which is all that one can say who knows nothing of how they
// go together. It is too low for the largest of several.
func (y *yardstick) Peak(horizon int, out []float64) {
	clear(out)
	for h := 1; h <= horizon; h++ {
		y.Quantiles(h, y.rows)
		for i, q := range y.rows {
			out[i] = max(out[i], q)
		}
	}
}

var errYardstick = errors.New("a yardstick keeps no snapshot: it is only judged")

// Snapshot implements [forecast.Forecaster].
func (y *yardstick) Snapshot() ([]byte, error) { return nil, errYardstick }

// Restore implements [forecast.Forecaster].
func (y *yardstick) Restore([]byte) error { return errYardstick }
