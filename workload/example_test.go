package workload_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// A day in an hour with a flash crowd, played twenty times as fast and scaled
// to a peak of 300 requests per second.
func Example() {
	shape := workload.DiurnalFlash()
	factor, err := workload.Factor(shape, 1, 300)
	if err != nil {
		fmt.Println(err)
		return
	}
	shape = workload.Speed(workload.Scale(shape, factor), 20)
	fmt.Printf("lasts %v, %.0f requests, %.0f/s at its peak\n",
		shape.Duration(), shape.Expected(shape.Duration()), workload.Peak(shape))

	arrivals := workload.NewArrivals(shape, workload.Uniform, 1)
	for range 3 {
		at, _ := arrivals.Next()
		fmt.Println(at.Round(time.Millisecond))
	}
	// Output:
	// lasts 3m0s, 24060 requests, 300/s at its peak
	// 11ms
	// 33ms
	// 56ms
}

func ExampleNamed() {
	_, err := workload.Named("tsunami")
	fmt.Println(err)
	// Output:
	// shape "tsunami" is not known: must be one of constant, ramp, step, diurnal, flash-crowd, on-off, weekly, mmpp, diurnal-flash
}
