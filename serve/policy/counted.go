package servepolicy

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Names of the metrics.
const (
	AnswersTotal   = "flyball_policy_answers_total"
	RefusalsTotal  = "flyball_policy_refusals_total"
	ForgottenTotal = "flyball_policy_forgotten_total"
	AnswerSeconds  = "flyball_policy_answer_seconds"
	Info           = "flyball_policy_info"
)

// counted is what is measured of the server. No label has a value that whoever
// asks could choose.
type counted struct {
	answers, refusals *prometheus.CounterVec
	forgotten         prometheus.Counter
	seconds           prometheus.Histogram
	handler           http.Handler
}

func newCounted(kind, version string) *counted {
	c := &counted{
		answers:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: AnswersTotal, Help: "Questions answered, by whether the policy had an opinion."}, []string{"opinion"}),
		refusals:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: RefusalsTotal, Help: "Questions refused: for want of a token, for too many at a time, for a fault of the question, or because the policy cannot answer it."}, []string{"because"}),
		forgotten: prometheus.NewCounter(prometheus.CounterOpts{Name: ForgottenTotal, Help: "Questions whose memory did not fit the policy, which then began anew."}),
		seconds:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: AnswerSeconds, Help: "Time the policy took for an answer.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9)}),
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: Info, Help: "The policy that is served; always 1."}, []string{"policy", "version"})
	info.WithLabelValues(kind, version).Set(1)
	for _, opinion := range []string{"yes", "no"} {
		c.answers.WithLabelValues(opinion)
	}
	for _, because := range []string{"token", "busy", "question", "policy"} {
		c.refusals.WithLabelValues(because)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c.answers, c.refusals, c.forgotten, c.seconds, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return c
}

func (c *counted) refused(because string) { c.refusals.WithLabelValues(because).Inc() }

func (c *counted) answered(took time.Duration, opinion, forgot bool) {
	label := "no"
	if opinion {
		label = "yes"
	}
	c.answers.WithLabelValues(label).Inc()
	c.seconds.Observe(took.Seconds())
	if forgot {
		c.forgotten.Inc()
	}
}
