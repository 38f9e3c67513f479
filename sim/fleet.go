package sim

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// never is an instant that does not come.
const never = time.Duration(math.MaxInt64)

// stage is where a replica is in its life (see [Replicas]).
type stage uint8

const (
	gone stage = iota
	pending
	starting
	ready
	draining
)

// member is one replica of the fleet.
type member struct {
	number  int // counted from the first one ever
	stage   stage
	created time.Duration
	next    time.Duration // when the stage ends by itself
	seen    scale.Replica // as an observation shows it
}

// host is what runs the replicas' work. Slots are the fleet's indices: each
// member keeps its own until it is gone.
type host interface {
	// open makes room for a replica that is new.
	open(slot int)
	// serve gives work to a replica that has become ready.
	serve(slot int)
	// release takes no more work to it; true when none is left there.
	release(slot int) bool
	// lose drops the work that is left there.
	lose(slot int)
	// load is the work in progress there.
	load(slot int) int
}

// fleet is the replicas of a world and what becomes of them.
type fleet struct {
	scenario *Scenario
	host     host
	members  []member
	order    []int // slots in order of creation, those on their way out included
	free     []int
	created  int // ever
	spec     int
	next     time.Duration // of the next member whose stage ends
	changes  []Change
	// startups and lives are how long starts and lives between crashes take.
	startup func(number, restarts int) time.Duration
}

func newFleet(s *Scenario, h host) *fleet {
	f := &fleet{scenario: s, host: h, next: never}
	f.startup = startups(s)
	n := min(max(s.Replicas.Initial, s.Replicas.Min), s.Replicas.Max)
	for range n {
		slot := f.create(-time.Hour)
		m := &f.members[slot]
		m.seen.StartedAt = f.clock(-time.Hour)
		f.becomeReady(slot, -time.Hour)
		m.next = f.crashAfter(m, 0)
	}
	f.spec = n
	f.settle(0)
	return f
}

// clock is the calendar time of an instant of the run.
func (f *fleet) clock(t time.Duration) time.Time { return f.scenario.Start.Add(t) }

// startups draws how long the starts of a replica take, by its number, so that
// the n-th replica of every policy takes the same time.
func startups(s *Scenario) func(number, restarts int) time.Duration {
	law := lognormal(s.Replicas.Startup.Seconds(), s.Replicas.StartupCV)
	return func(number, restarts int) time.Duration {
		if s.Replicas.StartupCV == 0 {
			return s.Replicas.Startup
		}
		return seconds(law(streamAt(s, "startup", uint64(number)<<16+uint64(restarts)).NormFloat64()))
	}
}

