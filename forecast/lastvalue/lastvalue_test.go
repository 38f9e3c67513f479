package lastvalue_test

import (
	"fmt"
	"testing"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/forecasttest"
	"github.com/flyball-io/flyball/forecast/lastvalue"
)

func TestConformance(t *testing.T) {
	forecasttest.Model(t, func(*testing.T) forecast.Model { return lastvalue.New() })
}

func Example() {
	m := lastvalue.New()
	m.Update(1, 120)
	m.Update(2, 150)
	next := make([]float64, 3)
	m.Predict(next)
	fmt.Println(next)
	// Output: [150 150 150]
}
