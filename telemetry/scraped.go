package telemetry

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// scraped are the metrics that are read when they are asked for: every gauge, from
// the newest messages, all that is of a target, and counts that others keep. So no
// series can outlive what it tells of.
type scraped struct {
	m     *Metrics
	descs map[string]*prometheus.Desc
	kinds map[string]prometheus.ValueType
}

func newScraped(m *Metrics) *scraped {
	s := &scraped{m, map[string]*prometheus.Desc{}, map[string]prometheus.ValueType{}}
	for _, f := range Families() {
		if !isScraped(f) {
			continue
		}
		s.descs[f.Name], s.kinds[f.Name] = prometheus.NewDesc(f.Name, f.Help, f.Labels, nil), prometheus.GaugeValue
		if f.Kind == "counter" {
			s.kinds[f.Name] = prometheus.CounterValue
		}
	}
	return s
}

func isScraped(f Family) bool {
	return f.Kind == "gauge" || f.Name == BusDroppedTotal || slices.Contains(f.Labels, labelTarget)
}

// Describe lists them.
func (s *scraped) Describe(to chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		to <- d
	}
}

// Collect reads them. What is read of a target is copied under the lock, one after
// the other, and written without it: whoever decides does not wait for who is slow
// to read.
func (s *scraped) Collect(to chan<- prometheus.Metric) {
	m, now := s.m, s.m.opts.Clock.Now()
	m.mu.Lock()
	judge, lag, kept, stale := m.judge, m.record.lag(now), m.record.kept, m.stale
	names := slices.Sorted(maps.Keys(m.targets))
	m.mu.Unlock()
	out := &sink{scraped: s, to: to, now: now, once: map[string]bool{}}
	out.tell(BuildInfo, 1, m.opts.Version, goVersion())
	out.tell(ReloadSuccessful, truth(!stale))
	if b, ok := m.opts.Bus.(interface{ Dropped() uint64 }); ok {
		out.tell(BusDroppedTotal, float64(b.Dropped()))
	}
	if kept {
		out.tell(RecordLag, lag.Seconds())
	}
	for _, name := range names {
		var t *target
		m.of(name, func(of *target) { t = of.clone() })
		if t == nil {
			continue // a reload has just removed it
		}
		out.target(t)
		if judge != nil {
			out.kept(name, judge)
		}
	}
}

// sink writes series. The same one twice would spoil the whole scrape, so the
// second is left out.
type sink struct {
	*scraped
	to   chan<- prometheus.Metric
	now  time.Time
	once map[string]bool // label values that were taken, of the family in hand
}

// tell writes a series; what is no number is none.
func (s *sink) tell(name string, value float64, labels ...string) {
	if math.IsNaN(value) {
		return
	}
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "?")
	}
	if metric, err := prometheus.NewConstMetric(s.descs[name], s.kinds[name], value, labels...); err == nil {
		s.to <- metric
	}
}

// among reports whether a label value is the first of its kind and there is room.
func (s *sink) among(value string) bool {
	if s.once[value] || len(s.once) >= maxLabels {
		return false
	}
	s.once[value] = true
	return true
}

func (s *sink) kept(name string, judge Judge) {
	k, stated := judge(name)
	if !stated {
		return
	}
	s.tell(ObjectiveMet, truth(k.Met), name)
	s.tell(ViolationRatio, k.Violations, name)
	s.tell(ObjectiveRequests, k.Requests, name)
	s.tell(ObjectiveBad, k.Bad, name)
}

// target writes what is known of one.
func (s *sink) target(t *target) {
	name := t.is.Name
	s.tell(MinReplicas, float64(t.is.Min), name)
	s.tell(MaxReplicas, float64(t.is.Max), name)
	if o := t.is.Objective; o != nil {
		s.tell(ObjectiveTarget, o.Target, name)
		s.tell(ObjectiveThreshold, o.Threshold.Std().Seconds(), name)
	}
	s.tell(ReportAge, max(0, s.now.Sub(t.readAt)).Seconds(), name)
	if t.ready >= 0 {
		s.tell(ReadyReplicas, float64(t.ready), name)
	}
	if c := t.carried; c != nil {
		s.tell(Backends, float64(c.Active), name, "active")
		s.tell(Backends, float64(c.Unhealthy), name, "unhealthy")
		s.tell(Backends, float64(c.Draining), name, "draining")
		s.tell(BalancerInFlight, float64(c.InFlight), name)
	}
	if t.decided != nil {
		s.decision(name, t.decided)
	}
	s.verdict(name, &t.verdict)
	s.conditions(t)
	s.counts(t)
}

