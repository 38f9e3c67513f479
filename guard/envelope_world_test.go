package guard_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

// play is what happens to an envelope, step by step: any field may be anything.
type play struct {
	lambda, target float64
	most           int
	service        pool
	steps          []turn
}

// turn is one decision and the interval after it.
type turn struct {
	later   time.Duration // since the decision before
	rate    float64       // of the interval after it
	seen    int           // after so many steps; below 0: never
	nan     bool          // and then it is no number
	broken  bool          // the newest value is not fresh
	unknown bool          // nobody knows the service
	startup time.Duration // as far as is known
	expert  int
	want    int
	advice  advice
	fate    fate
	outside int // the count that somebody sets
}

func (t *turn) measured() bool { return t.seen >= 0 && !t.nan }

// advice is what a policy says; some look at the ledger.
type advice uint8

const (
	asWritten advice = iota // what is in want
	highest                 // the most that is admitted
	lowest                  // the least that is admitted
	furthest
	silent // no opinion
	advices
)

// fate is what becomes of a decision.
type fate uint8

const (
	carriedOut fate = iota
	lost            // the target was never told
	cut             // told another count, by a rule behind
	halfway         // of the change the first half is there at the next decision
	cutHalfway      // told another count, and that
	meddled         // somebody else sets a count
)

// pool is a service of which one replica carries so many requests per second;
// with less to spare than a width, some violate.
type pool struct {
	perReplica, width float64
	odd               bool // its shares make no sense
	known             bool
	startup           time.Duration
}

func (p *pool) Avoidable(replicas int, rate, _ float64) float64 {
	if p.odd {
		return math.Mod(rate*float64(replicas+1)*0.618, 1)
	}
	spare := float64(replicas)*p.perReplica - rate
	if spare <= 0 {
		return 1
	}
	return math.Exp(-spare / p.width)
}
func (p *pool) Observe(*scale.Observation) {}
func (p *pool) Load(obs *scale.Observation) *scale.Signal {
	if rate := obs.Signal(scale.RequestRate); rate != nil {
		return rate
	}
	return obs.Signal(scale.CPUUtilization)
}
func (p *pool) Known() bool               { return p.known }
func (p *pool) Startup() time.Duration    { return p.startup }
func (p *pool) Snapshot() ([]byte, error) { return []byte("{}"), nil }
func (p *pool) Restore([]byte) error      { return nil }
func (p *pool) PerReplica() float64 {
	if !p.known {
		return 0
	}
	return p.perReplica
}

// script is an expert that says what is written.
type script struct{ next int }

func (s *script) Decide(obs scale.Observation) scale.Decision {
	return scale.Decision{At: obs.At, CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: s.next}
}
func (*script) Applied(time.Time, int, int) {}
func (*script) Snapshot() ([]byte, error)   { return []byte("{}"), nil }
func (*script) Restore([]byte) error        { return nil }

// entry is a step as the judge reckons it: from the rates that really were.
type entry struct {
	end         time.Time
	own, expert float64 // costs, additions included
	saved       float64 // the most that may be saved after it
	begins      bool    // both accounts begin after it
}

// judge plays an envelope and keeps books of its own.
type judge struct {
	p        *play
	envelope *guard.Envelope
	expert   *script
	obs      scale.Observation
	points   []series.Point // of all intervals, seen or not
	visible  []int          // step at which each can be seen
	shown    []series.Point
	tariff   *cost.Tariff
	f        cost.Interval
	entries  []entry
	fault    string
	used     float64 // the most of what was saved that a window has used up
	halves   int     // orders of which a part was there at the next decision
	charged  int     // of them those after which the accounts went on
}

const sync = 15 * time.Second

func newJudge(p *play) *judge {
	objective := scale.Objective{Threshold: scale.Duration(time.Second), Target: p.target, Window: scale.Duration(time.Hour)}
	j := &judge{p: p, expert: &script{}, tariff: cost.NewTariff(1-p.target, time.Hour)}
	j.envelope = guard.NewEnvelope(guard.EnvelopeConfig{
		Lambda: p.lambda, Max: p.most, Objective: objective, Sync: sync, Name: "script", Expert: j.expert, Service: &p.service,
	})
	j.obs.Signals = []scale.Signal{{Name: scale.RequestRate, Trust: scale.Fresh}}
	return j
}

