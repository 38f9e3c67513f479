package rl

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/flyball-io/flyball/neural"
)

// still is an environment of three actions that never changes; the middle action is forbidden.
type still struct{ copies int }

func (s still) Copies() int { return s.copies }
func (s still) Width() int  { return 4 }
func (s still) Actions() int {
	return 3
}
func (s still) Reset(step *Step) {
	for c := range s.copies {
		copy(step.Observations[4*c:], []float32{1, float32(c), -1, 0.5})
		copy(step.Allowed[3*c:], []bool{true, false, true})
	}
}
func (s still) Act(_ []int, _ *Step) {}

// slopeOf is the finite difference of f by x[i].
func slopeOf(f func(x []float64) float64, x []float64, i int) float64 {
	const h = 1e-6
	moved := append([]float64(nil), x...)
	moved[i] += h
	up := f(moved)
	moved[i] -= 2 * h
	return (up - f(moved)) / (2 * h)
}

// reference is log π and H of logits by their definitions.
func reference(logits []float64, allowed []bool) (logs []float64, entropy float64) {
	sum := 0.0
	for a, z := range logits {
		if allowed[a] {
			sum += math.Exp(z)
		}
	}
	for a, z := range logits {
		logs = append(logs, z-math.Log(sum))
		if allowed[a] {
			entropy -= math.Exp(logs[a]) * logs[a]
		}
	}
	return logs, entropy
}

func wide(x []float32) []float64 {
	var out []float64
	for _, v := range x {
		out = append(out, float64(v))
	}
	return out
}

