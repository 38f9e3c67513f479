package advised_test

import (
	"math"
	"testing"

	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

// What a decision tells of advice is read where the policy writes it.
func TestWhatBecameOfAdvice(t *testing.T) {
	use := func(p *play) (string, float64) {
		d := scale.Decision{Recommendation: p.last}
		return advised.UseOf(&d)
	}
	p := newPlay(t, nil)
	p.see(nil)
	if got, weight := use(p); got != "" || !math.IsNaN(weight) {
		t.Errorf("without advice: got %q, %v", got, weight)
	}
	p.see(nil, p.advise(10))
	if got, weight := use(p); got != advised.Agreed || !(weight > 0 && weight <= 1) {
		t.Errorf("what is wanted anyway: got %q, %v", got, weight)
	}
	p.see(nil, p.advise(30))
	if got, weight := use(p); got != advised.Followed || !(weight > 0 && weight <= 1) {
		t.Errorf("more: got %q, %v", got, weight)
	}
	p.see(nil, p.advise(1))
	if got, _ := use(p); got != advised.Vetoed {
		t.Errorf("less than is needed: got %q", got)
	}
	p.see(func(o *scale.Observation) { o.Signals[1].Trust = scale.Absent }, p.advise(30))
	if got, weight := use(p); got != advised.Ignored || weight != 0 {
		t.Errorf("where nobody can price it: got %q, %v", got, weight)
	}
}
