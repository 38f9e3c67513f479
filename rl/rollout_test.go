package rl

import (
	"slices"
	"testing"
)

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

// What is annealed falls to 0 along the horizon; without one it stays.
func TestAnnealing(t *testing.T) {
	s := newSession(still{1}, 1)
	for steps, want := range map[int]float64{0: 2, 250: 1.5, 1000: 0, 3000: 0} {
		s.steps = steps
		if got := s.annealed(2, 1000); got != want || s.annealed(2, 0) != 2 {
			t.Errorf("after %d steps: %v, want %v; without a horizon %v, want 2", steps, got, want, s.annealed(2, 0))
		}
	}
}

// In another environment episodes begin anew: nothing of the old ones is counted.
func TestAnotherEnvironmentBeginsAnew(t *testing.T) {
	s := newSession(still{1}, 1)
	s.episodes.Returns[0], s.episodes.Lengths[0] = 99, 9
	if anew, err := s.begin(still{1}); err != nil || !anew || s.episodes.Returns[0] != 0 || s.episodes.Lengths[0] != 0 {
		t.Errorf("anew %v, %v: an episode begins with %+v", anew, err, s.episodes)
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
