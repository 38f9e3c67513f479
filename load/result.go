package load

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/flyball-io/flyball/scale"
)

// Result is what a run found. Latencies count from the instant a request was
// meant to be sent until its answer had been read to the end; they hold what
// was answered in full, whatever the status, and what timed out.
type Result struct {
	IntendedRequests  int64 `json:"intended_requests"` // due while the run lasted
	Sent              int64 `json:"sent"`
	Requests          int64 `json:"requests"`           // that had an outcome: all but those cut off
	FailedRequests    int64 `json:"failed_requests"`    // 5xx, time-out, refused, broken off, dropped, …
	DroppedRequests   int64 `json:"dropped_requests"`   // never sent: too many in flight
	AbandonedRequests int64 `json:"abandoned_requests"` // cut off when the run was interrupted
	// ResentRequests were sent again by the HTTP client on its own, because a
	// kept connection turned out to be closed before any answer.
	ResentRequests int64 `json:"resent_requests"`
	// ViolationRatio is the share of Requests that failed or took longer than
	// the threshold.
	ViolationRatio   float64 `json:"violation_ratio"`
	ThresholdSeconds float64 `json:"threshold_seconds"` // 0 = none

	Latency
	FirstByte
	// Lag is how late the load generator itself was; it is part of the
	// latencies.
	Lag

	IntendedRate    float64 `json:"intended_rate"` // requests/s over the length of the schedule
	AchievedRate    float64 `json:"achieved_rate"` // sent, requests/s until the last was sent
	DurationSeconds float64 `json:"duration_seconds"`
	BytesReceived   int64   `json:"bytes_received"`

	// Errors counts by kind: refused, reset, timeout, http_503, … A 4xx is
	// counted here without being a failed request.
	Errors map[string]int64 `json:"errors"`
	// Mix tells the kinds of requests apart, when there are several.
	Mix []KindResult `json:"mix,omitempty"`

	Interrupted bool     `json:"interrupted"`
	Warnings    []string `json:"warnings"` // reasons to doubt the figures
}

// KindResult is the part of a Result that belongs to one kind of request.
type KindResult struct {
	Name           string  `json:"name"`
	Requests       int64   `json:"requests"`
	FailedRequests int64   `json:"failed_requests"`
	ViolationRatio float64 `json:"violation_ratio"`
	Latency
	Errors map[string]int64 `json:"errors"`
}

// Latency are seconds until the answer had been read to the end.
type Latency struct {
	Mean float64 `json:"latency_mean_seconds"`
	P50  float64 `json:"latency_p50_seconds"`
	P90  float64 `json:"latency_p90_seconds"`
	P95  float64 `json:"latency_p95_seconds"`
	P99  float64 `json:"latency_p99_seconds"`
	P999 float64 `json:"latency_p99_9_seconds"`
	Max  float64 `json:"latency_max_seconds"`
}

// FirstByte are seconds until the first byte of the answer's body, or until
// its headers when it has none.
type FirstByte struct {
	Mean float64 `json:"ttfb_mean_seconds"`
	P50  float64 `json:"ttfb_p50_seconds"`
	P90  float64 `json:"ttfb_p90_seconds"`
	P95  float64 `json:"ttfb_p95_seconds"`
	P99  float64 `json:"ttfb_p99_seconds"`
	P999 float64 `json:"ttfb_p99_9_seconds"`
	Max  float64 `json:"ttfb_max_seconds"`
}

// Lag are seconds from the instant a request was meant to be sent until it was
// handed to the HTTP client.
type Lag struct {
	P50 float64 `json:"lag_p50_seconds"`
	P99 float64 `json:"lag_p99_seconds"`
	Max float64 `json:"lag_max_seconds"`
}

// at returns a percentile of h, 0 when it is empty.
func at(h *hdrhistogram.Histogram, percentile float64) time.Duration {
	if h.TotalCount() == 0 {
		return 0
	}
	return time.Duration(h.ValueAtPercentile(percentile)) * time.Microsecond
}

