package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/queueing"
)

// stream returns the random numbers of one purpose. They depend on the seed and
// the scenario's name alone, so that every policy meets the same chances.
func stream(s *Scenario, purpose string) *rand.Rand {
	return rand.New(rand.NewPCG(s.Seed, key(s.Name, purpose)))
}

// streamAt returns the random numbers of the n-th thing of a purpose, whatever
// happened to those before it.
func streamAt(s *Scenario, purpose string, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.Seed^(n*0x9e3779b97f4a7c15), key(s.Name, purpose)))
}

func key(parts ...string) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// phase returns when a clock of that period ticks first.
func phase(s *Scenario, purpose string, period time.Duration) time.Duration {
	return time.Duration(stream(s, purpose).Float64() * float64(period))
}

// services draws how long one service after the other takes, at least 1 ns. It
// draws many at once: half the cost of drawing each when it is asked for.
type services struct {
	random *rand.Rand
	draw   func(*rand.Rand) float64
	ready  [256]time.Duration
	next   int
}

func newServices(s *Scenario) *services {
	d := &services{random: stream(s, "services"), draw: queueing.Sampler(s.Service.Law)}
	d.next = len(d.ready)
	return d
}

func (d *services) take() time.Duration {
	if d.next == len(d.ready) {
		d.fill()
	}
	service := d.ready[d.next]
	d.next++
	return service
}

func (d *services) fill() {
	for i := range d.ready {
		d.ready[i] = max(1, seconds(d.draw(d.random)))
	}
	d.next = 0
}
