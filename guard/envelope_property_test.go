package guard_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// tolerance is what sums of floating-point numbers may be off by, relative.
const tolerance = 1e-8

// In every window of every play the cost is within the promise: random advice,
// advice that looks at the ledger, an expert without sense, loads of any size,
// rates that come late, never or as NaN, orders that are lost, cut or half
// carried out, counts that somebody else sets, gaps and clocks that are set back.
func TestNoWindowEverCostsMoreThanPromised(t *testing.T) {
	instances := 1_000_000
	if testing.Short() {
		instances = 50_000
	}
	worst, used, lives, halves, charged := math.Inf(-1), 0.0, 0, 0, 0
	for seed := range uint64(instances) {
		rng := rand.New(rand.NewPCG(seed, 7))
		p := random(rng)
		j := newJudge(p)
		breach := j.run(rng.IntN(p.most + 1))
		if worst = max(worst, breach); breach > tolerance || j.fault != "" {
			t.Fatalf("seed %d: a window cost %v more than promised (relative); %s\n%s", seed, breach, j.fault, describe(p, j))
		}
		used, halves, charged = max(used, j.used), halves+j.halves, charged+j.charged
		for _, e := range j.entries {
			if e.begins {
				lives++
			}
		}
	}
	t.Logf("%d instances, %d lives of the accounts: the worst window exceeds its promise by %.3g (relative), and uses up %.6f of what was saved before it", instances, lives, worst, used)
	if used < 0.99 {
		t.Errorf("none used up more than %v of what was saved: these instances prove nothing", used)
	}
	t.Logf("%d orders were half carried out, after %d of them the accounts went on", halves, charged)
	if 2*charged < halves || halves < instances/100 {
		t.Errorf("%d orders were half carried out, after %d of them the accounts went on: want most", halves, charged)
	}
}

// describe tells what a play was and what became of it.
func describe(p *play, j *judge) string {
	text := fmt.Sprintf("λ %v, target %v, most %d, %+v\n", p.lambda, p.target, p.most, p.service)
	for _, s := range p.steps {
		text += fmt.Sprintf("  %+v\n", s)
	}
	for _, e := range j.entries {
		text += fmt.Sprintf("  own %.4g expert %.4g saved %.4g begins %v\n", e.own, e.expert, e.saved, e.begins)
	}
	return text
}

// Advice, load and expert that are searched for to hurt most: from random
// plays single steps are changed as long as that uses up more of what was saved.
func TestWhatIsFoundToHurtMostIsWithinThePromise(t *testing.T) {
	searches, changes := 400, 500
	if testing.Short() {
		searches = 20
	}
	worst, mean := math.Inf(-1), 0.0
	for seed := range uint64(searches) {
		rng := rand.New(rand.NewPCG(seed, 8))
		p := random(rng)
		initial := rng.IntN(p.most + 1)
		found := 0.0
		for range changes {
			other := changed(rng, p)
			j := newJudge(other)
			breach := j.run(initial)
			if breach > tolerance || j.fault != "" {
				t.Fatalf("seed %d: %v more than promised (relative); %s\n%s", seed, breach, j.fault, describe(other, j))
			}
			worst = max(worst, breach)
			if j.used >= found {
				p, found = other, j.used
			}
		}
		mean += found / float64(searches)
	}
	t.Logf("%d plays tried: the worst window exceeds its promise by %.3g (relative); the searches end at %.4f of what was saved, on average", searches*changes, worst, mean)
}

// changed is a play with some steps changed.
func changed(rng *rand.Rand, p *play) *play {
	other := *p
	other.steps = append([]turn(nil), p.steps...)
	for range 1 + rng.IntN(3) {
		from := random(rng).steps
		k := rng.IntN(len(other.steps))
		s, donor := &other.steps[k], from[rng.IntN(len(from))]
		switch rng.IntN(6) {
		case 0:
			s.rate = p.service.perReplica * float64(rng.IntN(2*p.most+1)) * []float64{0.5, 0.98, 1}[rng.IntN(3)]
		case 1:
			s.expert = rng.IntN(p.most + 1)
		case 2:
			s.want, s.advice = rng.IntN(p.most+1), asWritten
		case 3:
			s.advice = donor.advice
		case 4:
			s.seen, s.fate, s.outside = donor.seen, donor.fate, rng.IntN(p.most+1)
		case 5:
			s.startup, s.broken = donor.startup, donor.broken
		}
	}
	return &other
}
