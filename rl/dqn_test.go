package rl

import (
	"math"
	"slices"
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

// An update notes how surprising its batch was, which is what is drawn by.
func TestAnUpdateNotesItsErrors(t *testing.T) {
	config := DefaultDQN()
	config.Batch, config.Start, config.Buffer = 4, 4, 4
	d, err := NewDQN(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		d.replay.add(transition{observation: []float32{float32(i), 0, 0, 1}, next: make([]float32, 4), allowed: []bool{true, true, true}, reward: float64(i * i)})
	}
	if err := d.improve(); err != nil {
		t.Fatal(err)
	}
	for i, row := range d.batch.rows {
		want := math.Sqrt(math.Abs(d.batch.errors[i]) + smallestError)
		if got := d.replay.Tree[4+row]; math.Abs(got-want) > 1e-9 || d.batch.errors[i] == 0 {
			t.Errorf("row %d: priority %v after an error of %v, want %v", row, got, d.batch.errors[i], want)
		}
	}
}

// What is drawn while it explores is any of the allowed actions, all alike.
func TestExploringTakesWhatIsAllowed(t *testing.T) {
	d, err := NewDQN(DefaultDQN(), still{1})
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, 3)
	for range 10_000 {
		counts[d.anyAllowed([]bool{true, false, true})]++
	}
	if counts[1] != 0 || counts[0] < 4700 || counts[2] < 4700 {
		t.Errorf("actions were drawn %v times, the middle one is forbidden; want half and half", counts)
	}
}

// Exploration falls in a straight line over its share of the horizon, and stays.
func TestExplorationFalls(t *testing.T) {
	config := DefaultDQN()
	config.Horizon, config.ExploreFrom, config.ExploreTo, config.ExploreShare = 1000, 1, 0.2, 0.5
	d, err := NewDQN(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	for steps, want := range map[int]float64{0: 1, 250: 0.6, 500: 0.2, 900: 0.2, 5000: 0.2} {
		if d.steps = steps; math.Abs(d.exploration()-want) > 1e-9 {
			t.Errorf("after %d steps: %v, want %v", steps, d.exploration(), want)
		}
	}
}

// Where it only explores, each allowed action is taken; where it does not, the best.
func TestWhatIsTakenWhileItExplores(t *testing.T) {
	for explore, want := range map[float64]bool{0: false, 1: true} {
		config := DefaultDQN()
		config.ExploreFrom, config.ExploreTo = explore, explore
		env := still{200}
		d, err := NewDQN(config, env)
		if err != nil {
			t.Fatal(err)
		}
		clear(d.online.Parameters())
		_, biases := d.online.Weights(len(config.Hidden))
		biases[3] = 1 // the last action
		if _, err := d.begin(env); err != nil {
			t.Fatal(err)
		}
		if err := d.act(); err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(d.taken, 0); got != want || slices.Contains(d.taken, 1) || !slices.Contains(d.taken, 2) {
			t.Errorf("exploring %v: taken %v", explore, d.taken)
		}
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
