package seasonal_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/seasonal"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return seasonal.New(seasonal.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := seasonal.Default()
		cfg.Period = 288
		return seasonal.New(cfg)
	})
}
