package openmetrics

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/series"
)

// measured is what was measured of a replica, or of the target.
type measured struct {
	at     time.Time
	window time.Duration
	value  float64
	// buckets holds how many durations of the window were above the bound
	// before and up to this one; only of a histogram.
	buckets map[float64]float64
}

// errTooEarly says that a second reading is needed.
var errTooEarly = errors.New("read once so far")

// errIdle says that nothing happened whose duration could be told.
var errIdle = errors.New("nothing happened")

// measure makes a value of a reading and the one before it, if there is one.
func (c Config) measure(before, now reading) (measured, error) {
	switch {
	case !now.known:
		return measured{}, fmt.Errorf("shows no metric %s", c.Metric)
	case c.As == Gauge && len(now.values) == 0:
		return measured{}, fmt.Errorf("shows no %s that matches %s", c.Metric, c.Match)
	case c.As == Gauge:
		var all []float64
		for _, key := range slices.Sorted(maps.Keys(now.values)) {
			all = append(all, now.values[key].number)
		}
		return measured{at: now.at, value: c.aggregate(all)}, nil
	case before.values == nil:
		return measured{}, errTooEarly
	}
	m := measured{at: now.at, window: now.at.Sub(before.at)}
	if m.window <= 0 {
		return measured{}, errTooEarly
	}
	if c.As == Quantile {
		m.buckets = growthOfBuckets(before, now)
		return m.withQuantile(c.Quantile)
	}
	var rates []float64
	for _, key := range slices.Sorted(maps.Keys(now.values)) {
		rates = append(rates, growth(before, now, key)/m.window.Seconds())
	}
	if len(rates) > 0 { // a counter of failures need not exist before the first
		m.value = c.aggregate(rates)
	}
	return m, nil
}

// growth is by how much a counter has grown. One that is smaller than before
// or was not there before has begun at 0 meanwhile.
func growth(before, now reading, key string) float64 {
	grown := now.values[key].number
	if old := before.values[key].number; old <= grown {
		grown -= old
	}
	return grown
}

// growthOfBuckets adds up the buckets of all series by their bounds and turns
// "up to this bound" into "between this bound and the one before".
func growthOfBuckets(before, now reading) map[float64]float64 {
	upTo := map[float64]float64{}
	for _, key := range slices.Sorted(maps.Keys(now.values)) {
		upTo[now.values[key].bound] += growth(before, now, key)
	}
	between, sum := map[float64]float64{}, 0.0
	for _, bound := range slices.Sorted(maps.Keys(upTo)) {
		between[bound] = max(0, upTo[bound]-sum)
		sum = max(sum, upTo[bound])
	}
	return between
}

// aggregate makes one value of at least one.
func (c Config) aggregate(all []float64) float64 {
	switch c.Aggregate {
	case Max:
		return slices.Max(all)
	case Min:
		return slices.Min(all)
	}
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	if c.Aggregate == Avg {
		return sum / float64(len(all))
	}
	return sum
}

// total makes one value of those of the replicas, dated with the oldest.
func (c Config) total(all []measured) (measured, error) {
	t := measured{at: all[0].at}
	var values []float64
	for _, m := range all {
		if m.at.Before(t.at) {
			t.at = m.at
		}
		t.window = max(t.window, m.window)
		values = append(values, m.value)
	}
	if c.As != Quantile {
		t.value = c.aggregate(values)
		return t, nil
	}
	t.buckets = map[float64]float64{}
	for _, m := range all {
		for bound, n := range m.buckets {
			t.buckets[bound] += n
		}
	}
	return t.withQuantile(c.Quantile)
}

// withQuantile reads the quantile off the buckets, as Prometheus does: even
// within a bucket, and the highest finite bound for what is beyond it.
func (m measured) withQuantile(q float64) (measured, error) {
	bounds := slices.Sorted(maps.Keys(m.buckets))
	total := 0.0
	for _, b := range bounds {
		total += m.buckets[b]
	}
	if total <= 0 {
		return m, errIdle // with its buckets, which take part in the target's
	}
	rank, seen, low := q*total, 0.0, 0.0
	for _, high := range bounds {
		n := m.buckets[high]
		if n > 0 && seen+n >= rank {
			m.value = low
			if !math.IsInf(high, 1) {
				m.value += (high - low) * (rank - seen) / n
			}
			break
		}
		seen += n
		if !math.IsInf(high, 1) {
			low = high
		}
	}
	if m.value < 0 {
		return m, fmt.Errorf("the quantile is %v, and durations are not negative", m.value)
	}
	return m, nil
}

// parts is into how many a bucket is cut.
const parts = 10

// distribution spreads what is in each bucket evenly over it.
func (m measured) distribution() *series.Histogram {
	if m.buckets == nil {
		return nil
	}
	h, low := &series.Histogram{}, 0.0
	for _, high := range slices.Sorted(maps.Keys(m.buckets)) {
		n := uint64(math.Round(m.buckets[high]))
		if math.IsInf(high, 1) {
			h.AddN(low, n)
			break
		}
		for i := range uint64(parts) {
			share := n*(i+1)/parts - n*i/parts
			h.AddN(low+(high-low)*(float64(i)+0.5)/parts, share)
		}
		low = max(0, high)
	}
	return h
}
