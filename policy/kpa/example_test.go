package kpa_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/kpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	p, err := kpa.New(kpa.Default(), policy.Env{Min: 0, Max: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, concurrency := range []float64{50, 400} {
		at := time.Duration(i+1) * 15 * time.Second
		rec, err := p.Recommend(scaletest.Observation(at, 1, scaletest.Fresh(scale.Concurrency, scaletest.At(at), concurrency)))
		fmt.Println(rec.Replicas, "-", rec.Reason, err)
	}
	// Output:
	// 1 - concurrency over 1m 50 at 70 per replica: 1 <nil>
	// 6 - panic: 6 wanted <nil>
}
