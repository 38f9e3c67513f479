package series_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/series"
)

func ExampleHistogram() {
	var h series.Histogram
	for i := range 1000 {
		h.Add(float64(i+1) / 1000) // 1 ms … 1 s
	}
	fmt.Printf("%d values, p95 %.2f s, %.0f %% above 750 ms\n", h.Count(), h.Quantile(0.95), 100*h.ShareAbove(0.75))
	// Output:
	// 1000 values, p95 0.95 s, 25 % above 750 ms
}

func ExampleRing() {
	ring := series.NewRing(3)
	start := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for i := range 5 {
		ring.Add(series.Point{At: start.Add(time.Duration(i) * time.Minute), Value: float64(i)})
	}
	for _, p := range ring.Points() {
		fmt.Println(p.At.Format(time.TimeOnly), p.Value)
	}
	// Output:
	// 08:02:00 2
	// 08:03:00 3
	// 08:04:00 4
}
