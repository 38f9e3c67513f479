package threshold_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/threshold"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	p, err := threshold.New(threshold.Default(), policy.Env{Min: 1, Max: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, cpu := range []float64{0.95, 0.55, 0.2} {
		at := time.Duration(i+1) * 15 * time.Second
		rec, err := p.Recommend(scaletest.Observation(at, 4, scaletest.Fresh(scale.CPUUtilization, scaletest.At(at), cpu)))
		fmt.Println(rec.Replicas, "-", rec.Reason, err)
	}
	// Output:
	// 6 - cpuUtilization 95 % is above 70 %: from 4 to 6 <nil>
	// 4 - cpuUtilization 55 % is between 30 % and 70 %: stay at 4 <nil>
	// 3 - cpuUtilization 20 % is below 30 %: from 4 to 3 <nil>
}
