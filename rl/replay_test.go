package rl

import (
	"math"
	"math/rand/v2"
	"testing"
)

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
	copy(b.errors, []float64{1, -4, 25})
	r.learned(b, 0.5) // priorities 1, 2, 5
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
