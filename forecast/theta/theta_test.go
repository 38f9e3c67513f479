package theta_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/theta"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return theta.New(theta.Default()) })
}
