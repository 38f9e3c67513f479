// Package calls counts and times what this process asks of others: engines,
// clusters, servers of metrics. The counts are the process's, as its memory and
// its goroutines are: clients are shared between services and outlive them, so
// no service could be said to own them.
package calls

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/internal/clock"
)

// Names of the metrics.
const (
	RequestsTotal   = "flyball_client_requests_total"
	DurationSeconds = "flyball_client_request_duration_seconds"
)

// Clients: values of the label client.
const (
	Docker      = "docker"
	Kubernetes  = "kubernetes"
	Prometheus  = "prometheus"
	OpenMetrics = "openmetrics"
	Probe       = "probe"
	Balancer    = "balancer"
	Inference   = "inference"
	Queue       = "queue"
	Vector      = "vector"
)

// Outcomes of a request.
const (
	fine       = "ok"
	refused    = "refused"    // 4xx
	failed     = "failed"     // 5xx
	unanswered = "unanswered" // no connection, or no answer in time
)

// Meter counts. Its methods may be called from several goroutines.
type Meter struct {
	clock    clock.Clock
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// process is what this process has asked.
var process = NewMeter(clock.System)

// Process is the meter of this process.
func Process() *Meter { return process }

// NewMeter returns a meter that has counted nothing.
func NewMeter(c clock.Clock) *Meter {
	return &Meter{clock: c,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: RequestsTotal,
			Help: "Requests of this process to others, by client and outcome."}, []string{"client", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: DurationSeconds, Help: "Time until such an answer began.",
			Buckets: []float64{0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}}, []string{"client"})}
}

// Describe is that of a [prometheus.Collector].
func (m *Meter) Describe(to chan<- *prometheus.Desc) {
	m.requests.Describe(to)
	m.seconds.Describe(to)
}

// Collect is that of a [prometheus.Collector].
func (m *Meter) Collect(to chan<- prometheus.Metric) {
	m.requests.Collect(to)
	m.seconds.Collect(to)
}

// Begin begins to count a request that no transport sees, and returns what ends
// it: with the error that came of it, and whether that is because nobody
// answered.
func (m *Meter) Begin(client string) (end func(err error, unheard bool)) {
	begun := m.clock.Now()
	return func(err error, unheard bool) {
		how := fine
		switch {
		case unheard:
			how = unanswered
		case err != nil:
			how = refused
		}
		m.count(client, how, begun)
	}
}

func (m *Meter) count(client, outcome string, begun time.Time) {
	m.requests.WithLabelValues(client, outcome).Inc()
	m.seconds.WithLabelValues(client).Observe(max(0, m.clock.Now().Sub(begun)).Seconds())
}

// Transport counts what goes through next as requests of a client. An empty
// name counts nothing.
func (m *Meter) Transport(client string, next http.RoundTripper) http.RoundTripper {
	if client == "" {
		return next
	}
	return &transport{m, client, next}
}

type transport struct {
	meter  *Meter
	client string
	next   http.RoundTripper
}

// RoundTrip sends the request and counts it. The time ends where the answer
// begins: a watch goes on for hours.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := t.meter.clock.Now()
	answer, err := t.next.RoundTrip(r)
	if err != nil && errors.Is(r.Context().Err(), context.Canceled) {
		return answer, err // whoever asked does not want to know any more
	}
	t.meter.count(t.client, outcome(answer, err), begun)
	return answer, err
}

// CloseIdleConnections lets http.Client close them.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// WrappedRoundTripper lets client-go find what is below.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

func outcome(answer *http.Response, err error) string {
	switch {
	case err != nil:
		return unanswered
	case answer.StatusCode >= 500:
		return failed
	case answer.StatusCode >= 400:
		return refused
	default:
		return fine
	}
}
