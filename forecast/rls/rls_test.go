package rls_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/rls"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return rls.New(rls.Default()) })
}

func TestConformanceWithADay(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model {
		cfg := rls.Default()
		cfg.Period = 288
		return rls.New(cfg)
	})
}