func TestPPOLossAgainstFiniteDifferences(t *testing.T) {
	config := DefaultPPO()
	config.Steps, config.Minibatches = 1, 1
	p, err := NewPPO(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	allowed := []bool{true, false, true}
	// The ratio within and beyond the clip, for both signs of the advantage; the value within and beyond.
	for _, oldLog := range []float64{-0.5, -0.8, -1.6} {
		for _, advantage := range []float64{1.5, -0.7} {
			for _, value := range []float64{0.1, 0.9, -0.9, 0.38} {
				r := p.rollout
				r.taken[0], r.logs[0], r.values[0], r.returns[0] = 2, oldLog, 0.15, 0.4
				p.normalized[0] = float32(advantage)
				loss := func(x []float64) float64 {
					logs, entropy := reference(x[:3], allowed)
					ratio := math.Exp(logs[2] - oldLog)
					surrogate := min(ratio*advantage, min(max(ratio, 0.8), 1.2)*advantage)
					old, target := float64(r.values[0]), float64(r.returns[0])
					near := old + min(max(x[3]-old, -0.2), 0.2)
					off := max((x[3]-target)*(x[3]-target), (near-target)*(near-target))
					return -surrogate - 0.01*entropy + 0.5*0.5*off
				}
				checkRow(t, p.loss, loss, []float64{0.2, 9, -0.1, value}, allowed)
			}
		}
	}
}

// Within a minibatch advantages have mean 0 and deviation 1; others stay as they were.
func TestAdvantagesOfAMinibatchAreNormalised(t *testing.T) {
	config := DefaultPPO()
	config.Steps, config.Minibatches = 5, 1
	p, err := NewPPO(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	copy(p.rollout.advantages, []float32{2, 99, 4, 99, 9})
	p.normalize([]int{0, 2, 4}) // mean 5, deviation √13
	for row, want := range []float64{-3 / math.Sqrt(13), 0, -1 / math.Sqrt(13), 0, 4 / math.Sqrt(13)} {
		if got := float64(p.normalized[row]); math.Abs(got-want) > 1e-6 {
			t.Errorf("row %d: %v, want %v", row, got, want)
		}
	}
}

func TestA2CLossAgainstFiniteDifferences(t *testing.T) {
	config := DefaultA2C()
	config.Steps, config.Entropy = 1, 0.02
	a, err := NewA2C(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	a.rollout.taken[0], a.rollout.advantages[0], a.rollout.returns[0] = 0, -1.25, 0.5
	allowed := []bool{true, false, true}
	checkRow(t, a.loss, func(x []float64) float64 {
		logs, entropy := reference(x[:3], allowed)
		return 1.25*logs[0] + 0.5*(x[3]-0.5)*(x[3]-0.5) - 0.02*entropy
	}, []float64{0.2, 9, -0.1, 2}, allowed)
}

// checkRow compares a row's derivatives by three logits and the value with the
// differences of its loss.
func checkRow(t *testing.T, derivative rowLoss, loss func(x []float64) float64, x []float64, allowed []bool) {
	t.Helper()
	draw, by := newDistribution(3), make([]float32, 3)
	draw.set([]float32{float32(x[0]), float32(x[1]), float32(x[2])}, allowed)
	got := append(wide(by), derivative(0, draw, x[3], by, &tally{}))
	copy(got, wide(by))
	for i := range got {
		if want := slopeOf(loss, x, i); math.Abs(got[i]-want) > 1e-5 {
			t.Errorf("at %v: derivative %d is %v, finite difference %v", x, i, got[i], want)
		}
	}
}

// What is computed in parts is the mean of what is computed row by row.
func TestPartsAddUpToTheMeanOfRows(t *testing.T) {
	config := DefaultA2C()
	config.Steps = 200
	a, err := NewA2C(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	r := a.rollout
	for row := range r.rows() {
		copy(r.observations[4*row:], []float32{float32(row) / 100, 1, -1, 0})
		copy(r.allowed[3*row:], []bool{true, true, true})
		r.taken[row], r.advantages[row], r.returns[row] = row%3, float32(row%7)-3, float32(row%2)
	}
	var meanActor, meanCritic = make([]float64, len(a.ac.actor.Parameters())), make([]float64, len(a.ac.critic.Parameters()))
	for row := range r.rows() {
		actor, critic, _ := a.backprop.gradient(r, []int{row}, a.loss)
		for i, g := range actor {
			meanActor[i] += float64(g) / 200
		}
		for i, g := range critic {
			meanCritic[i] += float64(g) / 200
		}
	}
	actor, critic, sums := a.backprop.gradient(r, a.rows, a.loss)
	if a.backprop.parts != 3 || sums.rows != 200 {
		t.Fatalf("%d parts of %v rows, want 3 of 200", a.backprop.parts, sums.rows)
	}
	same(t, "actor", actor, meanActor)
	same(t, "critic", critic, meanCritic)
}

func same(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-4 {
			t.Errorf("%s: derivative %d is %v, the mean of rows %v", what, i, got[i], want[i])
			return
		}
	}
}

// The gradient that cloning descends is that of its loss.
func TestCloneGradientAgainstFiniteDifferences(t *testing.T) {
	policy, err := perceptron(1, []int{3}, neural.Tanh, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	policy.Initialize(rand.New(rand.NewPCG(1, 0)))
	d := &Demonstrations{Width: 1, Actions: 2}
	for row := range 150 { // of two parts
		d.Add([]float32{float32(row)/75 - 1}, []bool{true, true}, row/100)
	}
	c := newCloner(policy, d, DefaultClone())
	loss := func() float64 {
		out, sum := make([]float32, 300), 0.0
		policy.NewInference().Infer(d.Observations, out)
		for row, chosen := range d.Chosen {
			logs, _ := reference(wide(out[2*row:2*row+2]), []bool{true, true})
			sum -= logs[chosen] / 150
		}
		return sum
	}
	if sums, err := c.descend(c.order, 0); err != nil || sums.rows != 150 { // a rate of 0: nothing moves
		t.Fatal(sums, err)
	}
	for i := range policy.Parameters() {
		const h = 1.0 / 256
		at := &policy.Parameters()[i]
		was := *at
		*at = was + h
		up := loss()
		*at = was - h
		want := (up - loss()) / (2 * h)
		*at = was
		if got := float64(c.pieces[0].gradient[i]); math.Abs(got-want) > 1e-4 {
			t.Errorf("parameter %d: gradient %v, finite difference %v", i, got, want)
		}
	}
}
