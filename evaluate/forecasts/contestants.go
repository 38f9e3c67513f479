package forecasts

import (
	"slices"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/ensemble"
	"github.com/flyball-io/flyball/forecast/theta"
)

// Contestants are the forecasters that ship: the ensemble as it comes, and each
// model alone in an ensemble of one, which gives it quantiles by the same
// residuals and the same conformal correction.
func Contestants() []Contestant {
	all := []Contestant{{"ensemble", func(s Setting) (forecast.Forecaster, error) {
		return ensemble.Standard(config(s))
	}}}
	for _, m := range slices.Concat(ensemble.Models(ensemble.Default(1)), besides()) {
		all = append(all, Contestant{m.Name + " alone", func(s Setting) (forecast.Forecaster, error) {
			return ensemble.New(config(s), m)
		}})
	}
	return all
}

// besides are models that ship and are not in the ensemble.
func besides() []ensemble.NamedModel {
	return []ensemble.NamedModel{{Name: "theta", New: func() forecast.Model { return theta.New(theta.Default()) }}}
}

// config is the default one, with the levels that are judged besides its own.
func config(s Setting) ensemble.Config {
	c := ensemble.Default(s.Step, s.Horizons...)
	c.Levels = slices.Concat(c.Levels, s.Levels)
	slices.Sort(c.Levels)
	c.Levels = slices.Compact(c.Levels)
	return c
}
