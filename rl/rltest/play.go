package rltest

import (
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/rl"
)

// Play acts greedily by a net and returns the mean return of the first so many
// episodes that began, so that short ones do not count more often than long ones.
func Play(env rl.Environment, policy *neural.Net, episodes int) float64 {
	step, actions := rl.NewStep(env), make([]int, env.Copies())
	infer, numbers := policy.NewInference(), make([]float32, env.Copies()*env.Actions())
	running, began, left := make([]float64, env.Copies()), env.Copies(), episodes
	counts := make([]bool, env.Copies()) // this copy's episode is among the first
	for c := range counts {
		counts[c] = c < episodes
	}
	total := 0.0
	env.Reset(step)
	for left > 0 {
		infer.Infer(step.Observations, numbers)
		for c := range actions {
			at := c * env.Actions()
			actions[c] = rl.Best(numbers[at:at+env.Actions()], step.Allowed[at:at+env.Actions()])
		}
		env.Act(actions, step)
		for c, reward := range step.Rewards {
			running[c] += float64(reward)
			if step.Terminated[c] || step.Truncated[c] {
				if counts[c] {
					total += running[c]
					left--
				}
				counts[c] = began < episodes
				began++
				running[c] = 0
			}
		}
	}
	return total / float64(episodes)
}