// lognormal returns the value of a lognormal law of that mean and coefficient of
// variation at z standard deviations of its logarithm.
func lognormal(mean, cv float64) func(z float64) float64 {
	variance := math.Log1p(cv * cv)
	mu, sigma := math.Log(mean)-variance/2, math.Sqrt(variance)
	return func(z float64) float64 { return math.Exp(mu + sigma*z) }
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// create adds a replica at an instant and returns its slot.
func (f *fleet) create(at time.Duration) int {
	slot := len(f.members)
	if n := len(f.free); n > 0 {
		slot, f.free = f.free[n-1], f.free[:n-1]
	} else {
		f.members = append(f.members, member{})
	}
	m := &f.members[slot]
	containers := m.seen.Containers
	if containers == nil {
		containers = []scale.Container{{Requests: map[string]int64{"cpu": 1000}}}
	}
	*m = member{number: f.created, stage: pending, created: at, next: at + f.scenario.Replicas.Pending}
	m.seen = scale.Replica{ID: fmt.Sprintf("r-%06d", f.created), Phase: scale.Pending, Containers: containers, Samples: m.seen.Samples[:0]}
	f.created++
	f.host.open(slot)
	f.order = append(f.order, slot)
	return slot
}

// scale asks for n replicas at an instant.
func (f *fleet) scale(n int, at time.Duration) {
	have := 0
	for _, slot := range f.order {
		if f.members[slot].stage != draining {
			have++
		}
	}
	for ; have < n; have++ {
		f.create(at)
	}
	for ; have > n; have-- {
		f.end(f.victim(), at)
	}
	f.spec = n
	f.advance(at)
	f.settle(at)
}

// victim is the replica that goes: one that takes no work yet, the newest
// first, else the one with the least work, the newest of these.
func (f *fleet) victim() int {
	best, least := -1, 0
	for _, slot := range f.order {
		m := &f.members[slot]
		work := -1
		switch m.stage {
		case draining, gone:
			continue
		case ready:
			work = f.host.load(slot)
		}
		if best < 0 || work <= least {
			best, least = slot, work
		}
	}
	return best
}

// end begins the end of a replica.
func (f *fleet) end(slot int, at time.Duration) {
	m := &f.members[slot]
	if m.stage != ready || f.host.release(slot) {
		m.stage = gone
		return
	}
	m.stage, m.next = draining, at+f.scenario.Replicas.Drain
	m.seen.DeletedAt = f.clock(at)
}

// idle tells that no work is left on a replica that drains.
func (f *fleet) idle(slot int, at time.Duration) {
	if f.members[slot].stage == draining {
		f.members[slot].stage = gone
		f.settle(at)
	}
}

// advance ends the stages that end by themselves up to an instant.
func (f *fleet) advance(to time.Duration) {
	for i := 0; i < len(f.order); i++ {
		slot := f.order[i]
		for m := &f.members[slot]; m.stage != gone && m.next <= to; {
			f.turn(slot)
		}
	}
}

// turn ends the stage of a member.
func (f *fleet) turn(slot int) {
	m := &f.members[slot]
	at := m.next
	switch m.stage {
	case pending:
		m.stage = starting
		m.next = at + f.startup(m.number, m.seen.Restarts)
		m.seen.Phase, m.seen.StartedAt = scale.Running, f.clock(at)
		m.seen.Readiness = scale.Readiness{Known: true, Since: f.clock(at)}
	case starting:
		f.becomeReady(slot, at)
		m.next = f.crashAfter(m, at)
	case ready:
		f.crash(slot, at)
	case draining:
		f.host.lose(slot)
		m.stage = gone
	}
}

func (f *fleet) becomeReady(slot int, at time.Duration) {
	m := &f.members[slot]
	m.stage = ready
	m.seen.Phase = scale.Running
	m.seen.Readiness = scale.Readiness{Known: true, Ready: true, Since: f.clock(at)}
	f.host.serve(slot)
}

// crashAfter is when a replica that is ready from at on crashes.
func (f *fleet) crashAfter(m *member, at time.Duration) time.Duration {
	mean := f.scenario.Faults.CrashEvery
	if mean <= 0 {
		return never
	}
	life := streamAt(f.scenario, "crash", uint64(m.number)<<16+uint64(m.seen.Restarts)).ExpFloat64()
	return at + seconds(life*mean.Seconds())
}

func (f *fleet) crash(slot int, at time.Duration) {
	m := &f.members[slot]
	f.host.release(slot)
	f.host.lose(slot)
	m.stage = starting
	m.seen.Restarts++
	m.next = at + f.startup(m.number, m.seen.Restarts)
	m.seen.Readiness = scale.Readiness{Known: true, Since: f.clock(at)}
}

// settle forgets those that are gone, and notes the counts and what comes next.
func (f *fleet) settle(at time.Duration) {
	f.next = never
	c := Change{At: at, Desired: f.spec}
	f.order = slices.DeleteFunc(f.order, func(slot int) bool {
		m := &f.members[slot]
		if m.stage == gone {
			f.free = append(f.free, slot)
			return true
		}
		f.next = min(f.next, m.next)
		c.Billed++
		if m.stage == ready {
			c.Ready++
		}
		return false
	})
	f.note(c)
}

func (f *fleet) note(c Change) {
	if n := len(f.changes); n > 0 {
		last := &f.changes[n-1]
		if last.Desired == c.Desired && last.Ready == c.Ready && last.Billed == c.Billed {
			return
		}
		if last.At == c.At {
			*last = c
			return
		}
	}
	f.changes = append(f.changes, c)
}

// now is the counts as they are.
func (f *fleet) now() Change { return f.changes[len(f.changes)-1] }
