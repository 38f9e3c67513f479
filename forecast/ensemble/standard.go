package ensemble

import (
	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/lastvalue"
)

// Standard is the ensemble of all models that ship.
func Standard(cfg Config) (*Ensemble, error) { return New(cfg, Models(cfg)...) }

// Models are all models that ship, set up for a step.
func Models(Config) []NamedModel {
	return []NamedModel{
		{"last value", func() forecast.Model { return lastvalue.New() }},
	}
}
