package rl

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The whole way from a batch of transitions to the gradient of the dueling net.
func TestDQNGradientAgainstFiniteDifferences(t *testing.T) {
	config := DefaultDQN()
	config.Hidden, config.Batch, config.Start, config.Buffer = []int{5}, 130, 130, 130 // of two parts
	d, err := NewDQN(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	b := d.batch
	for i := range b.rows {
		copy(b.observations[4*i:], []float32{0.3, -1, float32(i % 5), 0.8})
		b.actions[i], b.weights[i], b.targets[i] = i%3, 0.3+0.3*float64(i%4), []float64{0.2, -0.4, 3}[i%3]
	}
	gradient := d.gradient()
	loss := func() float64 {
		out, sum := make([]float32, 130*4), 0.0
		d.onlineInference.Infer(b.observations, out)
		for i := range b.rows {
			row := wide(out[4*i : 4*i+4])
			q := row[0] + row[1+b.actions[i]] - (row[1]+row[2]+row[3])/3
			sum += b.weights[i] * (b.targets[i] - q) * (b.targets[i] - q) / 2 / 130
		}
		return sum
	}
	for i := range d.online.Parameters() {
		const h = 1.0 / 256
		at := &d.online.Parameters()[i]
		was := *at
		*at = was + h
		up := loss()
		*at = was - h
		want := (up - loss()) / (2 * h)
		*at = was
		if got := float64(gradient[i]); math.Abs(got-want) > 2e-3 {
			t.Errorf("parameter %d: gradient %v, finite difference %v", i, got, want)
		}
	}
}

// The net that learns chooses among what is allowed, the other one judges; what
// terminated is worth its rewards.
func TestDQNTargetsAreDouble(t *testing.T) {
	config := DefaultDQN()
	config.Batch, config.Start = 4, 4
	d, err := NewDQN(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.target.Parameters() {
		d.target.Parameters()[i] += float32(d.random.NormFloat64()) / 8 // so that the two disagree
	}
	b := d.batch
	for i := range b.rows {
		copy(b.next[4*i:], []float32{1, float32(i), -float32(i * i), 0.5})
		copy(b.allowed[3*i:], []bool{i != 1, true, i != 2})
		b.rewards[i], b.discounts[i] = float32(i), 0.9
	}
	b.discounts[3] = 0
	d.judge(b)
	disagreements := 0
	for i, got := range b.targets {
		online, other, allowed := make([]float32, 4), make([]float32, 4), b.allowed[3*i:3*i+3]
		d.onlineInference.Infer(b.next[4*i:4*i+4], online)
		d.targetInference.Infer(b.next[4*i:4*i+4], other)
		best := Best(online[1:], allowed)
		if best != Best(other[1:], allowed) {
			disagreements++
		}
		want := float64(i) + float64(b.discounts[i])*dueling(other, best)
		if math.Abs(got-want) > 1e-9 || !allowed[best] {
			t.Errorf("row %d: target %v, want %v", i, got, want)
		}
	}
	if b.targets[3] != 3 || disagreements == 0 {
		t.Errorf("a terminated row is worth %v, want 3; the nets disagree in %d rows, want some", b.targets[3], disagreements)
	}
}

// Three steps of one copy with n = 2: the first is complete with the second's
// reward; the episode's end completes the rest.
func TestWindowsEmitNSteps(t *testing.T) {
	for _, terminated := range []bool{true, false} {
		of := sizes{Copies: 1, Width: 1, Actions: 2}
		w, to := newWindows(2, 0.5, of), newReplay(4, of)
		for s := range 3 {
			w.begin([]float32{float32(s)}, []int{s % 2})
			last := s == 2
			w.end(&Step{Observations: []float32{float32(s + 1)}, Final: []float32{50}, Rewards: []float32{float32(s + 1)},
				Terminated: []bool{last && terminated}, Truncated: []bool{last && !terminated},
				Allowed: []bool{true, false}, FinalAllowed: []bool{false, true}}, to)
		}
		var end1, end2 float32 = 0.25, 0.5 // γ², γ
		if terminated {
			end1, end2 = 0, 0
		}
		for i, want := range []struct {
			from, next, reward, discount float32
			action                       int
			second                       bool // the second action is allowed in next, else the first
		}{
			{0, 2, 1 + 0.5*2, 0.25, 0, false},
			{1, 50, 2 + 0.5*3, end1, 1, true},
			{2, 50, 3, end2, 0, true},
		} {
			if to.Observations[i] != want.from || to.Next[i] != want.next || to.Rewards[i] != want.reward ||
				to.Discounts[i] != want.discount || to.Actions[i] != want.action ||
				to.Allowed[2*i] == want.second || to.Allowed[2*i+1] != want.second {
				t.Errorf("terminated %v, transition %d: from %v to %v, reward %v, discount %v, action %d, allowed %v; want %+v", terminated, i,
					to.Observations[i], to.Next[i], to.Rewards[i], to.Discounts[i], to.Actions[i], to.Allowed[2*i:2*i+2], want)
			}
		}
		if to.Filled != 3 || w.Count[0] != 0 {
			t.Errorf("%d transitions, %d waiting; want 3 and 0", to.Filled, w.Count[0])
		}
	}
}

// Draws are in proportion to the priorities, weights undo it, and the oldest is overwritten.
func TestReplayDrawsInProportion(t *testing.T) {
	of := sizes{Copies: 1, Width: 1, Actions: 1}
	r, random := newReplay(3, of), rand.New(rand.NewPCG(1, 0))
	for i := range 4 {
		r.add(transition{observation: []float32{float32(i)}, next: []float32{0}, action: 0, reward: float64(i)})
	}
	if r.Filled != 3 || r.Observations[0] != 3 {
		t.Fatalf("%d kept, the first is %v; want 3 and the newest in the place of the oldest", r.Filled, r.Observations[0])
	}
	b := newBatch(3, of)
	copy(b.rows, []int{0, 1, 2})
	copy(b.errors, []float64{1, -2, 5})
	r.learned(b, 1) // priorities 1, 2, 5
	counts := make([]float64, 3)
	for range 10_000 {
		r.sample(b, 1, random)
		for i, row := range b.rows {
			counts[row]++
			// w ∝ 1/P; the largest of a batch is 1.
			if want := b.weights[0] * r.Tree[4+b.rows[0]] / r.Tree[4+row]; math.Abs(b.weights[i]-want) > 1e-9 || b.weights[i] > 1 {
				t.Fatalf("weights %v of rows %v", b.weights, b.rows)
			}
		}
	}
	for row, want := range []float64{1.0 / 8, 2.0 / 8, 5.0 / 8} {
		if math.Abs(counts[row]/30_000-want) > 0.01 {
			t.Errorf("row %d was drawn %v times of 30000, want a share of %v", row, counts[row], want)
		}
	}
	if r.find(r.Tree[1]) != 2 {
		t.Error("a mass at the very end leads to an empty leaf")
	}
}

// What is said to be linear: the policy's Q are those of the dueling net.
func TestDQNPolicyIsTheFoldedNet(t *testing.T) {
	d, err := NewDQN(DefaultDQN(), still{1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.online.Parameters() {
		d.online.Parameters()[i] += float32(d.random.NormFloat64()) / 4 // biases too
	}
	x, unfolded, folded := []float32{1, -2, 0.5, 3}, make([]float32, 4), make([]float32, 3)
	d.onlineInference.Infer(x, unfolded)
	d.Policy().NewInference().Infer(x, folded)
	for a, got := range folded {
		if want := dueling(unfolded, a); math.Abs(float64(got)-want) > 1e-4 {
			t.Errorf("Q of action %d is %v, want %v", a, got, want)
		}
	}
}
