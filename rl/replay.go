package rl

import (
	"math"
	"math/rand/v2"
)

// replay remembers transitions and draws those again that surprised (Schaul,
// Quan, Antonoglou and Silver, "Prioritized Experience Replay", ICLR 2016,
// section 3.3, proportional). With the error δ when a transition was learned last:
//
//	p = (|δ| + ε)^α      P(i) = pᵢ/Σp      wᵢ = (N·P(i))^−β / max w
//
// The weights w undo, the more β nears 1, that some are drawn more often. New
// ones get the largest p so far, so that each is learned at least once.
//
// Fields are exported for checkpoints.
type replay struct {
	Observations []float32 // capacity × width
	Next         []float32 // capacity × width: n steps later
	Allowed      []bool    // capacity × actions, in Next
	Actions      []int
	Rewards      []float32 // of the n steps, discounted
	Discounts    []float32 // what Q of Next counts for; 0 if the episode terminated
	Tree         []float64 // sums of priorities: node i of 2i and 2i+1; the leaves are the last half
	Largest      float64   // priority so far
	Filled, At   int       // At is overwritten next

	Width, Choices int // of an observation; how many actions
}

// smallestError keeps transitions without an error from being forgotten.
const smallestError = 1e-6

func newReplay(capacity int, of sizes) *replay {
	leaves := 1
	for leaves < capacity {
		leaves *= 2
	}
	return &replay{
		Observations: make([]float32, capacity*of.Width), Next: make([]float32, capacity*of.Width),
		Allowed: make([]bool, capacity*of.Actions), Actions: make([]int, capacity),
		Rewards: make([]float32, capacity), Discounts: make([]float32, capacity),
		Tree: make([]float64, 2*leaves), Largest: 1, Width: of.Width, Choices: of.Actions,
	}
}

func (r *replay) sameSize(o *replay) bool {
	return len(r.Observations) == len(o.Observations) && len(r.Next) == len(o.Next) && len(r.Allowed) == len(o.Allowed) &&
		len(r.Actions) == len(o.Actions) && len(r.Rewards) == len(o.Rewards) && len(r.Discounts) == len(o.Discounts) &&
		len(r.Tree) == len(o.Tree) && r.Width == o.Width && r.Choices == o.Choices &&
		o.Filled >= 0 && o.Filled <= len(o.Actions) && o.At >= 0 && o.At < len(o.Actions)
}

// transition is what an action led to, n steps or an episode's end later.
type transition struct {
	observation, next []float32
	allowed           []bool // in next
	action            int
	reward, discount  float64
}

// add remembers a transition in the place of the oldest.
func (r *replay) add(t transition) {
	copy(r.Observations[r.At*r.Width:(r.At+1)*r.Width], t.observation)
	copy(r.Next[r.At*r.Width:(r.At+1)*r.Width], t.next)
	copy(r.Allowed[r.At*r.Choices:(r.At+1)*r.Choices], t.allowed)
	r.Actions[r.At], r.Rewards[r.At], r.Discounts[r.At] = t.action, float32(t.reward), float32(t.discount)
	r.prioritize(r.At, r.Largest)
	r.At = (r.At + 1) % len(r.Actions)
	r.Filled = min(r.Filled+1, len(r.Actions))
}

// prioritize sets a leaf and the sums above it.
func (r *replay) prioritize(row int, priority float64) {
	node := len(r.Tree)/2 + row
	r.Tree[node] = priority
	for node /= 2; node >= 1; node /= 2 {
		r.Tree[node] = r.Tree[2*node] + r.Tree[2*node+1]
	}
}

// find is the row at which the priorities before it add up to mass.
func (r *replay) find(mass float64) int {
	node := 1
	for node < len(r.Tree)/2 {
		node *= 2
		// Rounding may leave mass where nothing is; what is empty is never taken.
		if left := r.Tree[node]; mass >= left && r.Tree[node+1] > 0 {
			mass -= left
			node++
		}
	}
	return node - len(r.Tree)/2
}

// batch is transitions that were drawn, row after row, and the memory of an
// update. A net's row is V, then A of each action.
type batch struct {
	rows               []int // where they are in the replay
	weights            []float64
	observations, next []float32
	allowed            []bool
	actions            []int
	rewards, discounts []float32

	nextQ, nextTargetQ []float32
	targets, errors    []float64
}

func newBatch(size int, of sizes) *batch {
	return &batch{
		rows: make([]int, size), weights: make([]float64, size),
		observations: make([]float32, size*of.Width), next: make([]float32, size*of.Width),
		allowed: make([]bool, size*of.Actions), actions: make([]int, size),
		rewards: make([]float32, size), discounts: make([]float32, size),
		nextQ: make([]float32, size*(1+of.Actions)), nextTargetQ: make([]float32, size*(1+of.Actions)),
		targets: make([]float64, size), errors: make([]float64, size),
	}
}

// sample draws a batch: one transition from each of as many equal shares of the
// sum of priorities.
func (r *replay) sample(b *batch, beta float64, random *rand.Rand) {
	total, n := r.Tree[1], len(b.rows)
	largest := 0.0
	for i := range n {
		row := r.find((float64(i) + random.Float64()) / float64(n) * total)
		b.rows[i] = row
		b.weights[i] = math.Pow(float64(r.Filled)*r.Tree[len(r.Tree)/2+row]/total, -beta)
		largest = max(largest, b.weights[i])

		copy(b.observations[i*r.Width:(i+1)*r.Width], r.Observations[row*r.Width:])
		copy(b.next[i*r.Width:(i+1)*r.Width], r.Next[row*r.Width:])
		copy(b.allowed[i*r.Choices:(i+1)*r.Choices], r.Allowed[row*r.Choices:])
		b.actions[i], b.rewards[i], b.discounts[i] = r.Actions[row], r.Rewards[row], r.Discounts[row]
	}
	for i := range b.weights {
		b.weights[i] /= largest
	}
}

// learned notes how surprising the batch was.
func (r *replay) learned(b *batch, alpha float64) {
	for i, row := range b.rows {
		priority := math.Pow(math.Abs(b.errors[i])+smallestError, alpha)
		r.Largest = max(r.Largest, priority)
		r.prioritize(row, priority)
	}
}
