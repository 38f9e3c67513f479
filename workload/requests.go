package workload

import (
	"sort"
	"time"
)

// Requests is a record of single requests. As a shape it expects one request
// per recorded one: the count runs in straight lines through k+½ at the
// instant of request k, so [Uniform] arrivals are the recorded ones, and
// scaled up, their copies spread over the time until the next.
type Requests struct {
	name    string
	records []Request
	length  time.Duration
}

// Request is one recorded request. The tokens are those of an inference
// request, 0 where the record has none.
type Request struct {
	At                        time.Duration
	InputTokens, OutputTokens int
}

// newRequests takes over records, which must be in order and not empty. The
// record ends one mean gap after its last request.
func newRequests(name string, records []Request) *Requests {
	last := records[len(records)-1].At
	gap := time.Second
	if n := len(records) - 1; n > 0 && last > records[0].At {
		gap = (last - records[0].At) / time.Duration(n)
	}
	return &Requests{name: name, records: records, length: last + max(gap, 1)}
}

// Name returns where the record came from.
func (r *Requests) Name() string { return r.name }

// Records returns the recorded requests in order. They must not be changed.
func (r *Requests) Records() []Request { return r.records }

// window returns the part from the instant from up to the instant to, if any
// request was recorded there.
func (r *Requests) window(from, to time.Duration) (*Requests, bool) {
	first, last := r.before(from), r.before(to)
	if first == last {
		return nil, false
	}
	records := make([]Request, 0, last-first)
	for _, record := range r.records[first:last] {
		record.At -= from
		records = append(records, record)
	}
	return &Requests{name: r.name, records: records, length: to - from}, true
}

// Rate returns the mean over the second that holds t.
func (r *Requests) Rate(t time.Duration) float64 {
	if t < 0 || t >= r.length {
		return 0
	}
	second := t.Truncate(time.Second)
	return float64(r.before(second+time.Second) - r.before(second))
}

// before returns how many requests were recorded before t.
func (r *Requests) before(t time.Duration) int {
	return sort.Search(len(r.records), func(i int) bool { return r.records[i].At >= t })
}

// Expected implements [Shape].
func (r *Requests) Expected(t time.Duration) float64 {
	n := len(r.records)
	if t <= 0 {
		return 0
	}
	if t >= r.length {
		return float64(n)
	}
	// The requests up to and including t: a jump where several came at once.
	next := sort.Search(n, func(i int) bool { return r.records[i].At > t })
	left, count, rise := time.Duration(0), 0.0, 0.5
	if next > 0 {
		left, count, rise = r.records[next-1].At, float64(next)-0.5, 1
	}
	right := r.length
	if next < n {
		right = r.records[next].At
	} else {
		rise = 0.5
	}
	return count + rise*float64(t-left)/float64(right-left)
}

// Duration implements [Shape].
func (r *Requests) Duration() time.Duration { return r.length }

// Binned returns the record as a trace of mean rates in bins of that width,
// which must be above 0.
func (r *Requests) Binned(width time.Duration) *Trace {
	bins := []Bin{}
	for at := time.Duration(0); at < r.length; at += width {
		n := r.before(at+width) - r.before(at)
		bins = append(bins, Bin{At: at, Width: width, RPS: float64(n) / width.Seconds()})
	}
	return newTrace(Trace{name: r.name, quantity: RequestRate, scale: 1}, bins, time.Duration(len(bins))*width)
}
