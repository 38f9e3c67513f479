package sim

import "math"

// pass answers requests that no line delays: they meet the law that was found
// last.
func (w *Fluid) pass(n float64, scored bool) {
	w.mixes.add(mix{replicas: w.replicas, rate: w.law.rate, count: n})
	w.answer(n, w.law.violating(), 0, scored)
	if scored {
		w.law.met[w.law.at] += n
	}
}

// passAfter answers requests after a wait in a line. On top of it comes what
// waits by chance.
func (w *Fluid) passAfter(n, wait float64, scored bool) {
	l, replicas, rate, chance := w.law, 1, 0.0, 0.0
	if w.replicas > 0 {
		replicas, rate, chance = w.replicas, l.rate, w.chance/w.capacity
	}
	w.mixes.add(mix{replicas: replicas, rate: rate, wait: wait, count: n})
	w.answer(n, l.curve.Avoidable(replicas, rate, wait*l.perServer*float64(replicas)), wait, scored)
	if !scored {
		return
	}
	for _, times := range exponentialPoints {
		l.delayed.Add(wait+chance*times, n/float64(len(exponentialPoints)))
	}
}

// exponentialPoints are the means of the quarters of an exponential law with
// mean 1.
var exponentialPoints = func() (means [4]float64) {
	primitive := func(q float64) float64 { // ∫ −ln(1−q) dq
		if q == 1 {
			return 1
		}
		return q + (1-q)*math.Log(1-q)
	}
	for i := range means {
		n := float64(len(means))
		means[i] = n * (primitive(float64(i+1)/n) - primitive(float64(i)/n))
	}
	return means
}()

// answer counts requests of which a share violates avoidably.
func (w *Fluid) answer(n, share, wait float64, scored bool) {
	if n > 0 && w.patience < never.Seconds() {
		share = max(share, w.loseHeart(n, wait, scored))
	}
	avoidable, intrinsic := n*share, n*w.intrinsic
	w.step.notGood += avoidable + intrinsic
	if !scored {
		return
	}
	r := &w.score.r
	r.Avoidable += avoidable
	r.Intrinsic += intrinsic
	r.Violations += avoidable + intrinsic
	if w.score.timeline {
		w.score.moment.Requests += n
		w.score.moment.Avoidable += avoidable
	}
}

// loseHeart counts those whose clients are gone before their service ends, and
// returns the share of them that violates although its service alone would not.
func (w *Fluid) loseHeart(n, wait float64, scored bool) float64 {
	lost := n * (1 - w.scenario.Service.Law.CDF(w.patience-wait))
	w.step.failed += lost
	if scored {
		w.score.r.Failed += lost
	}
	return max(0, lost/n-w.intrinsic)
}

// fail counts requests that were never served.
func (w *Fluid) fail(n, took float64, scored bool) {
	w.step.failed += n
	w.step.notGood += n
	w.mixes.add(mix{wait: took, count: n})
	if !scored {
		return
	}
	r := &w.score.r
	r.Failed += n
	r.Violations += n
	r.Intrinsic += n * w.intrinsic
	r.Avoidable += n * (1 - w.intrinsic)
	if w.score.timeline {
		w.score.moment.Requests += n
		w.score.moment.Avoidable += n * (1 - w.intrinsic)
	}
	w.law.failed.Add(took, n)
}

// lost counts requests that were in service on a replica that is lost. When they
// came they were taken for answered.
func (w *Fluid) lost(n float64) {
	w.step.failed += n
	if w.score.on {
		w.score.r.Failed += n
		w.score.r.Violations += n * (1 - w.intrinsic)
		w.score.r.Avoidable += n * (1 - w.intrinsic)
	}
}

// late counts those that wait still, when that is too long already.
func (w *Fluid) late(r *Result) {
	for i := range w.crowds {
		w.lateIn(&w.crowds[i].line, r)
	}
	for i := range w.leavers {
		w.lateIn(&w.leavers[i].line, r)
	}
}

func (w *Fluid) lateIn(l *fluidLine, r *Result) {
	oldest := w.now.Seconds() - w.law.threshold
	for _, b := range l.waiting() {
		if n := b.before(oldest); b.scored && n > 0 {
			r.Violations += n
			r.Intrinsic += n * w.intrinsic
			r.Avoidable += n * (1 - w.intrinsic)
		}
	}
}
