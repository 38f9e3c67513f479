package advised_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

// occasions are those for which something would be asked now.
func (p *play) occasion() string {
	p.t.Helper()
	all := p.Inquiries()
	switch {
	case len(all) == 0:
		return ""
	case len(all) > 1 || all[0].From != p.cfg.Advisor.From():
		p.t.Fatalf("got %v, want at most one inquiry, of its own need", all)
	}
	return all[0].Occasion
}

// calm has everybody agree: ten replicas for what seven tenths of them carry.
func calm(t *testing.T) *play {
	p := newPlay(t, nil)
	p.rate = 350
	p.see(nil)
	if got := p.occasion(); got != policy.FirstLook {
		t.Fatalf("at first: got %q", got)
	}
	for range 40 {
		p.see(nil, p.advise(10))
	}
	return p
}

func (p *play) want(occasion string) {
	p.t.Helper()
	if got := p.occasion(); got != occasion {
		p.t.Fatalf("after %v: got %q, want %q", p.at, got, occasion)
	}
}

func TestNothingIsAskedWhileAllIsWell(t *testing.T) {
	p := calm(t)
	for range 1000 {
		p.see(nil)
		p.want("")
	}
}

// A base that looks at CPU speaks of replicas' worth of it: no model is told that those
// are requests per second.
func TestLoadsOfCPUAreNotToldAsRequests(t *testing.T) {
	for signal, told := range map[string]bool{scale.RequestRate: true, scale.CPUUtilization: false} {
		p := newPlay(t, nil)
		p.base.signal = signal
		p.see(nil)
		f := p.Inquiries()[0].Facts
		if known := f.Load == 400 && f.PerReplica == 50 && f.Forecast[2] == 450; known != told || !told && !math.IsNaN(f.Load+f.PerReplica+f.Forecast[0]) {
			t.Errorf("by %s: told %v per second, of which a replica carries %v: want that known %v", signal, f.Load, f.PerReplica, told)
		}
		if f.Wants != 10 || f.Floor != 8 {
			t.Errorf("by %s: wants %d, at least %d; want 10 and 8", signal, f.Wants, f.Floor)
		}
	}
}

func TestAnotherLoadIsWorthAQuestion(t *testing.T) {
	for name, rate := range map[string]float64{"above the forecast": 460, "far below": 200} {
		t.Run(name, func(t *testing.T) {
			p := calm(t)
			p.base.need = 10
			p.rate = rate
			for n := 0; p.see(nil) > 0 && p.occasion() == ""; n++ {
				if n == 5 {
					t.Fatal("nobody asks")
				}
			}
			p.want(policy.RegimeChange)
			p.see(nil)
			p.want(policy.RegimeChange) // nobody has answered
			p.see(nil, p.advise(10))
			p.want("")
		})
	}
}

func TestMissesAgainAndAgainAreWorthAQuestion(t *testing.T) {
	p := calm(t)
	late := func(o *scale.Observation) { o.Signals[2].Points[0].Value = 0.01 }
	for range 2 {
		p.see(late)
		p.want("")
	}
	p.see(late)
	p.want(policy.Violations)
	p.see(late, p.advise(10))
	p.want("")
	answered := p.at
	for p.at < answered+5*time.Minute-sync {
		p.see(late)
		p.want("")
	}
	p.see(late)
	p.want(policy.Violations) // it lasts, and the answer has expired
}

// Who is to be asked always is asked by time when nothing has happened.
func TestWhoIsAskedAlways(t *testing.T) {
	p := newPlay(t, func(c *advised.Config) { c.Advisor.Always = true })
	p.rate = 350
	p.see(nil)
	p.want(policy.FirstLook)
	p.see(nil, p.advise(10))
	p.want("")
	for answered := p.at; p.at < answered+time.Minute-2*sync; {
		p.see(nil)
		p.want("")
	}
	p.see(nil)
	p.see(nil)
	p.want(policy.Periodic)
	p.see(nil, p.advise(10))
	p.want("")
}

func TestDisagreementIsWorthAQuestionOnce(t *testing.T) {
	p := calm(t)
	p.base.wants = 19 // a plain rule wants 8 / 0.7 = 12
	p.see(nil)
	p.want(policy.Disagreement)
	p.see(nil, p.advise(10))
	p.want("")
	for range 100 {
		p.see(nil)
		p.want("")
	}
}

func TestTheFacts(t *testing.T) {
	p := newPlay(t, nil)
	for n := range 61 { // latencies of 1 to 9 hundredths of a second
		p.see(func(o *scale.Observation) { o.Signals[0].Points[0].Value = float64(1+n%9) / 100 })
	}
	for range 3 {
		p.see(func(o *scale.Observation) { o.Signals[0].Points[0].Value = 0.001 })
	}
	f := p.Inquiries()[0].Facts
	if f.Wants != 10 || f.Floor != 8 || f.Other != 12 || f.Load != 400 || f.PerReplica != 50 || f.Forecast != [3]float64{400, 420, 450} || f.Startup != 30*time.Second {
		t.Errorf("got %+v", f)
	}
	// The last 57 of the first and three of a thousandth.
	if f.Baseline != 0.05 || math.Abs(f.Sigma-1.4826*0.02) > 1e-9 || f.LowWindows != 3 {
		t.Errorf("got a baseline of %v, sigma %v, %d low windows", f.Baseline, f.Sigma, f.LowWindows)
	}
	if f.SinceChange != p.at-sync {
		t.Errorf("got %v since the last change, want %v", f.SinceChange, p.at-sync)
	}
}

// Without an outlook of the base what is unknown is no number.
func TestTheFactsOfABaseThatForeseesNothing(t *testing.T) {
	p := newPlay(t, nil)
	p.base.blind = true
	p.see(nil)
	f := p.Inquiries()[0].Facts
	if f.Load != 400 || math.Abs(f.PerReplica-50) > 1e-9 || !math.IsNaN(f.Forecast[2]) || f.Floor != 10 {
		t.Errorf("got %+v", f)
	}
	p.see(func(o *scale.Observation) { o.Signals[1].Trust = scale.Absent })
	if f = p.Inquiries()[0].Facts; !math.IsNaN(f.Load) || f.Other != 10 {
		t.Errorf("without a rate: %+v", f)
	}
}

var _ policy.Inquiring = (*advised.Policy)(nil)