func latencyOf(d distribution) Latency {
	n := d.TotalCount()
	if n == 0 {
		return Latency{}
	}
	h := d.Histogram
	return Latency{
		Mean: d.sum.Seconds() / float64(n),
		P50:  at(h, 50).Seconds(),
		P90:  at(h, 90).Seconds(),
		P95:  at(h, 95).Seconds(),
		P99:  at(h, 99).Seconds(),
		P999: at(h, 99.9).Seconds(),
		Max:  at(h, 100).Seconds(),
	}
}

// result sums the run up; scheduled is how long requests were handed out.
func (r *run) result(ctx context.Context, scheduled time.Duration) Result {
	rec := r.recorder
	rec.mu.Lock()
	defer rec.mu.Unlock()
	result := Result{
		IntendedRequests:  rec.intended,
		Sent:              rec.sent,
		Requests:          rec.all.requests,
		FailedRequests:    rec.all.failed,
		DroppedRequests:   rec.dropped,
		AbandonedRequests: rec.abandoned,
		ResentRequests:    rec.resent,
		ViolationRatio:    rec.all.violationRatio(),
		ThresholdSeconds:  r.Threshold.Seconds(),
		Latency:           latencyOf(rec.all.latency),
		FirstByte:         FirstByte(latencyOf(rec.all.firstByte)),
		Lag:               Lag{P50: at(rec.lag, 50).Seconds(), P99: at(rec.lag, 99).Seconds(), Max: at(rec.lag, 100).Seconds()},
		DurationSeconds:   r.elapsed().Seconds(),
		BytesReceived:     rec.all.bytes,
		Errors:            maps.Clone(rec.all.errors),
		Interrupted:       ctx.Err() != nil,
	}
	result.rates(r, scheduled)
	for i, t := range rec.kinds {
		result.Mix = append(result.Mix, t.result(r.mix.kinds[i].Name))
	}
	result.Warnings = result.doubts(r.MaxInFlight)
	return result
}

// rates fills in the rates. The schedule has its planned length, or what
// there was of it until the interruption; a generator that cannot keep up
// takes longer to send it.
func (result *Result) rates(r *run, scheduled time.Duration) {
	if planned := r.Shape.Duration(); planned > 0 && !result.Interrupted {
		scheduled = planned
	}
	took := max(scheduled, r.recorder.lastSent.Sub(r.start))
	if scheduled > 0 {
		result.IntendedRate = float64(result.IntendedRequests) / scheduled.Seconds()
		result.AchievedRate = float64(result.Sent) / took.Seconds()
	}
}

// doubts returns reasons not to trust the figures.
func (result *Result) doubts(maxInFlight int) []string {
	doubts := []string{}
	if result.Lag.P99 > 0.010 {
		doubts = append(doubts, fmt.Sprintf(
			"the load generator itself was up to %.0f ms late (p99), which is part of the latencies: use a lower rate or a freer machine",
			result.Lag.P99*1000))
	}
	if result.DroppedRequests > 0 {
		doubts = append(doubts, fmt.Sprintf(
			"%s never sent, with %d already in flight: counted as failed",
			scale.Count(result.DroppedRequests, "request"), maxInFlight))
	}
	if n := result.Errors[errLocal]; n > 0 {
		doubts = append(doubts, fmt.Sprintf(
			"%s failed because this machine ran out of ports or open files, not because of the service", scale.Count(n, "request")))
	}
	return doubts
}

func (t *tally) violationRatio() float64 {
	if t.requests == 0 {
		return 0
	}
	return float64(t.violations) / float64(t.requests)
}

func (t *tally) result(name string) KindResult {
	return KindResult{
		Name:           name,
		Requests:       t.requests,
		FailedRequests: t.failed,
		ViolationRatio: t.violationRatio(),
		Latency:        latencyOf(t.latency),
		Errors:         maps.Clone(t.errors),
	}
}
