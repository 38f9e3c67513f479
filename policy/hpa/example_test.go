package hpa_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.RequestRate, AverageValue: new(35.0)}}
	p, err := hpa.New(cfg, policy.Env{Min: 1, Max: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := 15 * time.Second
	rec, err := p.Recommend(scaletest.Observation(now, 4, scaletest.Fresh(scale.RequestRate, scaletest.At(now), 240)))
	fmt.Println(rec.Replicas, "-", rec.Reason, err)
	// Output:
	// 7 - requestRate 240 at 35 per replica: 7 <nil>
}
