package forecasts

import (
	"slices"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/ensemble"
)

// Contestants are the forecasters that ship: the ensemble of all models as it
// comes, and each model alone in an ensemble of one, which gives it quantiles
// by the same residuals and the same conformal correction.
func Contestants() []Contestant {
	all := []Contestant{{"ensemble", func(s Setting) (forecast.Forecaster, error) {
		return ensemble.Standard(config(s))
	}}}
	for i, m := range ensemble.Models(ensemble.Default(1)) {
		all = append(all, Contestant{m.Name + " alone", func(s Setting) (forecast.Forecaster, error) {
			return ensemble.New(config(s), ensemble.Models(config(s))[i])
		}})
	}
	return all
}

// config is the default one, with the levels that are judged besides its own.
func config(s Setting) ensemble.Config {
	c := ensemble.Default(s.Step, s.Horizons...)
	c.Levels = slices.Concat(c.Levels, s.Levels)
	slices.Sort(c.Levels)
	c.Levels = slices.Compact(c.Levels)
	return c
}
