package predictive

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// knowing is a policy that knows its service, 80 ms and four at a time, and is
// told what is expected.
func knowing(t *testing.T, peaks ...float64) *Policy {
	t.Helper()
	cfg := Default()
	cfg.Service = capacity.Config{ServiceMean: scale.Duration(80 * time.Millisecond), ServiceCV: 0.5, Concurrency: 4, Startup: scale.Duration(30 * time.Second)}
	p, err := New(cfg, policy.Env{Min: 1, Max: 100, Sync: 15 * time.Second, Objective: &scale.Objective{
		Threshold: scale.Duration(500 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	p.load = newLoad(15 * time.Second)
	p.load.begin(3)
	p.expect(peaks...)
	return p
}

// expect tells what the quantiles are: one for all, or two for the lower and the
// upper half.
func (p *Policy) expect(peaks ...float64) {
	for i := range p.load.peak {
		p.load.peak[i] = peaks[i*len(peaks)/len(p.load.peak)]
	}
	p.load.newest, p.load.value = peaks[0], peaks[0]
}

// Who is sure needs what the queueing model says, wherever the search begins.
func TestACertainForecastNeedsWhatTheQueueNeeds(t *testing.T) {
	p := knowing(t, 1)
	for _, rate := range []float64{1, 40, 1000, 200, 4000, 999} {
		p.expect(rate)
		want := p.learner.Demand(rate, 0.001)
		if got := p.staff(0.001, 200); got != want {
			t.Errorf("%v/s for certain: %d replicas, the queue needs %d", rate, got, want)
		}
	}
	p.expect(1e6)
	if got := p.staff(0.001, 200); got != 201 {
		t.Errorf("no number does: got %d, want 201, one more than may be asked for", got)
	}
}

// Of two forecasts with the same middle the wider one asks for more, and the
// more so the less may be missed.
func TestWhatIsNotSureAsksForMore(t *testing.T) {
	p, last := knowing(t, 1000), 0
	for _, upper := range []float64{1000, 1100, 1300, 1800} {
		p.expect(1000, upper)
		if n := p.staff(0.001, 200); n < last || upper > 1000 && n == last {
			t.Errorf("up to %v/s: %d replicas after %d", upper, n, last)
		} else {
			last = n
		}
	}
	last = 0
	for _, share := range []float64{0.5, 0.1, 0.01, 0.001, 0.0001} {
		n := p.staff(share, 200)
		if n < last {
			t.Errorf("%v may miss: %d replicas, %d when more might", share, n, last)
		}
		last = n
	}
}

// Most requests arrive when most arrive: of 100 and 1000/s, as likely as each
// other, ten in eleven are those of the higher rate.
func TestLateRequestsAreCountedNotHours(t *testing.T) {
	p := knowing(t, 100)
	p.expect(100, 1000)
	low := 0.0
	for i, rate := range p.load.peak {
		if rate == 100 {
			low += p.load.weights[i]
		}
	}
	want := (1 - low) * 1000 / (low*100 + (1-low)*1000)
	if late := p.expected(3); math.Abs(late-want) > 0.001 {
		t.Errorf("3 replicas carry the lower rate: %.4f are expected to miss, want %.4f", late, want)
	}
}

// What cannot be carried waits until further replicas serve: a rate a fifth
// beyond that is expected for certain is missed by nearly all in the end.
func TestWhatCannotBeCarriedWaits(t *testing.T) {
	p := knowing(t, 600)
	if late := p.expected(10); late < 0.99 {
		t.Errorf("600/s on 10 replicas of 50/s: %.3f are expected to miss", late)
	}
	if late := p.expected(14); late > 0.001 {
		t.Errorf("600/s on 14 replicas of 50/s: %.5f are expected to miss", late)
	}
}

// 500/s on 4 replicas of 50/s that serve for 30 s more: 9000 will wait. To be
// answered in 30 s besides 500/s they take (500 + 300)/50 = 16 replicas.
func TestABacklogIsDrained(t *testing.T) {
	p := knowing(t, 500)
	if n, backlog := p.drain(500, 4); n != 16 || backlog != 9000 {
		t.Errorf("%d replicas for %v that wait, want 16 for 9000", n, backlog)
	}
	p.cfg.Drain = scale.Duration(90 * time.Second)
	if n, _ := p.drain(500, 4); n != 12 {
		t.Errorf("within 90 s: %d replicas, want 12", n)
	}
	p.cfg.Drain = scale.Duration(time.Second)
	if n, _ := p.drain(500, 4); n != 21 {
		t.Errorf("within a second: %d replicas, want 21: no more than twice what the load takes", n)
	}
	if n, backlog := p.drain(500, 10); n != 0 || backlog != 0 {
		t.Errorf("carried just so: %d replicas for %v that wait, want none", n, backlog)
	}
}

// An objective that can just be kept by the services alone, of which the CPU is
// all that is known.
func TestWhatIsAssumedOnCPU(t *testing.T) {
	_, objective := assumed(capacity.Config{}, scale.Objective{Target: 0.999})
	alone := 1 - queueing.Lognormal(1, 1).CDF(objective.Threshold.Std().Seconds())
	if math.Abs(alone/0.001-1) > 1e-6 {
		t.Errorf("%v of the services take longer than %v, want 0.001", alone, objective.Threshold)
	}
	if _, objective := assumed(capacity.Config{}, scale.Objective{}); objective.Target != withoutObjective {
		t.Errorf("nobody says how many may be late: target %v", objective.Target)
	}
}
