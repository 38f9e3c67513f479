package rl

import (
	"math"
	"math/rand/v2"
	"testing"
)

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
