package sampleapp

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// statusClientGone is counted for requests whose client left; nobody sees it.
const statusClientGone = 499

// metrics is what /metrics says, in the Prometheus text format. Written by
// hand: the client library would double the memory of a replica.
type metrics struct {
	slots    int
	inFlight atomic.Int64 // waiting ones included
	busy     atomic.Int64

	mu      sync.Mutex // guards what follows
	byCode  map[int]uint64
	buckets [len(bounds) + 1]uint64
	sum     float64
}

// bounds are the upper bounds of the latency buckets in seconds.
var bounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10}

func newMetrics(slots int) *metrics { return &metrics{slots: slots, byCode: map[int]uint64{}} }

func (m *metrics) observe(code int, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byCode[code]++
	i, _ := slices.BinarySearch(bounds[:], d.Seconds())
	m.buckets[i]++
	m.sum += d.Seconds()
}

func (m *metrics) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprint(w, m.text())
}

func (m *metrics) text() string {
	var b strings.Builder
	gauge := func(name, help string, v int64) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n%s %d\n", name, help, name, name, v)
	}
	gauge("http_requests_in_flight", "Requests in progress or waiting for a slot.", m.inFlight.Load())
	gauge("http_slots_busy", "Slots in use.", m.busy.Load())
	gauge("http_slots", "Requests that can be served at a time.", int64(m.slots))

	m.mu.Lock()
	defer m.mu.Unlock()
	b.WriteString("# HELP http_requests_total Requests answered, by status code.\n# TYPE http_requests_total counter\n")
	for _, code := range slices.Sorted(maps.Keys(m.byCode)) {
		fmt.Fprintf(&b, "http_requests_total{code=\"%d\"} %d\n", code, m.byCode[code])
	}
	const name = "http_request_duration_seconds"
	fmt.Fprintf(&b, "# HELP %s Time from arrival to the end of the answer.\n# TYPE %s histogram\n", name, name)
	var count uint64
	for i, bound := range bounds {
		count += m.buckets[i]
		fmt.Fprintf(&b, "%s_bucket{le=\"%g\"} %d\n", name, bound, count)
	}
	count += m.buckets[len(bounds)]
	fmt.Fprintf(&b, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, count, name, m.sum, name, count)
	return b.String()
}

// recorder remembers the status code.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
