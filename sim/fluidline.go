package sim

import (
	"math"
	"time"
)

// fluidLine is what waits, in the order of arrival.
type fluidLine struct {
	batches []batch // from head on
	head    int
	count   float64
}

// batch is what arrived evenly between two instants, in seconds.
type batch struct {
	from, to float64
	count    float64
	scored   bool
}

// before is how much of it arrived before an instant.
func (b *batch) before(t float64) float64 {
	if t >= b.to {
		return b.count
	}
	return b.count * max(0, t-b.from) / (b.to - b.from)
}

func (l *fluidLine) waiting() []batch { return l.batches[l.head:] }

func (l *fluidLine) push(b batch) {
	if b.count <= 0 {
		return
	}
	if l.head > len(l.batches)/2 && l.head > 64 {
		l.batches = l.batches[:copy(l.batches, l.batches[l.head:])]
		l.head = 0
	}
	l.batches = append(l.batches, b)
	l.count += b.count
}

// shift takes up to n off the first batch, and how much that was.
func (l *fluidLine) shift(n float64) batch {
	b := &l.batches[l.head]
	taken := *b
	if b.count <= n*(1+1e-12) {
		l.head++
	} else {
		taken.count = n
		taken.to = b.from + (b.to-b.from)*n/b.count
		b.from = taken.to
		b.count -= n
	}
	l.count = max(0, l.count-taken.count)
	if l.head == len(l.batches) {
		l.batches, l.head, l.count = l.batches[:0], 0, 0
	}
	return taken
}

// share takes a share of every batch.
func (l *fluidLine) share(part float64) fluidLine {
	var taken fluidLine
	for i := range l.waiting() {
		b := &l.batches[l.head+i]
		t := *b
		t.count *= part
		b.count -= t.count
		taken.push(t)
	}
	l.count = max(0, l.count-taken.count)
	if part >= 1 {
		l.batches, l.head, l.count = l.batches[:0], 0, 0
	}
	return taken
}

// serveLine serves the first n of a line evenly between two instants.
func (w *Fluid) serveLine(l *fluidLine, n, from, to float64) {
	for pace := (to - from) / n; n > 1e-9 && l.count > 0; {
		b := l.shift(n)
		n -= b.count
		until := from + b.count*pace
		w.serveBatch(b, max(0, from-b.from), max(0, until-b.to))
		from = until
	}
}

// serveBatch answers a batch whose first and last have waited that long.
func (w *Fluid) serveBatch(b batch, first, last float64) {
	const finest = 16 // parts of the threshold
	parts := min(finest, math.Ceil(finest*math.Abs(last-first)/w.law.threshold))
	parts = max(1, parts)
	for i := range int(parts) {
		w.passAfter(b.count/parts, first+(last-first)*(float64(i)+0.5)/parts, b.scored)
	}
}

// giveUp ends the wait of those who have waited for too long.
func (w *Fluid) giveUp(l *fluidLine, now time.Duration) {
	oldest := now.Seconds() - w.patience
	for l.count > 0 {
		n := l.waiting()[0].before(oldest)
		if n <= 0 {
			return
		}
		b := l.shift(n)
		w.fail(b.count, w.patience, b.scored)
	}
}

// leaver is a replica that takes no more work, and what it still has.
type leaver struct {
	slot        int
	from, until time.Duration
	inUse       float64
	line        fluidLine
}

// left ends the life of a leaver after it did a part of its work.
func (w *Fluid) left(l *leaver, part float64) {
	n := l.inUse + l.line.count
	w.away = max(0, w.away-n)
	if len(w.leavers) == 0 {
		w.away = 0
	}
	w.step.counters = counters{}
	w.serveLine(&l.line, l.line.count*part, l.from.Seconds(), l.until.Seconds())
	for l.line.count > 0 {
		b := l.line.shift(l.line.count)
		w.fail(b.count, w.now.Seconds()-b.from, b.scored)
	}
	if lost := l.inUse * (1 - part); lost > 0 {
		w.lost(lost)
	}
	w.step.ended += n
	w.present -= n
	w.total.add(&w.step.counters)
}
