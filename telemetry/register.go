package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/control"
)

// Bounds of the histograms, in seconds: a decision takes microseconds, a write
// to a disk that is busy seconds.
var buckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// slowBuckets are those of a language model, in seconds: a large one answers in
// some, a small one on a processor in a minute.
var slowBuckets = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120}

func boundsOf(name string) []float64 {
	if name == AdvisorDuration {
		return slowBuckets
	}
	return buckets
}

// register makes every family but those that are read at each scrape and those
// that the process counts.
func (m *Metrics) register() {
	for _, f := range Families() {
		switch {
		case isScraped(f), f.Name == ClientRequests, f.Name == ClientRequestSeconds:
		case f.Kind == "counter":
			v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
			m.counters[f.Name] = v
			m.registry.MustRegister(v)
		default:
			v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: boundsOf(f.Name)}, f.Labels)
			m.histograms[f.Name] = v
			m.registry.MustRegister(v)
		}
	}
}

// zero begins what can be named before anything happened at 0, so that the
// first failure is an increase.
func (m *Metrics) zero() {
	for _, outcome := range []string{loaded, refused} {
		m.counter(ReloadsTotal, outcome)
	}
	for _, outcome := range []string{fine, failed} {
		m.counter(RecordWritesTotal, outcome)
	}
	for _, kind := range eventTypes() {
		m.counter(EventsTotal, kind)
	}
}

// eventTypes are those that have a label of their own.
func eventTypes() []string {
	return []string{
		control.ControllerStarted, control.ControllerStopped, control.Reloaded, control.ReloadRefused, control.ModeChanged,
		control.ScaledUp, control.ScaledDown, control.ScaleFailed,
		control.FaultBegan, control.FaultEnded, control.ConditionBegan, control.ConditionEnded, control.ReplicaEnded,
		control.AdviceGiven, control.AdviceFailed,
	}
}

func (m *Metrics) counter(name string, labels ...string) prometheus.Counter {
	return m.counters[name].WithLabelValues(labels...)
}

func (m *Metrics) observe(name string, d time.Duration, labels ...string) {
	m.histograms[name].WithLabelValues(labels...).Observe(max(0, d).Seconds())
}
