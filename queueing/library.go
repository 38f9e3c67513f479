package queueing

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Library holds the curves that many services share. The law of waits is free
// of scale: a service of 80 ms with a threshold of 500 ms waits as one of 8 s
// with a threshold of 50 s at the same load. So there is one curve for each
// node of a grid over threshold/mean and variation, for one mean of a second,
// and a [Blend] reads the answer for any service from the nodes around it.
//
//	threshold/mean   2^(k/4) from 1/4 to 256: steps of 19 %, straight between
//	CV               0, ¼, ½, ¾, 1, 1½, 2, 3, 4, 6, straight in 1/(1+CV²)
//	slots            all to 8, then every 15 % to 62, rounded down: fewer help less
//
// Straight is the logarithm of the share: waits fall exponentially, by the
// factor 2(1−ρ)/(1+CV²) in each mean service. The load for a share of
// violations is within 1 % of the formulas', for CVs above 2 up to 4 % on the
// careful side. Beyond the grid its edge answers. Between nodes the answer moves without a jump, so a learned mean that drifts
// moves the demand as little.
//
// Curves grow with the replicas asked for, in doublings, and hold 1.6 kB for
// each of their nodes: 13 kB to 8 replicas, 42 kB to 128, 65 kB to 1,024, and
// a blend needs up to four. Those not asked for lately are dropped where all
// take more than the limit, and computed anew when they are asked for again
// (some tens of milliseconds). Answers depend on the question alone, whoever
// asked first. A library may be used from many goroutines.
type Library struct {
	limit  int
	held   atomic.Int64
	nodes  []int   // of replicas, of all curves
	places []place // by the number of replicas

	mu     sync.Mutex // guards what follows
	shapes map[shapeKey]*shape
	ring   []*shape // all of them, in order of creation
	hand   int      // the next that may be dropped
}

// DefaultLibrary is how many bytes of curves a program may hold.
const DefaultLibrary = 256 << 20

// NewLibrary returns a library that holds at most so many bytes of curves, but
// for the one that was asked for last.
func NewLibrary(bytes int) *Library {
	nodes, places := layReplicas(mostReplicas)
	return &Library{limit: bytes, nodes: nodes, places: places, shapes: map[shapeKey]*shape{}}
}

// Bytes is how much the curves take.
func (l *Library) Bytes() int { return int(l.held.Load()) }

// Traits are what is known of a service: its law is taken as lognormal.
type Traits struct {
	Mean, CV float64
	Slots    int
	Sharing  bool
	Topology Topology
}

// Blend is the curve of a service for a threshold in seconds.
func (l *Library) Blend(t Traits, threshold float64) (Blend, error) {
	return l.Move(&Blend{}, t, threshold)
}

// Move is [Library.Blend] for a service that was another a moment ago: between the
// same nodes the curves are those of the blend of before, and need not be found.
func (l *Library) Move(before *Blend, t Traits, threshold float64) (Blend, error) {
	if !(t.Mean > 0) || math.IsInf(t.Mean, 1) || !(t.CV >= 0) || t.Slots < 1 || !(threshold > 0) || math.IsInf(threshold, 1) {
		return Blend{}, fmt.Errorf("blend: mean and threshold must be above 0 s, CV at least 0 and one slot allowed, got %v, %v, %v, %d", t.Mean, threshold, t.CV, t.Slots)
	}
	b := Blend{mean: t.Mean, threshold: threshold, capacity: float64(t.Slots) / t.Mean, met: lognormalCDF(t.Mean, t.CV, threshold)}
	ratio, nextRatio := ratioNode(threshold / t.Mean)
	cv, falls, grows := cvNode(t.CV)
	slots := rung(min(t.Slots, mostSlots))
	for k := range b.shapes {
		high, wide := k&1, k>>1
		far := pick(high, nextRatio)
		b.shares[k], b.spans[k] = far*pick(wide, falls), far*pick(wide, grows)
		if b.shares[k] > 0 {
			b.shapes[k] = l.shape(before.shapes[k], shapeKey{ratio: ratio + high, cv: cv + wide, slots: slots, sharing: t.Sharing, topology: t.Topology})
		}
	}
	return b, nil
}

func lognormalCDF(mean, cv, t float64) float64 {
	if cv < leastCV {
		return deterministic(mean).CDF(t)
	}
	variance := math.Log1p(cv * cv)
	return lognormal{mu: math.Log(mean) - variance/2, sigma: math.Sqrt(variance)}.CDF(t)
}

// pick is the share of one of two neighbours, of which the next has a share.
func pick(which int, next float64) float64 {
	if which == 0 {
		return 1 - next
	}
	return next
}

// leastCV is a variation nobody can tell from none.
const leastCV = 1e-3

