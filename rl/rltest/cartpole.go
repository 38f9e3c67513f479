// Package rltest is environments whose best policy is known, and what tests of
// learners and of environments need: CartPole-v1, a corridor, and greedy play.
package rltest

import "github.com/flyball-io/flyball/rl"

// CartPole is [rl.CartPole].
type CartPole = rl.CartPole

// NewCartPole is [rl.NewCartPole].
func NewCartPole(copies int, seed uint64) *CartPole { return rl.NewCartPole(copies, seed) }
