package predictive

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/policy"
)

// Outlook implements [policy.Foreseeing].
func (p *Policy) Outlook() (policy.Outlook, bool) {
	if p.foreseen < 0 {
		return policy.Outlook{}, false
	}
	o := policy.Outlook{
		Signal: p.signal, Load: p.load.newest, PerReplica: p.learner.PerReplica(),
		Backlog: p.learner.Backlog(), Startup: p.startup(), Need: p.foreseen,
		Now: p.learner.Demand(p.load.newest, p.share()),
	}
	p.load.foresee(&o)
	return o, true
}

// foresee fills in the quantiles. Twice as far ahead nobody has looked how far
// loads rose: there the forecaster's own word counts, and no less than for the
// nearer horizon.
func (l *load) foresee(o *policy.Outlook) {
	o.Horizon = time.Duration(l.horizon) * l.step
	l.forecaster.Peak(2*l.horizon, l.said)
	for i, level := range [...]float64{0.5, 0.9, 0.99} {
		at := slices.Index(l.levels, level)
		o.Peak[i] = l.peak[at]
		o.Far[i] = max(l.said[at], l.peak[at])
	}
}
