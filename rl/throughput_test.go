package rl_test

import (
	"fmt"
	"testing"

	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
)

// wide is CartPole seen through 40 numbers, as wide as what a scaler sees.
type wide struct {
	*rltest.CartPole
	narrow *rl.Step
}

func newWide(copies int) *wide {
	pole := rltest.NewCartPole(copies, 1)
	return &wide{pole, rl.NewStep(pole)}
}

func (w *wide) Width() int { return 40 }

func (w *wide) Reset(step *rl.Step) {
	w.CartPole.Reset(w.narrow)
	w.widen(step)
}

func (w *wide) Act(actions []int, step *rl.Step) {
	w.CartPole.Act(actions, w.narrow)
	w.widen(step)
}

func (w *wide) widen(step *rl.Step) {
	for c := range w.Copies() {
		for i := 0; i < 40; i += 4 {
			copy(step.Observations[40*c+i:], w.narrow.Observations[4*c:4*c+4])
			copy(step.Final[40*c+i:], w.narrow.Final[4*c:4*c+4])
		}
	}
	copy(step.Rewards, w.narrow.Rewards)
	copy(step.Terminated, w.narrow.Terminated)
	copy(step.Truncated, w.narrow.Truncated)
	copy(step.Allowed, w.narrow.Allowed)
}

// PPO end to end: act, estimate, four epochs; 64-64 nets of actor and critic.
// The design asks for 25,000 steps a second, 100,000 with GOEXPERIMENT=simd.
func BenchmarkPPO(b *testing.B) {
	for _, copies := range []int{4, 64} {
		b.Run(fmt.Sprintf("copies=%d", copies), func(b *testing.B) {
			env := newWide(copies)
			l := newPPO(b, env, 1, 0)
			for b.Loop() {
				if err := l.Learn(b.Context(), env, 128*copies, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(128*copies*b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}
