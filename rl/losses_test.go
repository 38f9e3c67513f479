package rl

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
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

func TestMaskedDistribution(t *testing.T) {
	logits, allowed := []float32{1, 50, -0.5, 0.25}, []bool{true, false, true, true}
	d := newDistribution(4)
	d.set(logits, allowed)
	logs, entropy := reference(wide(logits), allowed)
	for _, a := range []int{0, 2, 3} {
		if math.Abs(d.logs[a]-logs[a]) > 1e-9 || math.Abs(d.probabilities[a]-math.Exp(logs[a])) > 1e-9 {
			t.Errorf("action %d: log %v, probability %v, want %v", a, d.logs[a], d.probabilities[a], logs[a])
		}
	}
	if d.probabilities[1] != 0 || math.Abs(d.entropy-entropy) > 1e-9 {
		t.Errorf("forbidden action has probability %v; entropy %v, want 0 and %v", d.probabilities[1], d.entropy, entropy)
	}
	counts, random := make([]float64, 4), rand.New(rand.NewPCG(1, 0))
	for range 100_000 {
		counts[d.sample(random)]++
	}
	for a, p := range d.probabilities {
		if math.Abs(counts[a]/100_000-p) > 0.01 {
			t.Errorf("action %d was drawn %v times of 100000, its probability is %v", a, counts[a], p)
		}
	}
}

// Logits that are far apart neither overflow nor leave NaN behind.
func TestExtremeLogitsAreFinite(t *testing.T) {
	d, out := newDistribution(3), make([]float32, 3)
	d.set([]float32{3e38, -3e38, 0}, []bool{true, true, true})
	d.gradient(out, 0, 1, 1)
	if d.probabilities[0] != 1 || d.entropy != 0 || out[0] != 0 || out[1] != 0 {
		t.Errorf("probabilities %v, entropy %v, gradient %v", d.probabilities, d.entropy, out)
	}
	nan := float32(math.NaN())
	d.set([]float32{nan, nan, nan}, []bool{false, true, false})
	if got := d.sample(rand.New(rand.NewPCG(1, 0))); got != 1 {
		t.Errorf("of NaN, the forbidden action %d was drawn", got)
	}
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
			for _, value := range []float64{0.1, 0.9, -0.9} {
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

// The whole way from a batch of transitions to the gradient of the dueling net.
func TestDQNGradientAgainstFiniteDifferences(t *testing.T) {
	config := DefaultDQN()
	config.Hidden, config.Batch, config.Start, config.Buffer = []int{5}, 3, 3, 8
	d, err := NewDQN(config, still{1})
	if err != nil {
		t.Fatal(err)
	}
	b := d.batch
	for i := range b.rows {
		copy(b.observations[4*i:], []float32{0.3, -1, float32(i), 0.8})
		b.actions[i], b.weights[i], b.targets[i] = i, 0.3+0.3*float64(i), []float64{0.2, -0.4, 3}[i]
	}
	d.run(0)
	loss := func() float64 {
		out, sum := make([]float32, 3*4), 0.0
		d.onlineInference.Infer(b.observations, out)
		for i := range b.rows {
			row := wide(out[4*i : 4*i+4])
			q := row[0] + row[1+b.actions[i]] - (row[1]+row[2]+row[3])/3
			sum += b.weights[i] * (b.targets[i] - q) * (b.targets[i] - q) / 2 / 3
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
		if got := float64(d.pieces[0].gradient[i]); math.Abs(got-want) > 2e-3 {
			t.Errorf("parameter %d: gradient %v, finite difference %v", i, got, want)
		}
	}
}

// Worked by hand with γ = 0.5, λ = 0.5: two copies, three steps; copy 0 goes on,
// copy 1 terminates in the second step and is truncated in the third.
func TestAdvantagesOfARolloutWorkedByHand(t *testing.T) {
	r := newRollout(3, sizes{Copies: 2, Width: 1, Actions: 1})
	copy(r.rewards, []float32{1, 1, 2, 2, 3, 3})
	copy(r.values, []float32{4, 4, 6, 6, 8, 8})
	copy(r.ended, []bool{false, false, false, true, false, true})
	r.next[5] = 20 // of the truncated episode's last observation
	r.chain([]float32{10, 99})
	r.estimate(0.5, 0.5)
	// copy 0: δ = 1+3−4, 2+4−6, 3+5−8 = 0, 0, 0; copy 1: 1+3−4 = 0, 2+0−6 = −4, 3+10−8 = 5.
	for i, want := range []float32{0, -1, 0, -4, 0, 5} {
		if r.advantages[i] != want || r.returns[i] != want+r.values[i] {
			t.Errorf("row %d: advantage %v and return %v, want %v and %v", i, r.advantages[i], r.returns[i], want, want+r.values[i])
		}
	}
}

// brief ends every episode after one step: copy 0 is cut off, copy 1 terminates,
// copy 2 does both at once, copy 3 goes on.
type brief struct{ still }

func (b brief) Act(_ []int, step *Step) {
	b.Reset(step)
	for c := range b.copies {
		step.Truncated[c], step.Terminated[c] = c == 0 || c == 2, c == 1 || c == 2
		copy(step.Final[4*c:], []float32{7, 7, float32(c), 7})
	}
}

// An episode that is cut off is worth what the critic says of its last
// observation, one that terminated nothing more.
func TestWhatFollowsTheEndOfAnEpisode(t *testing.T) {
	config := DefaultPPO()
	config.Steps = 1
	env := brief{still{4}}
	p, err := NewPPO(config, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.begin(env); err != nil {
		t.Fatal(err)
	}
	if err := p.rollout.collect(&p.session, p.ac); err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 4)
	p.ac.criticInference.Infer([]float32{7, 7, 0, 7}, want[:1])
	p.ac.criticInference.Infer(p.step.Observations[12:], want[3:])
	if got := p.rollout.next; !slices.Equal(got, want) || want[0] == 0 {
		t.Errorf("what follows is worth %v, want %v", got, want)
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
				Terminated: []bool{last && terminated}, Truncated: []bool{last && !terminated}, Allowed: []bool{true, false}}, to)
		}
		var end1, end2 float32 = 0.25, 0.5 // γ², γ
		if terminated {
			end1, end2 = 0, 0
		}
		for i, want := range []struct {
			from, next, reward, discount float32
			action                       int
			second                       bool // the second action is allowed in next
		}{
			{0, 2, 1 + 0.5*2, 0.25, 0, false},
			{1, 50, 2 + 0.5*3, end1, 1, true},
			{2, 50, 3, end2, 0, true},
		} {
			if to.Observations[i] != want.from || to.Next[i] != want.next || to.Rewards[i] != want.reward ||
				to.Discounts[i] != want.discount || to.Actions[i] != want.action || to.Allowed[2*i+1] != want.second {
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
