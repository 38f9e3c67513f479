package ensemble

import (
	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/holtwinters"
	"github.com/flyball-io/flyball/forecast/lastvalue"
	"github.com/flyball-io/flyball/forecast/levelshape"
	"github.com/flyball-io/flyball/forecast/ridge"
	"github.com/flyball-io/flyball/forecast/rls"
	"github.com/flyball-io/flyball/forecast/seasonal"
)

// Standard is the ensemble that forecasts everywhere.
func Standard(cfg Config) (*Ensemble, error) { return New(cfg, Models(cfg)...) }

// Models are those of the standard ensemble, as they come. None knows a season:
// the ensemble finds its length and tells them. (forecast/theta is left out: on
// the tuning traces the others do as well without it.)
func Models(Config) []NamedModel {
	return []NamedModel{
		{"last value", func() forecast.Model { return lastvalue.New() }},
		{"seasonal naive", func() forecast.Model { return seasonal.New(seasonal.Default()) }},
		{"Holt-Winters", func() forecast.Model { return holtwinters.New(holtwinters.Default()) }},
		{"autoregression", func() forecast.Model { return rls.New(rls.Default()) }},
		{"level and shape", func() forecast.Model { return levelshape.New(levelshape.Default()) }},
		{"regression", func() forecast.Model { return ridge.New(ridge.Default()) }},
	}
}
