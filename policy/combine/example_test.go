package combine_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/combine"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	cfg := combine.Config{Max: []scale.Plugin{per(scale.Concurrency), per(scale.QueueDepth)}}
	p, err := combine.New(cfg, policy.Env{Min: 1, Max: 20}, builder)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := 15 * time.Second
	concurrency := scaletest.Fresh(scale.Concurrency, scaletest.At(now), 3)
	rec, err := p.Recommend(scaletest.Observation(now, 4, concurrency, scaletest.Fresh(scale.QueueDepth, scaletest.At(now), 7)))
	fmt.Println(rec.Replicas, "-", rec.Reason, err)
	rec, err = p.Recommend(scaletest.Observation(now, 4, concurrency))
	fmt.Println(rec.Replicas, "-", rec.Reason, err)
	// Output:
	// 7 - max, by hpa #2: queueDepth 7 at 1 per replica: 7 <nil>
	// 4 - no scale-down while hpa #2 has no opinion <nil>
}
