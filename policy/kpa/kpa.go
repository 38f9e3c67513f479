// Package kpa scales like Knative's autoscaler: on the average of a stable
// window, and in a panic on that of a window a tenth as long. A panic begins
// when the short window wants twice the ready replicas, never scales down,
// and ends one stable window after the last time it did.
//
//	       dppc/ready ≥ 2              one stable window without
//	stable ───────────────► panic ───────────────────────────► stable
//
// It is knative.dev/serving/pkg/autoscaler/scaling/autoscaler.go, with the
// averages taken over the dated points of the signal.
package kpa

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

const kind, version = "kpa", 1

var _ policy.Policy = (*Policy)(nil)

// Policy is Knative's rule with its memory: the points of the stable window,
// the panic and the wishes of the scale-down delay.
type Policy struct {
	cfg       Config
	sync      time.Duration // between two decisions
	history   history
	panic     panicMode
	delay     delay
	proposals [2]scale.Proposal
	names     [2]string // of the proposals
}

// New returns the policy for a valid configuration.
func New(cfg Config, env policy.Env) (*Policy, error) {
	return &Policy{cfg: cfg, sync: env.Sync, history: newHistory(cfg.StableWindow.Std()), names: [2]string{
		fmt.Sprintf("%s over %v", cfg.signal(), cfg.StableWindow),
		fmt.Sprintf("%s over %v", cfg.signal(), scale.Duration(cfg.panicWindow())),
	}}, nil
}

// Signals names the one signal the policy reads.
func (p *Policy) Signals() []string { return []string{p.cfg.signal()} }

// Recommend returns the count of the stable window, or in a panic the most
// that was wanted since it began.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	ready := obs.ReadyReplicas()
	if p.history.endsBefore(obs.At, p.sync) {
		p.history, p.panic = newHistory(p.cfg.StableWindow.Std()), panicMode{}
	}
	signal := obs.Signal(p.cfg.signal())
	if signal == nil || signal.Trust != scale.Fresh || !p.history.take(signal.Points, obs.At) {
		return scale.Recommendation{}, fmt.Errorf("kpa: signal %q: %w", p.cfg.signal(), scale.ErrNoData)
	}
	p.panic.start(obs.At, ready)
	stable, inStable := p.propose(0, p.history.mean(obs.At.Add(-p.cfg.StableWindow.Std())), ready)
	short, inPanic := p.propose(1, p.history.mean(obs.At.Add(-p.cfg.panicWindow())), ready)
	over := short/max(1, float64(ready)) >= p.cfg.PanicThreshold
	p.panic.update(obs.At, over, p.cfg.StableWindow.Std())

	rec := scale.Recommendation{Replicas: inStable, Reason: p.proposals[0].Reason, Confidence: 1, Proposals: p.proposals[:]}
	if stable == 0 && inStable == 0 {
		rec.Reason = scale.Because("NoDemand", "no {n}").About(p.cfg.signal())
	}
	if p.panic.On {
		rec.Replicas, rec.Reason = p.panic.most(max(inStable, inPanic))
	}
	if d := p.cfg.ScaleDownDelay.Std(); d > 0 {
		if n := p.delay.most(obs.At, d, rec.Replicas); n != rec.Replicas {
			rec.Reason = scale.Because("ScaleDownDelay", "{0} instead of {1}: wanted within the last {2s}", float64(n), float64(rec.Replicas), d.Seconds())
			rec.Replicas = n
		}
	}
	return rec, nil
}

// propose returns the count that the average of one window wants, before and
// after the rates. With 4 ready replicas, 630 requests in progress at 70 each
// want 9; a rate of 2 would allow 8.
func (p *Policy) propose(i int, mean float64, ready int) (wanted float64, allowed int) {
	target, base := p.cfg.target(), max(1, float64(ready))
	wanted = math.Ceil(mean/target - 1e-9) // but not up for the dust of a division
	limited := min(max(wanted, math.Floor(base/p.cfg.MaxScaleDownRate)), math.Ceil(base*p.cfg.MaxScaleUpRate))
	reason := scale.Because("Target", "{n} {0} at {1} per replica: {2}", mean, target, wanted)
	if limited != wanted {
		reason = scale.Because("ScaleRate", "{n} {0} at {1} per replica: {2}; the rates allow {3} from {4} ready", mean, target, wanted, limited, float64(ready))
	}
	allowed = int(min(limited, math.MaxInt32))
	if wanted > 0 && p.cfg.ActivationScale > allowed {
		allowed = p.cfg.ActivationScale
		reason = scale.Because("ActivationScale", "{n} {0} is some demand: {1}", mean, float64(allowed))
	}
	p.proposals[i] = scale.Proposal{Signal: p.names[i], Replicas: allowed, Reason: reason.About(p.names[i])}
	return wanted, allowed
}

// state is what a snapshot holds.
type state struct {
	Points []series.Point `json:"points"`
	Panic  panicMode      `json:"panic"`
	Delay  delay          `json:"delay"`
}

// Snapshot returns the points, the panic and the wishes of the delay.
func (p *Policy) Snapshot() ([]byte, error) {
	return scale.Seal(kind, version, p.cfg, state{p.history.ring.Points(), p.panic, p.delay})
}

// Restore takes them over.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, p.cfg, &s); err != nil {
		return err
	}
	p.history = newHistory(p.cfg.StableWindow.Std())
	for _, point := range s.Points {
		p.history.ring.Add(point)
	}
	p.panic, p.delay = s.Panic, s.Delay
	return nil
}

// panicMode is whether it panics, since when it last had reason to, and the
// most that was wanted since it began.
type panicMode struct {
	Started bool      `json:"started"`
	On      bool      `json:"on"`
	Last    time.Time `json:"last,omitzero"`
	Most    int       `json:"most"`
}

// start begins a new life with the first data, at the start and after a gap.
// With several ready replicas it begins in a panic: without history the
// averages would scale down at once (newAutoscaler).
func (m *panicMode) start(at time.Time, ready int) {
	if m.Started {
		return
	}
	m.Started = true
	if ready > 1 {
		m.On, m.Last, m.Most = true, at, ready
	}
}

func (m *panicMode) update(at time.Time, over bool, stableWindow time.Duration) {
	switch {
	case over:
		m.On, m.Last = true, at
	case m.On && (m.Last.Add(stableWindow).Before(at) || m.Last.After(at)): // after: the clock was set back
		m.On, m.Most = false, 0
	}
}

// most raises what the panic holds, which is never below what was wanted
// since it began.
func (m *panicMode) most(want int) (int, scale.Reason) {
	if want > m.Most {
		m.Most = want
		return want, scale.Because("Panic", "panic: {0} wanted", float64(want))
	}
	return m.Most, scale.Because("Panic", "panic: stay at {0}, {1} wanted now", float64(m.Most), float64(want))
}
