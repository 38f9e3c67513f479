// Package baseline learns what is normal for a signal, usually the p95
// latency, and adds replicas when a window is unusually high. Normal is the
// median of the last windows, unusual is several sigmas from it, and sigma is
// 1.4826 × MAD, the median distance from the median, which for normally
// distributed values is their standard deviation.
//
//	median + 3 sigma ─────────  one window above: add
//	median           ─ ─ ─ ─ ─
//	median − 2 sigma ─────────  three windows in a row below: take
//
// Unusual windows enter the history as well. Up to half of it they hardly
// move a median; beyond that the change has lasted, and is the new normal.
package baseline

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

const kind, version = "baseline", 1

var _ policy.Policy = (*Policy)(nil)

// Policy is the rule with its memory: the windows, and what came of the last.
type Policy struct {
	cfg       Config
	windows   *series.Ring
	last      judgement
	scratch   []float64
	text      texts
	proposals [1]scale.Proposal
}

// New returns the policy for a valid configuration.
func New(cfg Config, _ policy.Env) (*Policy, error) {
	return &Policy{cfg: cfg, windows: series.NewRing(cfg.History), scratch: make([]float64, 0, cfg.History), text: textsOf(cfg.Signal)}, nil
}

// Signals names the one signal the policy reads.
func (p *Policy) Signals() []string { return []string{p.cfg.Signal} }

// Recommend judges the windows that are new and returns what came of the
// newest. A window is judged once, however many decisions see it: until the
// next one the wish stays what it was.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	signal := obs.Signal(p.cfg.Signal)
	if signal == nil || signal.Trust != scale.Fresh || len(signal.Points) == 0 {
		return scale.Recommendation{}, fmt.Errorf("baseline: signal %q: %w", p.cfg.Signal, scale.ErrNoData)
	}
	p.take(signal, obs)
	if p.last.Verdict == learning {
		return scale.Recommendation{}, fmt.Errorf("baseline: %s of %q seen, it judges the one after %d: %w",
			scale.Count(len(p.windows.Points()), "window"), p.cfg.Signal, p.cfg.Warmup, scale.ErrNoData)
	}
	n, reason := p.last.wish(obs.CurrentReplicas, p.text, p.cfg)
	reason = reason.About(p.cfg.Signal)
	p.proposals[0] = scale.Proposal{Signal: p.cfg.Signal, Replicas: n, Reason: reason}
	return scale.Recommendation{Replicas: n, Reason: reason, Confidence: 1, Proposals: p.proposals[:]}, nil
}

// take judges the points that begin a new window and adds them to the history.
func (p *Policy) take(signal *scale.Signal, obs scale.Observation) {
	interval := p.cfg.Interval.Std()
	if interval == 0 {
		interval = signal.Window
	}
	newest, some := p.windows.Last()
	if some && newest.At.After(obs.At) { // the clock was set back
		p.windows, p.last, some = series.NewRing(p.cfg.History), judgement{}, false
	}
	for _, point := range signal.Points {
		since := point.At.Sub(newest.At)
		if some && (since <= 0 || since < interval) || !series.Finite(point.Value) || point.At.After(obs.At) {
			continue
		}
		if some && since > 3*p.usualDistance(interval) {
			p.last.Lows = 0 // what came before is not "in a row"
		}
		p.judge(point.Value, obs.CurrentReplicas)
		p.windows.Add(point)
		newest, some = point, true
	}
}

// usualDistance is how far windows lie apart: an interval, or where there is
// none as far as the last two.
func (p *Policy) usualDistance(interval time.Duration) time.Duration {
	all := p.windows.Points()
	if interval > 0 || len(all) < 2 {
		return interval
	}
	return all[len(all)-1].At.Sub(all[len(all)-2].At)
}

// state is what a snapshot holds.
type state struct {
	Windows []series.Point `json:"windows"`
	Last    judgement      `json:"last"`
}

// Snapshot returns the windows and what came of the last.
func (p *Policy) Snapshot() ([]byte, error) {
	return scale.Seal(kind, version, p.cfg, state{p.windows.Points(), p.last})
}

// Restore takes them over.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, p.cfg, &s); err != nil {
		return err
	}
	p.windows, p.last = series.NewRing(p.cfg.History), s.Last
	for _, w := range s.Windows {
		p.windows.Add(w)
	}
	return nil
}