// run plays all steps from a count and returns the worst breach of the
// promise: how much more than allowed a window cost.
func (j *judge) run(initial int) float64 {
	at, current := scaletest.At(0), initial
	var began time.Time
	var before guard.Step
	for k := range j.p.steps {
		s := &j.p.steps[k]
		if k > 0 {
			at = at.Add(s.later)
		}
		j.observe(k, at, current, s)
		price := j.prices(at)
		step := j.decide(s)
		if k > 0 {
			j.tally(&j.p.steps[k-1], s, before, current, j.envelope.Began().Equal(began))
		}
		if !j.envelope.Began().Equal(began) {
			began = j.envelope.Began()
			if k > 0 && !j.mayBegin(s, current, before) {
				j.fault = "the accounts began anew without need"
			}
			if k == 0 {
				j.entries = append(j.entries, entry{end: at})
			}
			// What was not decided here is not promised either, but it is part of
			// what the expert has cost.
			j.entries[len(j.entries)-1].begins = true
			if s.later < 0 {
				j.points, j.visible = j.points[:0], j.visible[:0]
			}
		}
		before, current = step, j.carryOut(s, at, current, step)
		length := sync
		if k+1 < len(j.p.steps) {
			length = j.p.steps[k+1].later
		} else if current != step.Answer {
			break // whether the accounts would begin anew, nobody will know
		}
		j.book(k, at, length, current, step, price)
	}
	return j.worst()
}

// observe shows what can be seen at a step.
func (j *judge) observe(k int, at time.Time, current int, s *turn) {
	j.shown = j.shown[:0]
	for i, p := range j.points {
		if j.visible[i] <= k {
			j.shown = append(j.shown, p)
		}
	}
	if s.unknown {
		j.p.service.known = false
	} else {
		j.p.service.known = true
	}
	j.p.service.startup = s.startup
	signal := &j.obs.Signals[0]
	signal.Points, signal.Trust = j.shown, scale.Fresh
	switch {
	case len(j.shown) == 0:
		signal.Trust = scale.Absent
	case s.broken:
		signal.Trust = scale.Stale
	case math.IsNaN(j.shown[len(j.shown)-1].Value):
		signal.Trust = scale.Implausible
	}
	j.obs.At, j.obs.CurrentReplicas = at, current
	j.expert.next = s.expert
}

// prices are those of the interval that begins, by the judge's own tariff.
func (j *judge) prices(at time.Time) cost.Terms {
	if rate, ok := j.obs.Last(scale.RequestRate); ok && rate >= 0 {
		j.tariff.Observe(at, min(rate, 1e9))
	}
	perReplica := j.p.service.PerReplica()
	return cost.Terms{Violation: j.tariff.Violation(perReplica), PerReplica: perReplica}
}

func (j *judge) decide(s *turn) guard.Step {
	if s.advice == silent {
		j.envelope.Instead(j.obs, j.obs.CurrentReplicas)
		step := j.envelope.Step()
		if step.Answer != step.Expert {
			j.fault = "the policy is silent, and it is not the expert's answer"
		}
		return step
	}
	want := s.want
	if s.advice != asWritten { // looks at the ledger first
		j.envelope.Limit(j.obs, 0)
		want = j.greedy(s.advice)
	}
	j.envelope.Limit(j.obs, want)
	step := j.envelope.Step()
	_, measured := j.obs.Last(scale.RequestRate)
	if blind := s.unknown || !measured; blind && step.Answer != step.Expert {
		j.fault = "blind, and not the expert's answer"
	}
	if !step.Blind {
		clamped := min(max(want, 0), j.p.most)
		if step.Answer < min(clamped, step.Expert) || step.Answer > max(clamped, step.Expert) {
			j.fault = "not between what is wanted and the expert's"
		}
		if toward := step.Answer + sign(clamped-step.Answer); toward != step.Answer && j.envelope.Admits(toward) {
			j.fault = "a nearer count is admitted"
		}
	}
	return step
}

func sign(n int) int {
	switch {
	case n > 0:
		return 1
	case n < 0:
		return -1
	}
	return 0
}

