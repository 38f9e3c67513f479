package reading

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/series"
)

const (
	maxCount   = 1e18 // more than anything was ever counted
	maxBuckets = 200  // of one histogram
)

// quantile of the durations that a signal is.
const quantile = 0.95

// Signal says how a signal is made of readings: exactly one of the first three
// is named.
type Signal struct {
	Value    string // one of the moment
	Rate     Count  // growth per second; every kind where Kind is ""
	Duration string // 95th percentile over the window, with the distribution
	// Balance says what the rate is where it is not counted: the growth of the
	// counter Out and of the values Kept, as what comes goes out or stays.
	Balance *Balance
	// Combine is how several parts, and then several servers, become one value.
	Combine Combine
}

// Balance is what becomes of that which comes.
type Balance struct {
	Out  Count
	Kept []string
}

// Combine is how values become one.
type Combine uint8

// How values become one.
const (
	Sum Combine = iota
	Mean
	Max
)

// History is what a server told during the last while, for what takes two
// readings. One goroutine uses it.
type History struct {
	// Window is how far it goes back: rates and durations are over that time,
	// or over the last two readings where these are further apart.
	Window   time.Duration
	readings []Reading
}

// Add takes a reading, which is newer than those before.
func (h *History) Add(r Reading) {
	if n := len(h.readings); n > 0 && !r.At.After(h.readings[n-1].At) {
		return
	}
	h.readings = append(h.readings, r)
	// Kept is one that is as old as the window, to grow from.
	for len(h.readings) > 2 && r.At.Sub(h.readings[1].At) >= h.Window {
		h.readings = h.readings[1:]
	}
}

// Measured is what was made of readings.
type Measured struct {
	At     time.Time
	Window time.Duration
	Value  float64
	Known  bool
	// Idle says that it is known that nothing happened whose duration could be
	// told.
	Idle    bool
	buckets map[float64]float64 // between a bound and the one before
}

// Measure makes a value of the readings. part limits it to the part of that
// name, "" takes all. It is not known where the server does not tell it, or has
// been read once so far and twice is needed.
func (h *History) Measure(s Signal, part string) Measured {
	if len(h.readings) == 0 {
		return Measured{}
	}
	last := h.readings[len(h.readings)-1]
	m := Measured{At: last.At}
	if s.Value != "" {
		var all []float64
		for _, p := range last.parts(part) {
			if v, told := p.Values[s.Value]; told {
				all = append(all, v)
			}
		}
		if m.Known = len(all) > 0; m.Known {
			m.Value = s.Combine.of(all)
		}
		return m
	}
	if m.Window = last.At.Sub(h.readings[0].At); m.Window <= 0 {
		return m
	}
	if !last.counts(s, part) {
		return h.balance(m, s, part)
	}
	if s.Duration != "" {
		if m.buckets = h.durations(s.Duration, part); m.buckets == nil {
			return m
		}
		return m.withQuantile()
	}
	grown, compared := h.grown(s.Rate, part)
	if m.Known = compared; compared {
		m.Value = grown / m.Window.Seconds()
	}
	return m
}

// grown is by how much counters grew in all, and whether any could be compared.
func (h *History) grown(what Count, part string) (grown float64, compared bool) {
	for i := 1; i < len(h.readings); i++ {
		n, two := grownBetween(h.readings[i-1], h.readings[i], what, part)
		grown, compared = grown+n, compared || two
	}
	return grown, compared
}