// ratioNode is the node below threshold/mean, and the share of the next.
func ratioNode(ratio float64) (int, float64) {
	const each, lowest, highest = 4, -2 * 4, 8 * 4
	where := math.Log2(ratio) * each // of a threshold far from the mean it may be infinite
	switch {
	case where < lowest:
		return lowest, 0
	case where >= highest:
		return highest, 0
	}
	k := int(math.Floor(where))
	low, high := ratioOf(k), ratioOf(k+1)
	return k, min(1, max(0, (ratio-low)/(high-low)))
}

func ratioOf(node int) float64 { return math.Exp2(float64(node) / 4) }

var cvNodes = [...]float64{0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6}

// cvNode is the node below a variation, and the share of the next: of the
// logarithm of a tail, and of a mean wait, which grows with 1+CV².
func cvNode(cv float64) (node int, falls, grows float64) {
	last := len(cvNodes) - 1
	if cv >= cvNodes[last] {
		return last, 0, 0
	}
	for cv >= cvNodes[node+1] {
		node++
	}
	low, at, high := 1+cvNodes[node]*cvNodes[node], 1+cv*cv, 1+cvNodes[node+1]*cvNodes[node+1]
	return node, (1/at - 1/low) / (1/high - 1/low), (at - low) / (high - low)
}

// shapeKey tells the curves apart.
type shapeKey struct {
	ratio, cv, slots int
	sharing          bool
	topology         Topology
}

// shape is one curve, as far as it was asked for.
type shape struct {
	key     shapeKey
	library *Library
	used    atomic.Bool // since the hand passed
	curve   atomic.Pointer[table]
	mu      sync.Mutex // held by who makes it grow
}

// shape returns the curve of a key, which may be that of before.
func (l *Library) shape(before *shape, key shapeKey) *shape {
	if before != nil && before.library == l && before.key == key {
		return before
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.shapes[key]
	if s == nil {
		s = &shape{key: key, library: l}
		l.shapes[key] = s
		l.ring = append(l.ring, s)
	}
	return s
}

// upTo is the curve with at least so many replicas, or the most a curve has.
func (s *shape) upTo(replicas int) *table {
	if !s.used.Load() {
		s.used.Store(true)
	}
	if c := s.curve.Load(); c != nil && c.most >= replicas {
		return c
	}
	return s.grow(replicas)
}

func (s *shape) grow(replicas int) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.curve.Load()
	if old != nil && old.most >= replicas {
		return old // somebody was faster
	}
	service := Service{Law: Lognormal(1, cvNodes[s.key.cv]), Slots: s.key.slots, Sharing: s.key.sharing, Topology: s.key.topology}
	c := service.further(old, ratioOf(s.key.ratio), s.library.nodes[:s.library.doubling(replicas)])
	// Meanwhile the old one may have been dropped, and accounted for.
	was := s.curve.Swap(c)
	s.library.account(c.bytes() - was.bytes())
	return c
}

// mostReplicas is how far curves reach; their last number answers for more.
const mostReplicas = 4096

// mostSlots is up to where slots of a replica are told apart. A curve costs time
// in proportion to replicas and slots: minutes with 10,000. With more slots a
// replica carries as much more, at a load as if it had these. That is careful: at
// a threshold of five services one replica of 512 is loaded to 0.94 instead of
// 0.99, and four to 0.987 instead of 0.998.
const mostSlots = 64

// reach is the number of replicas to ask a curve about, and where it lies.
func (l *Library) reach(replicas int) (int, place) {
	n := min(replicas, mostReplicas)
	return n, l.places[n]
}

// doubling is how many nodes a curve has: to the first from 8, 16, 32, … on.
func (l *Library) doubling(replicas int) int {
	most := 8
	for most < replicas {
		most *= 2
	}
	n, _ := slices.BinarySearch(l.nodes, most)
	return min(n+1, len(l.nodes))
}

// rung is the node at or below a number.
func rung(n int) int {
	last := 1
	for nextNode(last) <= n {
		last = nextNode(last)
	}
	return last
}

// account counts what a curve has grown by, and drops others where all take
// more than the limit: those nobody asked for since the hand went round last
// (second chance).
func (l *Library) account(grown int) {
	if l.held.Add(int64(grown)) <= int64(l.limit) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for turns := 2 * len(l.ring); turns > 0 && l.held.Load() > int64(l.limit); turns-- {
		s := l.ring[l.hand%len(l.ring)]
		l.hand = (l.hand + 1) % len(l.ring)
		if !s.used.Swap(false) {
			dropped := s.curve.Swap(nil)
			l.held.Add(-int64(dropped.bytes()))
		}
	}
}