// greedy goes as far as the ledger lets it.
func (j *judge) greedy(a advice) int {
	low, high := j.p.most, 0
	for n := range j.p.most + 1 {
		if j.envelope.Admits(n) {
			low, high = min(low, n), max(high, n)
		}
	}
	e := j.envelope.Step().Expert
	switch {
	case a == highest, a == furthest && high-e > e-low:
		return high
	default:
		return low
	}
}

// carryOut returns the count that is there after a decision.
func (j *judge) carryOut(s *turn, at time.Time, current int, step guard.Step) int {
	switch s.fate {
	case lost:
		return current
	case cut:
		j.envelope.Applied(at, current, s.outside)
		return s.outside
	case halfway:
		j.envelope.Applied(at, current, step.Answer)
		return (current + step.Answer) / 2
	case cutHalfway:
		j.envelope.Applied(at, current, s.outside)
		return (current + s.outside) / 2
	case meddled:
		return s.outside
	}
	if step.Answer != current {
		j.envelope.Applied(at, current, step.Answer)
	}
	return step.Answer
}

// tally counts the orders half carried out, where there was no gap.
func (j *judge) tally(ordered, now *turn, before guard.Step, current int, on bool) {
	half := ordered.fate == halfway || ordered.fate == cutHalfway
	if !half || current == before.Own || current == before.Told || now.later < 0 || now.later > 2*sync {
		return
	}
	j.halves++
	if on {
		j.charged++
	}
}

// mayBegin reports whether the accounts may begin anew at a step: after a gap,
// with the clock set back, when somebody else changed the count, and when the
// decision was not carried out. One of which a part was may not be the reason
// where the count lies between the expert's and the one admitted: those are all
// paid for.
func (j *judge) mayBegin(s *turn, current int, before guard.Step) bool {
	if s.later < 0 || s.later > 2*sync {
		return true
	}
	part := between(current, before.Own, before.Told) && between(current, before.Expert, before.Answer)
	return current != before.Answer && !part
}

func between(n, a, b int) bool { return n >= min(a, b) && n <= max(a, b) }

// book writes down what the interval after a step costs, by the rate that
// really was.
func (j *judge) book(k int, at time.Time, length time.Duration, x int, step guard.Step, price cost.Terms) {
	s := &j.p.steps[k]
	end := at.Add(length)
	if (s.seen >= 0 || s.nan) && length > 0 {
		value := s.rate
		if s.nan {
			value = math.NaN()
		}
		j.points = append(j.points, series.Point{At: end, Value: value})
		visible := k + 1 + max(0, s.seen)
		if n := len(j.visible); n > 0 { // what is measured later arrives later
			visible = max(visible, j.visible[n-1])
		}
		j.visible = append(j.visible, visible)
	}
	j.entries = append(j.entries, entry{end: end,
		own: step.Beta * float64(max(0, x-step.Own)), expert: step.Beta * float64(max(0, step.Expert-step.ExpertWas)),
	})
	last := &j.entries[len(j.entries)-1]
	price.Seconds, price.Rate = length.Seconds(), s.rate
	if !s.measured() { // the next measurement stands for it
		for i := k + 1; i < len(j.p.steps); i++ {
			if j.p.steps[i].measured() {
				price.Rate = j.p.steps[i].rate
				break
			}
		}
	}
	j.f.Set(price, &j.p.service)
	last.own += j.f.Of(x)
	last.expert += j.f.Of(step.Expert)
	last.saved = step.Beta * float64(max(0, step.Expert-x))
}

// worst is how much more any window cost than (1+λ) times the expert's and
// what may have been saved before it. A window that begins with the accounts has
// nothing saved.
func (j *judge) worst() float64 {
	worst, highest, sum := math.Inf(-1), math.Inf(-1), 0.0
	for i := range j.entries {
		if !j.entries[i].begins {
			j.entries[i].saved = max(j.entries[i].saved, j.p.lambda*j.lastHour(i))
		}
	}
	// From the end: sum is the excess of all later steps of this life of the
	// accounts, highest the most that any part of them from here on had.
	for i := len(j.entries) - 1; i >= 0; i-- {
		e := &j.entries[i]
		if highest > math.Inf(-1) {
			worst = max(worst, (highest-e.saved)/(1+math.Abs(highest)))
			if e.saved > 1 {
				j.used = max(j.used, highest/e.saved)
			}
		}
		if e.begins {
			highest = math.Inf(-1)
			continue
		}
		sum = e.own - (1+j.p.lambda)*e.expert
		highest = sum + max(0, highest)
	}
	return worst
}

