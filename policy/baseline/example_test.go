package baseline_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/baseline"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	cfg := baseline.Default()
	cfg.Warmup = 5
	p, err := baseline.New(cfg, policy.Env{Min: 1, Max: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, p95 := range []float64{0.100, 0.102, 0.098, 0.110, 0.101, 0.105, 0.250} {
		at := time.Duration(i) * 30 * time.Second
		rec, err := p.Recommend(scaletest.Observation(at, 4, scaletest.Fresh(scale.Latency, scaletest.At(at), p95)))
		if i >= 4 {
			fmt.Println(rec.Replicas, "-", rec.Reason, err)
		}
	}
	// Output:
	// 0 -  baseline: 5 windows of "latency" seen, it judges the one after 5: no trustworthy data
	// 4 - latency 105 ms is within 86 ms and 123 ms (usually 101 ms): stay at 4 <nil>
	// 5 - latency 250 ms is above 124 ms (usually 102 ms, sigma 7.52 ms): from 4 to 5 <nil>
}
