package workload

import (
	"sort"
	"time"
)

// pieces is a shape put together from straight lines, with a running sum in
// front of each so that Expected costs one search.
type pieces struct {
	pieces []piece
	length float64 // seconds
	total  float64 // requests
	// step is the usual length of a piece: a first guess when searching.
	step float64
}

// piece is one straight line from rate from to rate to.
type piece struct {
	start    float64 // seconds
	length   float64 // seconds
	from, to float64 // requests per second at both ends
	before   float64 // requests expected before start
}

// add appends a line of that length in seconds.
func (p *pieces) add(length, from, to float64) {
	if !(length > 0) {
		return
	}
	p.pieces = append(p.pieces, piece{start: p.length, length: length, from: from, to: to, before: p.total})
	p.length += length
	p.total += (from + to) / 2 * length
	p.step = p.length / float64(len(p.pieces))
}

// at returns the piece that holds second s, which must lie in [0, length).
func (p *pieces) at(s float64) *piece {
	if guess := int(s / p.step); guess < len(p.pieces) {
		if g := &p.pieces[guess]; s >= g.start && s < g.start+g.length {
			return g
		}
	}
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].start > s })
	return &p.pieces[max(0, i-1)]
}

// Rate implements [Shape].
func (p *pieces) Rate(t time.Duration) float64 {
	s := t.Seconds()
	if t < 0 || t >= p.Duration() || s >= p.length {
		return 0
	}
	g := p.at(s)
	return g.from + (g.to-g.from)*(s-g.start)/g.length
}

// Expected implements [Shape].
func (p *pieces) Expected(t time.Duration) float64 {
	s := t.Seconds()
	if t <= 0 || len(p.pieces) == 0 {
		return 0
	}
	if s >= p.length {
		return p.total
	}
	g := p.at(s)
	in := s - g.start
	return g.before + in*(g.from+(g.to-g.from)*in/(2*g.length))
}

// Duration implements [Shape].
func (p *pieces) Duration() time.Duration { return fromSeconds(p.length) }
