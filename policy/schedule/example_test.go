package schedule_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/schedule"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func Example() {
	cfg := schedule.Config{
		Windows: []schedule.Window{{
			Name: "office hours", Cron: "0 8 * * 1-5", Duration: scale.Duration(10 * time.Hour), TimeZone: "Europe/Berlin", Min: 6,
		}},
		Of: &scale.Plugin{Kind: "hpa"},
	}
	p, err := schedule.New(cfg, policy.Env{Min: 1, Max: 20}, builder)
	if err != nil {
		fmt.Println(err)
		return
	}
	obs := scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 7))
	for _, hour := range []int{6, 7} { // 07:00 and 08:00 in Berlin, on a Monday
		obs.At = time.Date(2026, 1, 5, hour, 0, 0, 0, time.UTC)
		rec, err := p.Recommend(obs)
		fmt.Println(rec.Replicas, "-", rec.Reason, err)
	}
	// Output:
	// 3 - concurrency 7 at 3 per replica: 3 <nil>
	// 6 - window office hours keeps at least 6; wanted 3 <nil>
}
