package series

import "time"

// Ring keeps the newest points of one series, oldest first, in a fixed
// amount of memory.
//
// The points are kept in a buffer of twice the capacity and slid back when it
// is full, so Points is always one contiguous slice and Add costs O(1)
// amortised without allocating.
type Ring struct {
	buf   []Point
	start int
	size  int
}

// NewRing returns a ring of at most capacity points; capacity must be above 0.
func NewRing(capacity int) *Ring {
	if capacity <= 0 {
		panic("series: ring capacity must be above 0")
	}
	return &Ring{buf: make([]Point, 0, 2*capacity), size: capacity}
}

// Add appends p. A point that is not newer than the newest one replaces it
// when the times are equal and is dropped otherwise: series never go back.
func (r *Ring) Add(p Point) {
	if n := len(r.buf); n > r.start {
		newest := &r.buf[n-1]
		if p.At.Equal(newest.At) {
			*newest = p
			return
		}
		if p.At.Before(newest.At) {
			return
		}
	}
	if len(r.buf) == cap(r.buf) {
		kept := copy(r.buf[:cap(r.buf)], r.buf[r.start:])
		r.buf, r.start = r.buf[:kept], 0
	}
	r.buf = append(r.buf, p)
	if len(r.buf)-r.start > r.size {
		r.start++
	}
}

// Points returns the kept points, oldest first. The slice belongs to the ring
// and is valid until the next call of Add or DropBefore.
func (r *Ring) Points() []Point { return r.buf[r.start:] }

// DropBefore forgets the points older than t.
func (r *Ring) DropBefore(t time.Time) {
	for r.start < len(r.buf) && r.buf[r.start].At.Before(t) {
		r.start++
	}
}

// Last returns the newest point, and whether there is one.
func (r *Ring) Last() (Point, bool) {
	if r.start == len(r.buf) {
		return Point{}, false
	}
	return r.buf[len(r.buf)-1], true
}
