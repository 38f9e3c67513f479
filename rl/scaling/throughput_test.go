package scaling

import (
	"fmt"
	"testing"

	"github.com/flyball-io/flyball/rl"
)

// PPO end to end where a training takes place: predictive as the base, whose forecasts
// were worked out beforehand, once per workload, 68 numbers in, nets of 64-64 for actor
// and critic, epochs and minibatches as in bench/training.yaml. The design asks for
// 25,000 steps a second of two cores, 100,000 with GOEXPERIMENT=simd.
func BenchmarkPPO(b *testing.B) {
	workloads := several(b, 0)
	for _, copies := range []int{64, 128} {
		b.Run(fmt.Sprintf("copies=%d", copies), func(b *testing.B) {
			cfg := Default()
			cfg.Copies = copies
			env, err := New(workloads, cfg)
			if err != nil {
				b.Fatal(err)
			}
			ppo := rl.DefaultPPO()
			ppo.Steps, ppo.Minibatches, ppo.Epochs = 64, 16, 3
			learner, err := rl.NewPPO(ppo, env)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := learner.Learn(b.Context(), env, ppo.Steps*copies, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(ppo.Steps*copies*b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}
