package predictive

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Whatever makes requests miss the objective, in the long run as many do as the
// objective allows: here three times as many as the model thinks.
func TestInTheLongRunAsManyMissAsAreAllowed(t *testing.T) {
	const allowed, wrong = 0.001, 3
	var b budget
	rng := rand.New(rand.NewPCG(1, 2))
	missed, n := 0.0, 0.0
	for i := range 20_000 {
		now := wrong * allowed * b.factor() * rng.ExpFloat64()
		b.learn(now, 0, allowed, 100, 1./240)
		if i > 2000 {
			missed, n = missed+now, n+1
		}
	}
	if got := missed / n / allowed; math.Abs(got-1) > 0.05 {
		t.Errorf("%.2f times what is allowed misses", got)
	}
}

// Who was lucky takes no more risk for that, and who had no luck at all a tenth.
func TestRiskIsNeverAboveWhatWasAskedFor(t *testing.T) {
	var b budget
	for range 1000 {
		b.learn(0, 0, 0.001, 100, 1./240)
	}
	if f := b.factor(); f != 1 {
		t.Errorf("nothing was missed for hours: risk times %v, want 1", f)
	}
	for range 1000 {
		b.learn(1, 0, 0.001, 100, 1./240)
	}
	if f := b.factor(); math.Abs(f-0.1) > 0.001 {
		t.Errorf("everything was missed for hours: risk times %v, want a tenth", f)
	}
}

// What services alone miss is not the policy's, and without requests nobody
// missed anything.
func TestWhatTheBudgetIsNotChargedWith(t *testing.T) {
	var b budget
	b.learn(0.02, 0.02, 0.001, 100, 1./240)
	b.learn(1, 0, 0.001, 0, 1./240)
	b.learn(1, 0, 0, 100, 1./240)
	if b.factor() != 1 {
		t.Errorf("risk times %v, want 1", b.factor())
	}
	var busy, quiet budget
	busy.Usual, quiet.Usual = 100, 100
	busy.learn(0.01, 0, 0.001, 200, 1./240)
	quiet.learn(0.01, 0, 0.001, 50, 1./240)
	if busy.Log >= quiet.Log {
		t.Errorf("a miss at twice the usual rate moves the risk by %v, at half of it by %v: want more", busy.Log, quiet.Log)
	}
}
