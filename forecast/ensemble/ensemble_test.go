package ensemble_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/ensemble"
	"github.com/flyball-io/flyball/forecast/forecasttest"
)

func standard(t testing.TB, cfg ensemble.Config) *ensemble.Ensemble {
	t.Helper()
	e, err := ensemble.Standard(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	forecasttest.Forecaster(t, func(t *testing.T) forecast.Forecaster {
		return standard(t, ensemble.Default(forecasttest.Step, forecasttest.Horizons()...))
	})
}
