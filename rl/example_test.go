package rl_test

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
)

// PPO learns which way to go in each room of a corridor: a small prize waits to
// the left, a larger one to the right.
func ExamplePPO() {
	env := rltest.NewCorridor(8, 1)
	config := rl.DefaultPPO()
	config.Hidden, config.Rate, config.Discount = []int{16}, 2.5e-3, 0.7
	learner, err := rl.NewPPO(config, env)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := learner.Learn(context.Background(), env, 30_000, nil); err != nil {
		fmt.Println(err)
		return
	}

	policy := learner.Policy().NewInference()
	observation, logits := make([]float32, env.Width()), make([]float32, env.Actions())
	for room := range observation {
		clear(observation)
		observation[room] = 1
		policy.Infer(observation, logits)
		fmt.Print([]string{"left", "right"}[rl.Best(logits, []bool{true, true, false})], " ")
	}
	// Output: left left right right right right
}
