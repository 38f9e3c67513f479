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
	allowed           []bool // in next; nil: all
	action            int
	reward, discount  float64
}

// add remembers a transition in the place of the oldest.
func (r *replay) add(t transition) {
	copy(r.Observations[r.At*r.Width:(r.At+1)*r.Width], t.observation)
	copy(r.Next[r.At*r.Width:(r.At+1)*r.Width], t.next)
	allowed := r.Allowed[r.At*r.Choices : (r.At+1)*r.Choices]
	for a := range allowed {
		allowed[a] = t.allowed == nil || t.allowed[a]
	}
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

// windows holds back the last n steps of each copy until the n-th is known
// (Sutton, "Learning to Predict by the Methods of Temporal Differences", 1988).
//
// Fields are exported for checkpoints.
type windows struct {
	N            int
	Discount     float64
	Width        int
	Count        []int     // steps that wait, of each copy
	Observations []float32 // copies × n × width, the oldest first
	Actions      []int     // copies × n
	Rewards      []float64 // copies × n
}

func newWindows(n int, discount float64, of sizes) windows {
	return windows{N: n, Discount: discount, Width: of.Width, Count: make([]int, of.Copies),
		Observations: make([]float32, of.Copies*n*of.Width), Actions: make([]int, of.Copies*n), Rewards: make([]float64, of.Copies*n)}
}

func (w *windows) sameSize(o *windows) bool {
	return w.N == o.N && w.Width == o.Width && len(w.Count) == len(o.Count) &&
		len(w.Observations) == len(o.Observations) && len(w.Actions) == len(o.Actions) && len(w.Rewards) == len(o.Rewards)
}

func (w *windows) clear() { clear(w.Count) }

// begin notes the state and action of a step of all copies.
func (w *windows) begin(observations []float32, actions []int) {
	for c, action := range actions {
		at := c*w.N + w.Count[c]
		copy(w.Observations[at*w.Width:(at+1)*w.Width], observations[c*w.Width:])
		w.Actions[at] = action
	}
}

// end notes what the step led to, and adds to the replay what is complete.
func (w *windows) end(step *Step, to *replay) {
	for c := range w.Count {
		w.Rewards[c*w.N+w.Count[c]] = float64(step.Rewards[c])
		w.Count[c]++
		last := transition{next: step.Observations[c*w.Width : (c+1)*w.Width], allowed: step.Allowed[c*to.Choices : (c+1)*to.Choices]}
		switch {
		case step.Terminated[c] || step.Truncated[c]:
			last.next, last.allowed = step.Final[c*w.Width:(c+1)*w.Width], nil
			for w.Count[c] > 0 {
				w.emit(c, last, step.Terminated[c], to)
			}
		case w.Count[c] == w.N:
			w.emit(c, last, false, to)
		}
	}
}

// emit adds the oldest step of a copy, with the rewards of all that wait.
func (w *windows) emit(c int, t transition, terminated bool, to *replay) {
	from, until := c*w.N, c*w.N+w.Count[c]
	t.discount = 1
	for _, reward := range w.Rewards[from:until] {
		t.reward += t.discount * reward
		t.discount *= w.Discount
	}
	if terminated {
		t.discount = 0
	}
	t.observation, t.action = w.Observations[from*w.Width:(from+1)*w.Width], w.Actions[from]
	to.add(t)

	copy(w.Observations[from*w.Width:until*w.Width], w.Observations[(from+1)*w.Width:until*w.Width])
	copy(w.Actions[from:until], w.Actions[from+1:until])
	copy(w.Rewards[from:until], w.Rewards[from+1:until])
	w.Count[c]--
}
