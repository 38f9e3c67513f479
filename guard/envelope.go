package guard

import (
	"time"

	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/scale"
)

var (
	_ Guard         = (*Envelope)(nil)
	_ Unconditional = (*Envelope)(nil)
	_ StandIn       = (*Envelope)(nil)
	_ Conditioned   = (*Envelope)(nil)
)

// Expert is who an [Envelope] trusts: a decider of its own, a policy behind
// rules, which lives on counts of its own.
type Expert interface {
	Decide(obs scale.Observation) scale.Decision
	Applied(at time.Time, from, to int)
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Learned is the service as an [Envelope] has to know it.
type Learned interface {
	cost.Service
	Observe(obs *scale.Observation)
	// Load is what costs are counted by, in the unit of PerReplica: the rate of
	// requests, or another signal where nobody counts those; nil: it is not measured.
	Load(obs *scale.Observation) *scale.Signal
	Known() bool
	PerReplica() float64
	Startup() time.Duration
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// EnvelopeConfig is what an envelope is made of.
type EnvelopeConfig struct {
	// Lambda is how much more than the expert may be spent, as a share.
	Lambda   float64
	Min, Max int
	// Objective says what a violation costs.
	Objective scale.Objective
	// Risk divides the price of a violation, and RestartCost is what starting a
	// replica costs besides its start-up time, as with the expert; 0: 1 and none.
	Risk        float64
	RestartCost time.Duration
	// Sync is the time between two decisions.
	Sync time.Duration
	// Name is that of the expert.
	Name string
	// Expert has the rules that look at its own past: how fast its count moves,
	// how long it waits after a change.
	Expert Expert
	// Safety are the rules that look at what is really there, for the expert's
	// answer: replicas that fail, a rollout, data in doubt, an objective that is
	// missed. They are of its own, not those of the policy.
	Safety []Guard
	// Service is learned by the envelope alone.
	Service Learned
}

// Envelope admits what a policy wants, learned or not, only so far that in
// every window of time the modelled cost is at most
//
//	(1+λ) · what the expert costs  +  max(B, β·replicas)
//
// whatever the policy wants, and whatever the load does. B is λ times what the
// expert costs in an hour, β what it costs to add a replica. It is the projection
// of RCL (Li, Yang, Ren, NeurIPS 2023) in one dimension, with a limit on saved
// credit. With S = (1+λ)E − A, the credit, a count a is admitted beside the
// expert's e, coming from x and e', when
//
//	S + (1+λ)β(e−e')⁺ − β(a−x)⁺ − H(a,e)  ≥  β(e−a)⁺
//
// so that to return to the expert later is always paid for. H is the most that
// the next interval can cost more than the expert's, whatever its rate ([worst]).
// For a = e the rule holds because it held before:
// β(e−x)⁺ ≤ β(e−e')⁺ + β(e'−x)⁺, and H(e,e) = 0. Of the counts that are admitted,
// all those between some two, the one nearest to what is wanted is chosen; it lies between that
// and e.
//
// Charged is the count that was really there. Where that is not on the way from
// the count before to the one decided, somebody else changed it: both accounts
// begin anew at that count. So they do after a gap, and when orders that were not
// carried out, or half, have used up what returning costs.
type Envelope struct {
	cfg     EnvelopeConfig
	subject string // of its reasons
	tariff  *cost.Tariff
	f       cost.Interval
	obs     scale.Observation // the newest, to be lent without an allocation
	memory  envelopeMemory
}

// envelopeMemory is the state at the newest observation.
type envelopeMemory struct {
	At time.Time `json:"at,omitzero"`
	// Began is when both accounts began: the promise holds in all windows since.
	Began  time.Time `json:"began,omitzero"`
	Ledger ledger    `json:"ledger"`
	// Own and ExpertWas are x and e', the counts before the decision.
	Own       int `json:"own"`
	ExpertWas int `json:"expertWas"`
	// Expert and Answer are e and a; Told is what the target was told.
	Expert int `json:"expert"`
	Answer int `json:"answer"`
	Told   int `json:"told"`
	// Credit is S; Beta and the prices are those of the interval that begins.
	Credit     float64 `json:"credit"`
	Beta       float64 `json:"beta"`
	Violation  float64 `json:"violation"`
	PerReplica float64 `json:"perReplica"`
	// Blind is true while nobody knows what the next interval may cost.
	Blind bool `json:"blind,omitempty"`
	// Since is when it began to change what is wanted; zero: it does not.
	Since time.Time `json:"since,omitzero"`
	// By is the signal that costs are counted by, where it is not the rate.
	By string `json:"by,omitempty"`
}

// NewEnvelope returns an envelope without any credit.
func NewEnvelope(cfg EnvelopeConfig) *Envelope {
	cfg.Sync = max(cfg.Sync, time.Second)
	if cfg.Risk == 0 {
		cfg.Risk = 1
	}
	e := &Envelope{cfg: cfg, subject: "the expert " + cfg.Name}
	e.tariff = e.newTariff()
	e.memory.Ledger.Waiting = make([]stretch, 0, mostWaiting)
	return e
}

func (e *Envelope) newTariff() *cost.Tariff {
	return cost.NewTariff(e.cfg.Risk*(1-e.cfg.Objective.Target), e.cfg.Objective.Window.Std())
}

// Unconditional makes the ledger go on without an opinion of the policy.
func (*Envelope) Unconditional() {}

// Name of the guard.
func (*Envelope) Name() string { return "envelope" }

// Limit admits want as far as the credit goes.
func (e *Envelope) Limit(obs scale.Observation, want int) (int, scale.Reason) {
	e.see(obs)
	wanted := min(max(want, e.cfg.Min), e.cfg.Max)
	answer := e.memory.Expert
	if !e.memory.Blind {
		answer = e.nearest(wanted)
	}
	return e.answer(&obs, want, wanted, answer)
}

// Instead is the expert's answer where the policy has none.
func (e *Envelope) Instead(obs scale.Observation, held int) (int, scale.Reason) {
	e.see(obs)
	return e.answer(&obs, held, min(max(held, e.cfg.Min), e.cfg.Max), e.memory.Expert)
}

func (e *Envelope) answer(obs *scale.Observation, want, wanted, answer int) (int, scale.Reason) {
	m := &e.memory
	m.Answer, m.Told = answer, answer
	m.Since = since(m.Since, obs.At, answer != wanted)
	if answer == wanted {
		return want, scale.Reason{} // the bounds are the bounds' matter
	}
	return answer, e.words(obs, want)
}

// nearest is the admitted count that is nearest to what is wanted. All between
// an admitted one and the expert's are admitted.
func (e *Envelope) nearest(wanted int) int {
	near, far := e.memory.Expert, wanted
	if e.admits(wanted) {
		return wanted
	}
	for far-near > 1 || near-far > 1 {
		if middle := near + (far-near)/2; e.admits(middle) {
			near = middle
		} else {
			far = middle
		}
	}
	return near
}

// admits reports whether the credit pays for a count, the worst of the next
// interval, and the way back to the expert.
func (e *Envelope) admits(a int) bool {
	m, up := &e.memory, func(n int) float64 { return float64(max(0, n)) }
	longest := 2 * e.cfg.Sync.Seconds() // the next decision may be lost
	most := longest * max(0, worst(a, m.Expert, e.cfg.Lambda, m.Violation*m.PerReplica))
	credit := m.Credit + (1+e.cfg.Lambda)*m.Beta*up(m.Expert-m.ExpertWas)
	return m.Beta*(up(a-m.Own)+up(m.Expert-a))+most <= credit
}

// see takes in an observation; the same one again changes nothing.
func (e *Envelope) see(newest scale.Observation) {
	m, obs := &e.memory, &e.obs
	if newest.At.Equal(m.At) {
		return
	}
	*obs = newest
	e.cfg.Service.Observe(obs)
	load := e.cfg.Service.Load(obs)
	if goesOn := e.countsBy(load); goesOn && e.continues(obs) {
		e.charge(obs, load)
	} else {
		e.anchor(obs)
	}
	rate, measured := fresh(load)
	if measured = measured && rate >= 0; measured {
		e.tariff.Observe(obs.At, min(rate, 1e9))
	}
	m.At, m.Blind = obs.At, !measured || !e.cfg.Service.Known()
	m.PerReplica = e.cfg.Service.PerReplica()
	m.Violation = e.tariff.Violation(m.PerReplica)
	e.ask(obs)
}

// countsBy notes the signal that costs are counted by, and reports whether it is the one as
// before: with another unit other prices begin.
func (e *Envelope) countsBy(load *scale.Signal) bool {
	by := e.memory.By
	if load != nil {
		by = load.Name
	}
	if by == scale.RequestRate {
		by = ""
	}
	if by == e.memory.By {
		return true
	}
	e.memory.By, e.tariff = by, e.newTariff()
	return false
}

// fresh is the newest value of a signal; false unless it is fresh.
func fresh(s *scale.Signal) (float64, bool) {
	if s == nil || s.Trust != scale.Fresh || len(s.Points) == 0 {
		return 0, false
	}
	return s.Points[len(s.Points)-1].Value, true
}

// continues reports whether what is seen follows from what was decided. A count
// on the way to what the target was told is an order half carried out: a target
// may add one replica after the other, or fail to add some.
func (e *Envelope) continues(obs *scale.Observation) bool {
	m, later := &e.memory, obs.At.Sub(e.memory.At)
	if m.At.IsZero() || later < 0 || later > 2*e.cfg.Sync {
		return false
	}
	n := obs.CurrentReplicas
	return n == m.Answer || n >= min(m.Own, m.Told) && n <= max(m.Own, m.Told)
}

// charge puts the interval that ends now into the ledger, with the count that
// was really there. When that was not the one decided the credit may no longer
// pay for the way back: then the accounts begin anew.
func (e *Envelope) charge(obs *scale.Observation, load *scale.Signal) {
	m, x := &e.memory, obs.CurrentReplicas
	m.Ledger.add(stretch{
		From: m.At, To: obs.At, Own: x, Expert: m.Expert, Beta: m.Beta, Violation: m.Violation, PerReplica: m.PerReplica,
		Added: m.Beta * float64(max(0, x-m.Own)), ExpertAdded: m.Beta * float64(max(0, m.Expert-m.ExpertWas)),
	}, e.cfg.Lambda)
	m.Ledger.settle(load, e.cfg.Service, &e.f, e.cfg.Lambda)
	m.Credit = m.Ledger.credit(e.cfg.Lambda)
	m.Own, m.ExpertWas = x, m.Expert
	way := m.Beta * float64(max(0, m.Expert-x))
	if m.Credit < way-1e-9*(1+way) {
		e.anchor(obs)
		return
	}
	m.Credit = max(m.Credit, way) // but for what is lost in rounding
	if x >= m.Expert {
		m.Beta = e.beta() // a change makes no way dearer that was paid for
	}
}

// anchor begins both accounts anew, at the count there is.
func (e *Envelope) anchor(obs *scale.Observation) {
	m := &e.memory
	if obs.At.Before(m.At) {
		m.Ledger.Spent = lastHour{} // the clock was set back
	}
	m.Began, m.Ledger = obs.At, ledger{Waiting: m.Ledger.Waiting[:0], Spent: m.Ledger.Spent}
	m.Own, m.ExpertWas, m.Credit, m.Beta = obs.CurrentReplicas, obs.CurrentReplicas, 0, e.beta()
}

func (e *Envelope) beta() float64 { return max(0, e.cfg.Service.Startup()+e.cfg.RestartCost).Seconds() }

// ask is what the expert would do on its own counts. The rules that look at what is really
// there hold for it too: nothing is taken away on doubtful data in its name.
func (e *Envelope) ask(obs *scale.Observation) {
	m, its := &e.memory, *obs
	its.CurrentReplicas = m.ExpertWas
	n := e.cfg.Expert.Decide(its).DesiredReplicas
	for _, g := range e.cfg.Safety {
		n, _ = g.Limit(*obs, n)
	}
	m.Expert = min(max(n, e.cfg.Min), e.cfg.Max)
	if m.Expert != m.ExpertWas {
		e.cfg.Expert.Applied(obs.At, m.ExpertWas, m.Expert)
	}
}

// Credit is what is saved, in replica-seconds: how much more than the expert,
// with its surcharge, may yet be spent.
func (e *Envelope) Credit() float64 { return e.memory.Credit }

// Costs are what was really there and what the expert have cost by the model
// since both accounts began, in replica-seconds, as far as it is known; what never
// became known is at its worst.
func (e *Envelope) Costs() (own, expert float64) {
	return e.memory.Ledger.Own, e.memory.Ledger.Expert
}

// Began is when both accounts began: the promise holds in all windows since.
func (e *Envelope) Began() time.Time { return e.memory.Began }

// words say who limits and what is left. A change that goes further than what
// the rules before left of it goes past them.
func (e *Envelope) words(obs *scale.Observation, want int) scale.Reason {
	m := &e.memory
	n, current := m.Answer, obs.CurrentReplicas
	code, template := "Envelope", "{0} instead of {1}: {n} has {2}, and {3 replica-hour} saved will pay for no more"
	past := n < min(want, current) || n > max(want, current)
	switch {
	case m.Blind:
		code, template = "EnvelopeBlind", "{0} instead of {1}: as {n} has, since nobody knows what another count may cost"
	case past && n > want:
		code, template = "EnvelopeReturn", "{0} instead of {1}, past rules that slow changes: {n} has {2}, and {3 replica-hour} saved will not cover what fewer may cost"
	case past:
		code, template = "EnvelopeReturn", "{0} instead of {1}, past rules that slow changes: {n} has {2}, and {3 replica-hour} saved will pay for no more"
	case n > want:
		template = "{0} instead of {1}: {n} has {2}, and {3 replica-hour} saved will not cover what fewer may cost"
	}
	return scale.Because(code, template, float64(n), float64(want), float64(m.Expert), m.Credit/3600).About(e.subject)
}

// long is for how long it changes what is wanted before that is a condition.
const long = 10 * time.Minute

// Condition says that the policy has been held back for long.
func (e *Envelope) Condition(obs scale.Observation) (time.Time, scale.Reason, bool) {
	m := &e.memory
	if m.Since.IsZero() || obs.At.Sub(m.Since) < long {
		return time.Time{}, scale.Reason{}, false
	}
	return m.Since, scale.Because("PolicyHeldBack", "for {0s} the policy has wanted what {n} says costs too much; {1 replica-hour} saved",
		obs.At.Sub(m.Since).Seconds(), m.Credit/3600).About(e.subject), true
}

// Applied notes what the target was told.
func (e *Envelope) Applied(at time.Time, _, to int) {
	if at.Equal(e.memory.At) {
		e.memory.Told = to
	}
}
