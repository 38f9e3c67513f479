package lcp_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/lcp"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	cfg := lcp.Default()
	cfg.Service = capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4}
	objective := scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)}
	p, err := lcp.New(cfg, policy.Env{Min: 1, Max: 20, Objective: &objective, Sync: 15 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	replicas := 2
	for i, rate := range []float64{80, 400, 80, 80, 80} {
		at := time.Duration(i+1) * 15 * time.Second
		rec, err := p.Recommend(scaletest.Observation(at, replicas, scaletest.Fresh(scale.RequestRate, scaletest.At(at), rate)))
		fmt.Println(rec.Replicas, "-", rec.Reason.Code, err)
		replicas = rec.Replicas
	}
	// Output:
	// 2 - NoChangePays <nil>
	// 9 - AbsenceCosts <nil>
	// 9 - NoChangePays <nil>
	// 9 - NoChangePays <nil>
	// 2 - KeepingCosts <nil>
}
