package haproxy

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// HAProxy has averages of its own and no distribution. A stick table whose one
// entry holds an array of counters is one: the response of each request raises
// the counter of its bucket. The edges are fixed when haproxy.cfg is rendered;
// they grow by a third of an octave and the threshold is one of them, so that
// the share above it is exact.
//
//	edges   … T/2^⅔  T/2^⅓  T  T·2^⅓ …     counter i: above edge i-1, up to edge i
const (
	perOctave = 3
	fastest   = 500 * time.Microsecond
	slowest   = 60 * time.Second
	// usual is the threshold the edges are laid around when there is none.
	usual = 500 * time.Millisecond
)

// edges are the upper bounds of all buckets but the last, in microseconds.
func edges(threshold scale.Duration) []int64 {
	middle := float64(around(threshold).Microseconds())
	low := math.Floor(perOctave * math.Log2(middle/float64(fastest.Microseconds())))
	high := math.Floor(perOctave * math.Log2(float64(slowest.Microseconds())/middle))
	out := []int64{}
	for k := -max(low, 0); k <= max(high, 0); k++ {
		out = append(out, int64(math.Round(middle*math.Exp2(k/perOctave))))
	}
	return out
}

func around(threshold scale.Duration) time.Duration {
	if threshold <= 0 {
		return usual
	}
	return threshold.Std()
}

// table is the name of the stick table. The threshold is in it: counters that
// were laid around another one are not found rather than misread.
func table(backend string, threshold scale.Duration) string {
	return fmt.Sprintf("%s_latency_%dus", backend, around(threshold).Microseconds())
}

// buckets are the counters of the table, all rising for as long as HAProxy
// runs: one per edge, one for what is above the last, and one for answers of
// 5xx above the threshold.
type buckets struct {
	counts   []uint64
	slowFail uint64
}

func newBuckets(edges []int64, gpc []uint64) (buckets, error) {
	if len(gpc) != len(edges)+2 {
		return buckets{}, fmt.Errorf("it has %d counters, not %d: render haproxy.cfg anew", len(gpc), len(edges)+2)
	}
	return buckets{counts: gpc[:len(edges)+1], slowFail: gpc[len(edges)+1]}, nil
}

// since is what was counted after before; after a restart that is everything.
func (b buckets) since(before buckets) buckets {
	out := buckets{counts: make([]uint64, len(b.counts)), slowFail: risen(before.slowFail, b.slowFail)}
	for i, n := range b.counts {
		if i < len(before.counts) {
			n = risen(before.counts[i], n)
		}
		out.counts[i] = n
	}
	return out
}

// risen is by how much a counter rose; one that fell began anew.
func risen(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// histogram spreads the counts over their buckets. Of what is above the last
// edge no more is known than that.
func (b buckets) histogram(edges []int64) *series.Histogram {
	h := &series.Histogram{}
	low := float64(edges[0]) / 2
	for i, n := range b.counts {
		high := low
		if i < len(edges) {
			high = float64(edges[i])
		}
		latency.Spread(h, low/1e6, high/1e6, n)
		low = high
	}
	return h
}

// above counts the answers that took longer than the threshold.
func (b buckets) above(edges []int64, threshold scale.Duration) uint64 {
	slow := uint64(0)
	for i, n := range b.counts {
		if i > 0 && edges[i-1] >= around(threshold).Microseconds() {
			slow += n
		}
	}
	return slow
}
