package telemetry

import (
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// exchanged counts a question to an advisor.
func (m *Metrics) exchanged(x control.Exchange) {
	m.of(x.Target, func(*target) {
		a, how := &x.Advised, outcome(&x.Advised)
		m.counter(AdvisorRequests, x.Target, how).Inc()
		if how != cached && how != unasked {
			m.observe(AdvisorDuration, a.Took, x.Target)
		}
		m.counter(AdvisorTokens, x.Target, read).Add(float64(max(0, a.In)))
		m.counter(AdvisorTokens, x.Target, written).Add(float64(max(0, a.Out)))
		if a.Cost > 0 {
			m.counter(AdvisorCost, x.Target).Add(a.Cost)
		}
	})
}

// outcome is how a question ended.
func outcome(a *record.Advised) string {
	switch {
	case a.Error == "" && a.Cached:
		return cached
	case a.Error == "":
		return fine
	case a.Said != "":
		return refused
	case a.Asked == "":
		return unasked
	default:
		return failed
	}
}

// heeded counts what a decision made of advice.
func (m *Metrics) heeded(d *scale.Decision) {
	if use, _ := advised.UseOf(d); use != "" {
		m.counter(AdviceDecisions, d.Target, use).Inc()
	}
}
