package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// maxLabels bounds the signals and the shadows of a target that have series of
// their own: documents state a handful.
const maxLabels = 64

func (m *Metrics) report(r control.Report) {
	m.of(r.Target, func(t *target) {
		if r.At.After(t.reportAt) {
			t.reportAt = r.At
		}
		for _, f := range r.Faults {
			m.counter(SourceErrorsTotal, r.Target, f.From).Inc()
		}
		if r.Status == nil {
			return
		}
		ready := 0
		for i := range r.Status.Replicas {
			if r.Status.Replicas[i].TakesWork() {
				ready++
			}
		}
		m.gauge(ReadyReplicas, r.Target).Set(float64(ready))
	})
}

func (m *Metrics) decided(d record.Decided) {
	now := m.opts.Clock.Now()
	m.of(d.Decision.Target, func(t *target) {
		name, decision := d.Decision.Target, &d.Decision
		m.record.hear(decision.At)
		m.counter(DecisionsTotal, name, decision.Policy, decision.SetBy, direction(decision.CurrentReplicas, decision.DesiredReplicas)).Inc()
		m.observe(DecisionDelay, now.Sub(decision.At), name)
		m.gauge(DesiredReplicas, name).Set(float64(decision.DesiredReplicas))
		m.gauge(CurrentReplicas, name).Set(float64(decision.CurrentReplicas))
		if decision.NoData {
			m.gauges[RecommendedCount].DeleteLabelValues(name)
		} else {
			m.gauge(RecommendedCount, name).Set(float64(decision.Recommendation.Replicas))
		}
		for _, mode := range []scale.Mode{scale.Apply, scale.Recommend, scale.Paused} {
			m.gauge(ModeState, name, string(mode)).Set(truth(mode == d.Mode))
		}
		m.trust(t, name, d.Seen.Signals)
		m.wishes(t, name, d.Shadows)
		m.heeded(decision)
	})
}

func direction(from, to int) string {
	switch {
	case to > from:
		return up
	case to < from:
		return down
	default:
		return hold
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// trust says of each signal how far it was believed; a signal that is no
// longer there loses its series.
func (m *Metrics) trust(t *target, name string, signals []record.Measured) {
	for i := range signals {
		s := &signals[i]
		if !admit(t.signals, s.Name) {
			continue
		}
		for _, state := range []scale.Trust{scale.Absent, scale.Stale, scale.Implausible, scale.Fresh} {
			m.gauge(SignalTrust, name, s.Name, state.String()).Set(truth(state == s.Trust))
		}
	}
	for known := range t.signals {
		if !slices.ContainsFunc(signals, func(s record.Measured) bool { return s.Name == known }) {
			delete(t.signals, known)
			m.gauges[SignalTrust].DeletePartialMatch(prometheus.Labels{labelTarget: name, labelSignal: known})
		}
	}
}

func (m *Metrics) wishes(t *target, name string, shadows []scale.Decision) {
	for i := range shadows {
		if s := &shadows[i]; admit(t.shadows, s.Policy) {
			m.gauge(ShadowReplicas, name, s.Policy).Set(float64(s.DesiredReplicas))
		}
	}
	for known := range t.shadows {
		if !slices.ContainsFunc(shadows, func(s scale.Decision) bool { return s.Policy == known }) {
			delete(t.shadows, known)
			m.gauges[ShadowReplicas].DeleteLabelValues(name, known)
		}
	}
}

// admit reports whether a label value is known or there is room for it.
func admit(known map[string]bool, value string) bool {
	if !known[value] && len(known) >= maxLabels {
		return false
	}
	known[value] = true
	return true
}

func (m *Metrics) applied(a record.Applied) {
	m.of(a.Target, func(*target) {
		outcome := fine
		if a.Error != "" {
			outcome = failed
		}
		m.counter(ChangesTotal, a.Target, direction(a.From, a.To), outcome).Inc()
	})
}

func (m *Metrics) happened(e record.Event) {
	if e.Target != "" {
		mine := false
		m.of(e.Target, func(*target) { mine = true })
		if !mine {
			return
		}
	}
	kind := e.Type
	if !slices.Contains(eventTypes(), kind) {
		kind = "other"
	}
	m.counter(EventsTotal, kind).Inc()
	switch e.Type {
	case control.Reloaded:
		m.counter(ReloadsTotal, loaded).Inc()
	case control.ReloadRefused:
		m.counter(ReloadsTotal, refused).Inc()
	}
}
