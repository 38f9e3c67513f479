package telemetry

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

func (m *Metrics) report(r control.Report) {
	m.of(r.Target, func(t *target) {
		for _, f := range r.Faults {
			t.count(SourceErrorsTotal, 1, admit(t.errs, f.From))
		}
		t.carry(r)
		if r.Status == nil {
			t.beside = r.Conditions
			return // it was not read, whatever else is told
		}
		if r.At.After(t.readAt) {
			t.readAt = r.At
		}
		t.ready, t.conditions, t.beside = 0, r.Status.Conditions, nil
		for i := range r.Status.Replicas {
			if r.Status.Replicas[i].TakesWork() {
				t.ready++
			}
		}
	})
}

// carry counts what the balancer has answered since the last report. What it had
// before the first one is not ours to count.
func (t *target) carry(r control.Report) {
	if r.Carried == nil {
		return
	}
	before := t.carried
	if t.carried = r.Carried; before == nil {
		before = r.Carried
	}
	t.count(BalancerRequests, grown(before.Requests, r.Carried.Requests))
	t.count(BalancerFailures, grown(before.Failures, r.Carried.Failures))
}

// grown is by how much a count has grown; one that fell began anew.
func grown(before, now uint64) float64 {
	if now < before {
		return float64(now)
	}
	return float64(now - before)
}

func (m *Metrics) decided(d record.Decided) {
	now := m.opts.Clock.Now()
	m.of(d.Decision.Target, func(t *target) {
		decision := &d.Decision
		m.record.hear(decision.At)
		t.count(DecisionsTotal, 1, admit(t.policies, kind(decision.Policy)), decision.SetBy, direction(decision.CurrentReplicas, decision.DesiredReplicas))
		t.observe(DecisionDelay, now.Sub(decision.At))
		t.guarded(decision)
		t.scaled(&d)
		t.charge(&d)
		t.foreseen(&d)
		t.heeded(decision)
		t.decided = &d
	})
}

// kind is that of a policy by its name, which may tell its configuration: of "hpa
// (cpuUtilization, 70%)" it is hpa.
func kind(policy string) string {
	kind, _, _ := strings.Cut(policy, " ")
	return kind
}

// guarded counts the guards that changed the number; those that did not are at 0.
func (t *target) guarded(d *scale.Decision) {
	for _, s := range d.Steps {
		t.count(GuardInterventions, truth(s.From != s.To), s.Guard)
	}
}

// scaled counts what is newly asked for. A target that takes its time is asked for
// the same again and again: that is one change.
func (t *target) scaled(d *record.Decided) {
	decision := &d.Decision
	if d.Mode != scale.Apply || !decision.Changes() {
		return
	}
	if b := t.decided; b != nil && b.Mode == scale.Apply && b.Decision.Changes() && b.Decision.DesiredReplicas == decision.DesiredReplicas {
		return
	}
	t.count(ScalingDecisions, 1, direction(decision.CurrentReplicas, decision.DesiredReplicas), decision.SetBy, admit(t.reasons, decision.Reason.Code))
}

// charge adds what replicas have cost since the decision before this one.
func (t *target) charge(d *record.Decided) {
	if t.is.PerReplicaHour <= 0 {
		return
	}
	t.count(CostTotal, 0)
	if t.decided == nil {
		return
	}
	if passed := d.Decision.At.Sub(t.decided.Decision.At); passed > 0 {
		t.count(CostTotal, passed.Hours()*float64(t.decided.Decision.CurrentReplicas)*t.is.PerReplicaHour)
	}
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

func (m *Metrics) applied(a record.Applied) {
	m.of(a.Target, func(t *target) {
		outcome := fine
		if a.Error != "" {
			outcome = failed
		}
		t.count(ChangesTotal, 1, direction(a.From, a.To), outcome)
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
		kind = other
	}
	m.counter(EventsTotal, kind).Inc()
	switch e.Type {
	case control.Reloaded:
		m.reloaded(loaded)
	case control.ReloadRefused:
		m.reloaded(refused)
	}
}

func (m *Metrics) reloaded(outcome string) {
	m.counter(ReloadsTotal, outcome).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stale = outcome == refused
}

// Answered counts a request to our own API. A stream has no duration.
func (m *Metrics) Answered(route string, code int, took *time.Duration) {
	m.counter(HTTPRequests, route, strconv.Itoa(code)).Inc()
	if took != nil {
		m.observe(HTTPDuration, *took, route)
	}
}
