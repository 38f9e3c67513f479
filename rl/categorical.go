package rl

import (
	"math"
	"math/rand/v2"
)

// distribution is a categorical distribution over the allowed actions, given as
// numbers of a net (logits z). Forbidden actions have z = −∞: probability 0, and
// the others' sum is 1 without them (Huang and Ontañón, "A Closer Look at Invalid
// Action Masking in Policy Gradient Algorithms", FLAIRS 2022):
//
//	log π(a) = z_a − log Σ_{b allowed} e^{z_b}      H = −Σ π(a)·log π(a)
type distribution struct {
	logs          []float64 // log π(a); −∞ where forbidden
	probabilities []float64
	entropy       float64
}

func newDistribution(actions int) *distribution {
	return &distribution{logs: make([]float64, actions), probabilities: make([]float64, actions)}
}

// set takes the logits of one row and what it allows.
func (d *distribution) set(logits []float32, allowed []bool) {
	largest := math.Inf(-1)
	for a, z := range logits {
		if allowed[a] {
			largest = math.Max(largest, float64(z))
		}
	}
	sum := 0.0
	for a, z := range logits {
		d.logs[a], d.probabilities[a] = math.Inf(-1), 0
		if allowed[a] {
			d.logs[a] = float64(z) - largest
			d.probabilities[a] = math.Exp(d.logs[a])
			sum += d.probabilities[a]
		}
	}
	log := math.Log(sum)
	d.entropy = 0
	for a := range logits {
		if allowed[a] {
			d.logs[a] -= log
			d.probabilities[a] /= sum
			d.entropy -= d.probabilities[a] * d.logs[a]
		}
	}
}

// sample draws an allowed action, also where rounding leaves the sum of the
// probabilities below 1, or a net gone wrong says NaN.
func (d *distribution) sample(random *rand.Rand) int {
	rest, last := random.Float64(), 0
	for a, p := range d.probabilities {
		if math.IsInf(d.logs[a], -1) {
			continue // forbidden
		}
		if rest < p {
			return a
		}
		rest, last = rest-p, a
	}
	return last
}

// gradient writes ∂(weight·log π(action) + bonus·H)/∂z, where
//
//	∂log π(a)/∂z_b = 1{a=b} − π(b)      ∂H/∂z_b = −π(b)·(log π(b) + H)
func (d *distribution) gradient(out []float32, action int, weight, bonus float64) {
	for b, p := range d.probabilities {
		g := -weight * p
		if b == action {
			g += weight
		}
		if p > 0 {
			g -= bonus * p * (d.logs[b] + d.entropy)
		}
		out[b] = float32(g)
	}
}

// Best is the allowed action with the largest number, the first of equals; −1
// if none is allowed or the numbers of all that are allowed are NaN.
func Best(numbers []float32, allowed []bool) int {
	best := -1
	for a, v := range numbers {
		if allowed[a] && v == v && (best < 0 || v > numbers[best]) {
			best = a
		}
	}
	return best
}
