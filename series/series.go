// Package series holds dated values: points, bounded windows of them, and
// histograms with quantiles. It knows nothing of scaling.
package series

import (
	"math"
	"time"
)

// Point is one dated value of a series.
type Point struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// Finite reports whether v is a number that arithmetic can be trusted with.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
