package levelshape_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/levelshape"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return levelshape.New(levelshape.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := levelshape.Default()
		cfg.Period = 288
		return levelshape.New(cfg)
	})
}
