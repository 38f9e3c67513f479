package ensemble

import (
	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/holtwinters"
	"github.com/flyball-io/flyball/forecast/lastvalue"
	"github.com/flyball-io/flyball/forecast/levelshape"
	"github.com/flyball-io/flyball/forecast/rls"
	"github.com/flyball-io/flyball/forecast/seasonal"
	"github.com/flyball-io/flyball/forecast/theta"
)

// Standard is the ensemble of all models that ship.
func Standard(cfg Config) (*Ensemble, error) { return New(cfg, Models(cfg)...) }

// Models are all models that ship, as they come. None knows a season: the
// ensemble finds its length and tells them.
func Models(Config) []NamedModel {
	return []NamedModel{
		{"last value", func() forecast.Model { return lastvalue.New() }},
		{"seasonal naive", func() forecast.Model { return seasonal.New(seasonal.Default()) }},
		{"Holt-Winters", func() forecast.Model { return holtwinters.New(holtwinters.Default()) }},
		{"least squares", func() forecast.Model { return rls.New(rls.Default()) }},
		{"level and shape", func() forecast.Model { return levelshape.New(levelshape.Default()) }},
		{"theta", func() forecast.Model { return theta.New(theta.Default()) }},
	}
}
