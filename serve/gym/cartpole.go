package gym

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/flyball-io/flyball/rl"
)

// CartPole is Gymnasium's CartPole-v1 ([rl.CartPole]), to see learners of others
// work, and to hold their speed against ours (bench/sb3.sh).
func CartPole() Environment {
	return Environment{
		Name: "cartpole", Description: "CartPole-v1: keep a pole on a cart upright; 1 for each step, at most 500",
		Observations: []string{"position", "speed", "angle", "turning"}, Actions: []string{"left", "right"},
		Make: func(_ context.Context, copies int, seed uint64, options json.RawMessage) (rl.Environment, error) {
			if len(options) > 0 && string(options) != "null" && string(options) != "{}" {
				return nil, errors.New("options: it has none")
			}
			return rl.NewCartPole(copies, seed), nil
		},
	}
}
