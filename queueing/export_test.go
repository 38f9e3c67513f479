package queueing

import "runtime"

// DemandOf returns [Service.Demand] for a threshold without its check of what
// services alone break: what simulation finds is compared there too.
func DemandOf(s Service, threshold float64) func(rate, share float64) int {
	p := newProfile(s, threshold)
	return func(rate, share float64) int {
		return fewest(int(rate/s.CapacityPerReplica()), func(x int) bool { return p.share(x, rate) <= share })
	}
}

// TwoChoices is the share of replicas with at least k requests under two
// choices.
func TwoChoices(s Service, rho float64) []float64 { return newProfile(s, 6).twoChoices(rho) }

// EveryXthWaits is the share that waits in E_x/M/s, and its σ.
func EveryXthWaits(x, slots int, rho float64) (waits, sigma float64) {
	sigma = everyXth(x, rho)
	return everyXthWaits(x, slots, rho, sigma), sigma
}

// ResponseOf is the mean and three quantiles of the response times with x
// replicas at a load of rho.
func ResponseOf(s Service, threshold float64) func(x int, rho float64) [4]float64 {
	p := newProfile(s, threshold)
	return func(x int, rho float64) [4]float64 {
		r := p.response(x, rho)
		q := p.quantiles(r, []float64{0.5, 0.95, 0.99})
		return [4]float64{r.mean(), q[0], q[1], q[2]}
	}
}

// Counted is how many bytes the curves of a library take, counted anew.
func (l *Library) Counted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := 0
	for _, s := range l.ring {
		sum += s.curve.Load().bytes()
	}
	return sum
}

// DropWhileGrowing waits until the curve of a blend grows, or has grown, and
// drops what may be dropped.
func (l *Library) DropWhileGrowing(b *Blend) {
	for s := b.shapes[0]; s.curve.Load().most < 100 && s.mu.TryLock(); runtime.Gosched() {
		s.mu.Unlock()
	}
	l.account(l.limit)
	l.account(-l.limit)
}