// lastHour is what the expert has cost in the hour before the end of a step.
func (j *judge) lastHour(i int) float64 {
	sum := 0.0
	for k := i; k >= 0; k-- { // those of a clock that was ahead are no part of it
		if j.entries[i].end.Sub(j.entries[k].end) >= time.Hour || j.entries[k].end.After(j.entries[i].end) {
			break
		}
		sum += j.entries[k].expert
	}
	return sum
}

// random is a play in which anything may happen.
func random(rng *rand.Rand) *play {
	pick := func(v ...float64) float64 { return v[rng.IntN(len(v))] }
	p := &play{
		lambda: pick(0.01, 0.2, 0.2, 1, 5), target: pick(0.5, 0.9, 0.99, 0.999, 0.99999), most: 1 + rng.IntN(20),
		service: pool{perReplica: pick(1, 50, 1000), odd: rng.IntN(50) == 0},
	}
	p.service.width = p.service.perReplica * pick(0.05, 0.3, 2)
	startup := pick(0, 5, 30, 30, 120, 900)
	trouble := pick(0, 0, 0.1, 0.4)
	peak := p.service.perReplica * float64(p.most) * pick(0.2, 1, 1, 3)
	expertMoves, adviceMoves, loadMoves := pick(0.1, 0.5, 1), pick(0.1, 0.5, 1), pick(0.1, 0.5, 1)
	rate, expert, want, style := rng.Float64()*peak, rng.IntN(p.most+1), rng.IntN(p.most+1), advice(rng.IntN(int(advices)))
	from, to := outage(rng)
	steps := 3 + rng.IntN(28)
	if rng.IntN(300) == 0 {
		steps = 400 // longer than an hour
	}
	for k := range steps {
		if rng.Float64() < loadMoves {
			rate = pick(0, 0.01, rng.Float64(), rng.Float64(), 1) * peak
		}
		if rng.Float64() < expertMoves {
			expert = rng.IntN(p.most + 1)
		}
		if rng.Float64() < adviceMoves {
			want = []int{0, p.most, rng.IntN(p.most + 1), expert, math.MaxInt32, -5}[rng.IntN(6)]
			style = []advice{asWritten, asWritten, style, advice(rng.IntN(int(advices)))}[rng.IntN(4)]
		}
		t := turn{later: sync, rate: rate, startup: time.Duration(startup * float64(time.Second)), expert: expert, want: want, advice: style}
		if rng.Float64() < trouble {
			misfortune(rng, &t, p.most)
		}
		if k >= from && k < to {
			t.seen = -1
		}
		p.steps = append(p.steps, t)
	}
	return p
}

// outage are the steps, in one play of four, after which nothing is measured.
func outage(rng *rand.Rand) (from, to int) {
	if rng.IntN(4) > 0 {
		return 0, 0
	}
	from = rng.IntN(12)
	return from, from + rng.IntN(18)
}

// misfortune lets something go wrong in a step.
func misfortune(rng *rand.Rand, t *turn, most int) {
	t.outside = rng.IntN(most + 1)
	switch rng.IntN(15) {
	case 0:
		t.seen = 1 + rng.IntN(4)
	case 1:
		t.seen = -1
	case 2:
		t.broken = true
	case 3:
		t.unknown = true
	case 4:
		t.fate = lost
	case 5:
		t.fate = cut
	case 6:
		t.fate = meddled
	case 7:
		t.rate = []float64{1e18, 1e300, math.MaxFloat64, 1e-300}[rng.IntN(4)]
	case 8:
		t.later = []time.Duration{5 * time.Minute, -time.Hour, 31 * time.Second, 59 * time.Second, 400 * 24 * time.Hour}[rng.IntN(5)]
	case 9:
		t.later = time.Duration(1 + rng.IntN(int(2*sync)))
	case 10:
		t.startup = time.Duration(rng.IntN(600)) * time.Second
	case 11:
		t.expert = []int{-3, math.MaxInt32, 0, most}[rng.IntN(4)]
	case 12:
		t.seen, t.nan = -1, true
	case 13:
		t.fate = halfway
	case 14:
		t.fate = cutHalfway
	}
}
