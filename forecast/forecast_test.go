package forecast_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/flyball-io/flyball/forecast"
)

func TestCleanMakesOfAnyNumberAValue(t *testing.T) {
	for _, tc := range []struct{ given, want float64 }{
		{3.5, 3.5}, {0, 0}, {-1, 0}, {math.NaN(), 0},
		{math.Inf(1), forecast.Largest}, {math.MaxFloat64, forecast.Largest}, {math.Inf(-1), 0},
	} {
		if got := forecast.Clean(tc.given); got != tc.want {
			t.Errorf("Clean(%v) = %v, want %v", tc.given, got, tc.want)
		}
	}
}

// Of the values 1 … 10, nine are at most 9: that is where the mean loss of the
// level 0.85 is smallest, whatever else is said.
func TestPinballIsSmallestAtTheQuantile(t *testing.T) {
	loss := func(q float64) float64 {
		sum := 0.0
		for y := 1.0; y <= 10; y++ {
			sum += forecast.Pinball(0.85, q, y)
		}
		return sum
	}
	for _, q := range []float64{0, 1, 5, 8, 8.9, 9.1, 10, 20} {
		if loss(q) <= loss(9) {
			t.Errorf("the loss of %v is %v, of the quantile 9 it is %v", q, loss(q), loss(9))
		}
	}
}

func ExamplePinball() {
	fmt.Println(forecast.Pinball(0.75, 100, 110), forecast.Pinball(0.75, 100, 90))
	// Output: 7.5 2.5
}
