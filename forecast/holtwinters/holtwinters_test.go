package holtwinters_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/holtwinters"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return holtwinters.New(holtwinters.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := holtwinters.Default()
		cfg.Period = 288
		return holtwinters.New(cfg)
	})
}
