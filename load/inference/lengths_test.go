package inference

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestLengthsAreRead(t *testing.T) {
	for _, tc := range []struct {
		text     string
		mean, sd float64
	}{
		{"256", 256, 0},
		{"100:400", 250, 86.9}, // even: (400−100+1)/√12
		{"lognormal:256,0.8", 256, 0.8 * 256},
		{"lognormal:256,0", 256, 0},
	} {
		l, err := ParseLength(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		rng := rand.New(rand.NewPCG(1, 2))
		const n = 200_000
		sum, squares := 0.0, 0.0
		for range n {
			x := float64(l.draw(rng))
			sum, squares = sum+x, squares+x*x
		}
		mean := sum / n
		sd := math.Sqrt(max(0, squares/n-mean*mean))
		if math.Abs(mean/tc.mean-1) > 0.01 || math.Abs(sd-tc.sd) > 0.03*tc.sd+1e-6 {
			t.Errorf("%s: got mean %.1f and deviation %.1f, want %.1f and %.1f", tc.text, mean, sd, tc.mean, tc.sd)
		}
	}
	for _, text := range []string{"", "0", "-3", "x", "5:3", "0:3", "3:", "lognormal:256", "lognormal:0,1", "lognormal:5,-1", "lognormal:NaN,1", "lognormal:a,b", "2000000"} {
		if _, err := ParseLength(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// Prompts have the words that were asked for; the same seed asks the same, and no
// two requests do.
func TestPromptsAreDrawn(t *testing.T) {
	at := func(seed, number uint64) string { return prompt(50, rand.New(rand.NewPCG(seed, number))) }
	if got := at(1, 1); len(strings.Fields(got)) != 50 || got != at(1, 1) || got == at(1, 2) || got == at(2, 1) {
		t.Errorf("got %q, and %q for the next", got, at(1, 2))
	}
}