// counts are what was counted of a target, which is the first label of each family.
func (s *sink) counts(t *target) {
	for i := range t.tallies {
		c := &t.tallies[i]
		s.tell(c.name, c.value, append([]string{t.is.Name}, c.labels...)...)
	}
	for i := range t.spreads {
		buckets, all := t.spreads[i].below()
		if metric, err := prometheus.NewConstHistogram(s.descs[t.spreads[i].name], all, t.spreads[i].sum, buckets, t.is.Name); err == nil {
			s.to <- metric
		}
	}
}

func (s *sink) decision(name string, d *record.Decided) {
	decision := &d.Decision
	s.tell(DesiredReplicas, float64(decision.DesiredReplicas), name)
	s.tell(CurrentReplicas, float64(decision.CurrentReplicas), name)
	s.tell(StartingReplicas, float64(d.Seen.Starting), name)
	s.tell(TerminatingReplicas, float64(d.Seen.Terminating), name)
	for _, mode := range []scale.Mode{scale.Apply, scale.Recommend, scale.Paused} {
		s.tell(ModeState, truth(mode == d.Mode), name, string(mode))
	}
	s.wishes(name, d)
	s.signals(name, d)
	if _, weight := advised.UseOf(decision); !math.IsNaN(weight) {
		s.tell(AdviceWeight, weight, name)
	}
	if o := d.Outlook; o != nil {
		s.tell(ForecastHorizon, o.Horizon.Seconds(), name)
		for i, level := range levelNames {
			s.tell(ForecastLoad, o.Peak[i], name, level)
		}
	}
	if b := d.Budget; b != nil {
		s.tell(BudgetPerDay, b.PerDay, name)
		s.tell(BudgetSpent, b.Spent, name)
	}
}

// wishes are what the policy wants, what each of its signals asks for, and what
// shadows would do.
func (s *sink) wishes(name string, d *record.Decided) {
	decision := &d.Decision
	if !decision.NoData {
		s.tell(RecommendedCount, float64(decision.Recommendation.Replicas), name)
		s.tell(PolicyReplicas, float64(decision.Recommendation.Replicas), name, decision.Policy, "active")
	}
	clear(s.once)
	for i := range decision.Recommendation.Proposals {
		if p := &decision.Recommendation.Proposals[i]; !p.Missing && s.among(p.Signal) {
			s.tell(ProposedReplicas, float64(p.Replicas), name, p.Signal)
		}
	}
	clear(s.once)
	for i := range d.Shadows {
		shadow := &d.Shadows[i]
		if !s.among(shadow.Policy) {
			continue
		}
		s.tell(ShadowReplicas, float64(shadow.DesiredReplicas), name, shadow.Policy)
		if !shadow.NoData {
			s.tell(PolicyReplicas, float64(shadow.Recommendation.Replicas), name, shadow.Policy, "shadow")
		}
	}
}

func (s *sink) signals(name string, d *record.Decided) {
	clear(s.once)
	for i := range d.Seen.Signals {
		m := &d.Seen.Signals[i]
		if !s.among(m.Name) || unmeasurable(d, m) {
			continue
		}
		s.tell(SignalTrust, truth(m.Trust == scale.Fresh), name, m.Name, scale.Fresh.String())
		if m.Trust != scale.Fresh {
			s.tell(SignalTrust, 1, name, m.Name, m.Trust.String())
		} else {
			s.tell(SignalValue, m.Value, name, m.Name)
		}
		if !m.At.IsZero() {
			s.tell(SignalAge, max(0, s.now.Sub(m.At)).Seconds(), name, m.Name)
		}
		if m.Name == scale.Latency && m.Trust == scale.Fresh && m.P99 > 0 {
			s.tell(LatencySeconds, m.P50, name, "50")
			s.tell(LatencySeconds, m.P95, name, "95")
			s.tell(LatencySeconds, m.P99, name, "99")
		}
	}
}

// conditions are those of the target, of its balancer, and of guards and policy.
func (s *sink) conditions(t *target) {
	clear(s.once)
	for _, all := range [][]scale.Condition{t.conditions, t.beside} {
		for i := range all {
			if s.among(all[i].Type) {
				s.tell(ConditionState, 1, t.is.Name, all[i].Type)
			}
		}
	}
	if t.decided == nil {
		return
	}
	for i := range t.decided.Decision.Conditions {
		if c := &t.decided.Decision.Conditions[i]; s.among(c.Reason.Code) {
			s.tell(ConditionState, 1, t.is.Name, c.Reason.Code)
		}
	}
}
