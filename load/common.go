package load

import (
	"context"
	"net/http"
	"time"
)

// Distribution gathers durations in an HDR histogram: three digits, 1 µs to 1 h.
// It has one owner.
type Distribution struct{ distribution }

// NewDistribution returns an empty one.
func NewDistribution() *Distribution { return &Distribution{distribution{Histogram: newHistogram()}} }

// Add adds one.
func (d *Distribution) Add(v time.Duration) { d.add(v) }

// Quantiles are seconds; all 0 when nothing was added.
type Quantiles struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Quantiles sums up what was added.
func (d *Distribution) Quantiles() Quantiles {
	l := latencyOf(d.distribution)
	return Quantiles{Count: d.TotalCount(), Mean: l.Mean, P50: l.P50, P90: l.P90, P95: l.P95, P99: l.P99, Max: l.Max}
}

// FailureOf names the error of a request as results count it: refused, reset,
// timeout, abandoned (ctx was cancelled), …; ended is what to call a connection that
// ended too early.
func FailureOf(ctx context.Context, err error, ended string) string { return classify(ctx, err, ended) }

// NewTransport returns a transport for so many requests at once: it keeps its
// connections and hides nothing, no proxy, no unpacking.
func NewTransport(maxInFlight int) *http.Transport { return newTransport(maxInFlight) }

// Abandoned is the failure of what was cut off because the run was ended.
const Abandoned = abandoned

// Dropped is the failure of what was never sent because too many were under way.
const Dropped = errDropped

// ListErrors lists the kinds of errors, the most frequent first.
func ListErrors(errors map[string]int64) string { return listErrors(errors) }

// Milliseconds writes seconds as milliseconds with three digits.
func Milliseconds(seconds float64) string { return milliseconds(seconds) }