// parts are those of the name; all where there is none.
func (r Reading) parts(name string) []Part {
	if name == "" {
		return r.Parts
	}
	i := slices.IndexFunc(r.Parts, func(p Part) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return r.Parts[i : i+1]
}

// balance measures a rate that is not counted.
func (h *History) balance(m Measured, s Signal, part string) Measured {
	last := h.readings[len(h.readings)-1]
	if !last.balances(s, part) || !h.readings[0].balances(s, part) {
		return m
	}
	grown, compared := h.grown(s.Balance.Out, part)
	if m.Known = compared; compared {
		grown += last.kept(s, part) - h.readings[0].kept(s, part)
		// Less than nothing has come where something was taken away undone.
		m.Value = max(0, grown) / m.Window.Seconds()
	}
	return m
}

// kept is how much is there of what came.
func (r Reading) kept(s Signal, part string) float64 {
	all := 0.0
	for _, p := range r.parts(part) {
		for _, name := range s.Balance.Kept {
			all += p.Values[name]
		}
	}
	return all
}

// balances reports whether a rate can be made of what goes out and what is kept.
func (r Reading) balances(s Signal, part string) bool {
	return s.Balance != nil && r.counts(Signal{Rate: s.Balance.Out}, part)
}

// counts reports whether what grows is in the reading at all.
func (r Reading) counts(s Signal, part string) bool {
	return slices.ContainsFunc(r.parts(part), func(p Part) bool {
		if s.Duration != "" {
			_, told := p.Durations[s.Duration]
			return told
		}
		return p.tells(s.Rate)
	})
}

// tells reports whether a part has a counter that is meant.
func (p Part) tells(what Count) bool {
	for c := range p.Counts {
		if what.matches(c) {
			return true
		}
	}
	return false
}

// matches reports whether a counter is meant.
func (c Count) matches(other Count) bool {
	return c.Name == other.Name && (c.Kind == "" || c.Kind == other.Kind)
}

// grownBetween is by how much counters grew, and whether any could be compared.
// One that is smaller than before has begun at 0 meanwhile, and so have a part
// and a kind that were not there. A part that was there and told nothing of the
// name may have counted before it told: Redis tells entries-read of a group from
// its first read on, and begins with all that the stream ever had.
func grownBetween(before, now Reading, what Count, part string) (grown float64, compared bool) {
	for _, p := range now.parts(part) {
		old, there := before.named(p.Name)
		if !p.tells(what) || (there && !old.tells(what)) {
			continue
		}
		compared = true
		for c, n := range p.Counts {
			if !what.matches(c) {
				continue
			}
			if was := old.Counts[c]; was <= n {
				n -= was
			}
			grown += n
		}
	}
	return grown, compared
}

func (r Reading) named(name string) (p Part, there bool) {
	for _, p := range r.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return Part{}, false
}

// durations are those of the window, by bucket; nil where none could be compared,
// as with counters.
func (h *History) durations(name, part string) map[float64]float64 {
	var between map[float64]float64
	for i := 1; i < len(h.readings); i++ {
		for _, p := range h.readings[i].parts(part) {
			now, told := p.Durations[name]
			before, there := h.readings[i-1].named(p.Name)
			old, compared := before.Durations[name]
			if !told || (there && !compared) {
				continue
			}
			if old.Count > now.Count {
				old = Histogram{} // begun anew
			}
			if between == nil {
				between = map[float64]float64{}
			}
			now.grownFrom(old, between)
		}
	}
	return between
}

// grownFrom adds what is new since an earlier state: how many are above the
// bound before and up to each bound.
func (g Histogram) grownFrom(old Histogram, between map[float64]float64) {
	below := 0.0
	for _, bound := range slices.Sorted(maps.Keys(g.Buckets)) {
		upTo := float64(g.Buckets[bound]) - float64(old.UpTo(bound))
		between[bound] += max(0, upTo-below)
		below = max(below, upTo)
	}
	between[math.Inf(1)] += max(0, float64(g.Count)-float64(old.Count)-below)
}

// UpTo is how many are at most a bound. A bucket that is not there holds as many
// as the one below: servers leave out those that add nothing.
func (g Histogram) UpTo(bound float64) uint64 {
	if n, there := g.Buckets[bound]; there {
		return n
	}
	highest, n := math.Inf(-1), uint64(0)
	for b, upTo := range g.Buckets {
		if b < bound && b > highest {
			highest, n = b, upTo
		}
	}
	return n
}

// With is the histogram with one more series of it: _bucket with its bound, _sum or
// _count.
func (g Histogram) With(end, bound string, number float64) (Histogram, error) {
	if !(number >= 0 && number <= maxCount) {
		return g, fmt.Errorf("%s is %v, which is no number that it can have", end, number)
	}
	switch end {
	case "_sum":
		g.Sum += number
	case "_count":
		g.Count += uint64(number)
	case "_bucket":
		b, err := strconv.ParseFloat(bound, 64)
		switch {
		case err != nil || math.IsNaN(b):
			return g, fmt.Errorf("the bound %q of the bucket is no number", bound)
		case math.IsInf(b, 1):
			return g, nil // _count says it
		case g.Buckets == nil:
			g.Buckets = map[float64]uint64{}
		}
		if g.Buckets[b] += uint64(number); len(g.Buckets) > maxBuckets {
			return g, fmt.Errorf("has more than %d buckets", maxBuckets)
		}
	}
	return g, nil
}

// Plus is both together.
func (g Histogram) Plus(other Histogram) Histogram {
	sum := Histogram{Buckets: map[float64]uint64{}, Count: g.Count + other.Count, Sum: g.Sum + other.Sum}
	for _, of := range []Histogram{g, other} {
		for bound := range of.Buckets {
			sum.Buckets[bound] = g.UpTo(bound) + other.UpTo(bound)
		}
	}
	return sum
}

// withQuantile reads the quantile off the buckets as Prometheus does: even
// within a bucket, and the highest finite bound for what is beyond it.
func (m Measured) withQuantile() Measured {
	bounds := slices.Sorted(maps.Keys(m.buckets))
	total := 0.0
	for _, b := range bounds {
		total += m.buckets[b]
	}
	if m.Idle = total <= 0; m.Idle {
		return m
	}
	m.Known = true
	rank, seen, low := quantile*total, 0.0, 0.0
	for _, high := range bounds {
		n := m.buckets[high]
		if n > 0 && seen+n >= rank {
			m.Value = low
			if !math.IsInf(high, 1) {
				m.Value += (high - low) * (rank - seen) / n
			}
			return m
		}
		seen += n
		if !math.IsInf(high, 1) {
			low = high
		}
	}
	return m
}

// spread is into how many a bucket is cut for a distribution.
const spread = 10

// Distribution spreads what is in each bucket evenly over it; nil where it was
// not made of durations.
func (m Measured) Distribution() *series.Histogram {
	if m.buckets == nil {
		return nil
	}
	out, low := &series.Histogram{}, 0.0
	for _, high := range slices.Sorted(maps.Keys(m.buckets)) {
		n := uint64(math.Round(m.buckets[high]))
		if math.IsInf(high, 1) {
			out.AddN(low, n)
			break
		}
		for i := range uint64(spread) {
			out.AddN(low+(high-low)*(float64(i)+0.5)/spread, n*(i+1)/spread-n*i/spread)
		}
		low = max(0, high)
	}
	return out
}

// Total makes one value of those of several servers, as old as the oldest of
// them. It is not known where that of one of them is not.
func (c Combine) Total(all []Measured) Measured {
	if len(all) == 0 {
		return Measured{}
	}
	t := Measured{At: all[0].At, Known: true}
	var values []float64
	for _, m := range all {
		if m.At.Before(t.At) {
			t.At = m.At
		}
		t.Window = max(t.Window, m.Window)
		t.Known = t.Known && (m.Known || m.Idle)
		values = append(values, m.Value)
		for bound, n := range m.buckets {
			if t.buckets == nil {
				t.buckets = map[float64]float64{}
			}
			t.buckets[bound] += n
		}
	}
	switch {
	case !t.Known:
		return Measured{}
	case t.buckets != nil:
		t.Known = false
		return t.withQuantile()
	}
	t.Value = c.of(values)
	return t
}

// of makes one value of at least one.
func (c Combine) of(all []float64) float64 {
	if c == Max {
		return slices.Max(all)
	}
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	if c == Mean {
		sum /= float64(len(all))
	}
	return sum
}
