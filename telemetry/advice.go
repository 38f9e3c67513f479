package telemetry

import (
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// exchanged counts a question to an advisor.
func (m *Metrics) exchanged(x control.Exchange) {
	m.of(x.Target, func(t *target) {
		a, how := &x.Advised, outcome(&x.Advised)
		t.count(AdvisorRequests, 1, how)
		if how != cached && how != unasked {
			t.observe(AdvisorDuration, a.Took)
		}
		t.count(AdvisorTokens, float64(max(0, a.In)), read)
		t.count(AdvisorTokens, float64(max(0, a.Out)), written)
		if a.Cost > 0 {
			t.count(AdvisorCost, a.Cost)
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
func (t *target) heeded(d *scale.Decision) {
	if use, _ := advised.UseOf(d); use != "" {
		t.count(AdviceDecisions, 1, use)
	}
}
