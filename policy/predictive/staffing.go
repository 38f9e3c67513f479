package predictive

import "math"

// expected is the share of the requests that is expected to violate avoidably
// with so many replicas, over all that may arrive until the horizon:
//
//	E[λ·v(x,λ)] / E[λ],   v(x,λ) = the queueing model's share at a rate λ
//
// More than the replicas carry has no steady state: what they leave waits, on average
// half of what comes together until further replicas serve. It is the
// newsvendor's trade (Arrow, Harris, Marschak 1951) with the
// objective's share as the price: no quantile has to be chosen, a wide forecast
// asks for more by itself and one that is sure for no more than the queue needs.
func (p *Policy) expected(replicas int) float64 {
	late, all := 0.0, 0.0
	staffed := p.learner.With(replicas)
	carried, wait := float64(replicas)*p.learner.PerReplica(), (p.startup()+p.env.Sync).Seconds()/2
	for i, rate := range p.load.peak {
		arrive := p.load.weights[i] * rate
		late += arrive * staffed.Avoidable(rate, max(0, rate-carried)*wait)
		all += arrive
	}
	if all == 0 {
		return 0
	}
	return late / all
}

// staff is the fewest replicas with which no more than the share is expected to
// violate; most + 1 when that many would not do. It looks around the last answer:
// doubles the distance until the answer is between two counts, and then halves it.
func (p *Policy) staff(share float64, most int) int {
	high := max(1, min(p.staffed, most+1))
	low := high - 1
	kept := func(replicas int) bool { return replicas > most || p.expected(replicas) <= share }
	for step := 1; !kept(high); step *= 2 {
		low, high = high, min(most+1, high+step)
	}
	for step := 1; low > 0 && kept(low); step *= 2 {
		low, high = max(0, low-step), low
	}
	for low+1 < high {
		if middle := (low + high) / 2; kept(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	p.staffed = high
	return high
}

// drain is the fewest replicas that answer a backlog in the time for it, once
// they are ready. Until then it goes on growing by what the ready ones cannot
// carry. It is at most twice what the load itself takes: a long line at one
// replica is not shortened by others.
func (p *Policy) drain(rate, serving float64) (replicas int, backlog float64) {
	each := p.learner.PerReplica()
	wait := p.startup().Seconds()
	backlog = p.learner.Backlog()
	backlog = max(0, backlog+(rate-each*serving)*wait)
	if backlog < 1 || each <= 0 {
		return 0, 0
	}
	wanted := (rate + backlog/p.cfg.Drain.Std().Seconds()) / each
	return int(math.Ceil(min(wanted, 2*math.Ceil(rate/each)+1))), backlog
}
