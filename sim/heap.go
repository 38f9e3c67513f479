package sim

import "time"

// due is something that happens at an instant.
type due struct {
	at time.Duration
	id int32
	// turn tells a due that was overtaken from the one that counts.
	turn uint32
}

// heap is a queue of what is due, the earliest first: four children to a
// parent, which takes fewer misses than two, and values instead of an interface.
type heap []due

func (h heap) first() time.Duration {
	if len(h) == 0 {
		return never
	}
	return h[0].at
}

func (h *heap) push(d due) {
	q := append(*h, d)
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) >> 2
		if q[parent].at <= d.at {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = d
	*h = q
}

// pop takes the earliest off.
func (h *heap) pop() due {
	q := *h
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	*h = q
	if len(q) > 0 {
		q.sink(0, last)
	}
	return top
}

// replace takes the earliest off and adds d, in one pass.
func (h heap) replace(d due) { h.sink(0, d) }

// sink puts d at i or below.
func (h heap) sink(i int, d due) {
	n := len(h)
	for {
		child := i<<2 + 1
		if child >= n {
			break
		}
		least, at := child, h[child].at
		for c := child + 1; c < min(child+4, n); c++ {
			if h[c].at < at {
				least, at = c, h[c].at
			}
		}
		if d.at <= at {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = d
}

// filter keeps what keep says.
func (h *heap) filter(keep func(due) bool) {
	all := *h
	*h = all[:0]
	for _, d := range all {
		if keep(d) {
			h.push(d) // never overtakes the reading: it writes at most where was read
		}
	}
}
