package telemetry

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// tally is one counter of a target. Targets keep their own counts: one that goes
// takes them with it, and nobody has to search the series of all others.
type tally struct {
	name   string
	labels []string // without that of the target; not changed once it is made
	value  float64
}

// spread is one histogram of a target.
type spread struct {
	name   string
	counts []uint64 // by the bounds of the family, the last for what is above all of them
	sum    float64  // seconds
}

// count adds to a counter, which begins at 0.
func (t *target) count(name string, more float64, labels ...string) {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "?")
	}
	for i := range t.tallies {
		if c := &t.tallies[i]; c.name == name && slices.Equal(c.labels, labels) {
			c.value += more
			return
		}
	}
	t.tallies = append(t.tallies, tally{name, labels, more})
}

// observe adds a duration to a histogram.
func (t *target) observe(name string, d time.Duration) {
	bounds, seconds := boundsOf(name), max(0, d).Seconds()
	i := slices.IndexFunc(t.spreads, func(s spread) bool { return s.name == name })
	if i < 0 {
		i = len(t.spreads)
		t.spreads = append(t.spreads, spread{name: name, counts: make([]uint64, len(bounds)+1)})
	}
	t.spreads[i].counts[sort.SearchFloat64s(bounds, seconds)]++
	t.spreads[i].sum += seconds
}

// below is how many observations were at most each bound, and how many there are.
func (s *spread) below() (buckets map[float64]uint64, all uint64) {
	buckets = map[float64]uint64{}
	for i, bound := range boundsOf(s.name) {
		all += s.counts[i]
		buckets[bound] = all
	}
	return buckets, all + s.counts[len(s.counts)-1]
}
