package sim

import (
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// metered is a world whose work is measured.
type metered interface {
	counters() counters
	// busy is the slot-time used on a replica since it was ready first.
	busy(slot int) time.Duration
}

// meter is what is measured of a world, as late and as seldom as its scenario
// says: the balancer counts requests for all of the target, and every replica's
// usage is scraped. Readings are of what was counted since the beginning; a
// value is the difference of two of them, so a lost one makes the next window
// longer and nothing else.
type meter struct {
	scenario *Scenario
	loss     *rand.Rand
	next     time.Duration // of the two clocks

	// What the balancer counts; times are sums of instants in nanoseconds,
	// right modulo 2⁶⁴ whatever the length of a run.
	arrived, ended, failed, notGood uint64
	present                         int64
	inFlight                        time.Duration // request-time before t is present·t + inFlight

	report    time.Duration      // next tick of the balancer's clock
	tick      int                // how many there were
	slot      int                // of latencies, the running one
	readings  []reading          // the newest, oldest first
	shown     int                // how many of them are points already
	latencies []series.Histogram // what ended before each tick, in a ring
	mixes     *mixes             // in place of latencies, of a world that knows laws and no times
	merged    series.Histogram

	scrape time.Duration // next tick of the scraper's clock
	usages []usage       // by slot

	signals  []signal // sorted by name
	replicas []scale.Replica
	shownSig []scale.Signal
}

// reading is the counters at an instant.
type reading struct {
	at   time.Duration
	tick int
	counters
	ready int
}

// usage is what was scraped of one replica.
type usage struct {
	number int // of the member
	from   time.Duration
	past   []scraped
}

type scraped struct {
	at   time.Duration
	busy time.Duration
}

// lookback is how many points of a signal an observation carries at most, as in
// the live loop.
const lookback = 120

func newMeter(s *Scenario) *meter {
	m := &meter{scenario: s, loss: stream(s, "loss"), next: never, report: never, scrape: never}
	if s.Metrics.BalancerInterval > 0 {
		m.report = phase(s, "balancer", s.Metrics.BalancerInterval)
	}
	if s.Metrics.Scrape > 0 {
		m.scrape = phase(s, "scrape", s.Metrics.Scrape)
	}
	m.signals = signals(s)
	m.next = min(m.report, m.scrape)
	return m
}

// ticks is how many of the balancer's reports a time covers.
func (m *meter) ticks(over time.Duration) int {
	interval := m.scenario.Metrics.BalancerInterval
	if interval <= 0 {
		return 0
	}
	return int((over + interval - 1) / interval)
}

// window is how many of the balancer's reports its window covers.
func (m *meter) window() int { return max(1, m.ticks(m.scenario.Metrics.BalancerWindow)) }

// ring is of how many ticks the latencies are kept: a reading is looked at when
// it has arrived and a decision is due, and then for its whole window.
func (m *meter) ring() int {
	return m.window() + m.ticks(m.scenario.Metrics.Delay+m.scenario.Sync) + 2
}

// leave counts an attempt that ends.
func (m *meter) leave(now, took time.Duration, notGood, failed bool) {
	m.present--
	m.inFlight += now
	m.ended++
	if notGood {
		m.notGood++
	}
	if failed {
		m.failed++
	}
	if m.report != never {
		m.latencies[m.slot].Add(float64(took) * 1e-9)
	}
}

// counters are what was counted until now.
func (m *meter) counters(now, busy time.Duration, held int) counters {
	return counters{
		arrived: float64(m.arrived), ended: float64(m.ended), failed: float64(m.failed), notGood: float64(m.notGood),
		inFlight: (time.Duration(m.present)*now + m.inFlight).Seconds(), busy: busy.Seconds(), held: float64(held),
	}
}

// turn takes the readings that are due.
func (m *meter) turn(now time.Duration, w metered, f *fleet) {
	if m.report <= now {
		m.report += m.scenario.Metrics.BalancerInterval
		if m.arrives(now) {
			m.read(reading{at: now, tick: m.tick, counters: w.counters(), ready: f.now().Ready})
		}
		m.tick++
		if m.mixes != nil {
			m.mixes.turn(m.tick)
		} else {
			m.slot = m.tick % len(m.latencies)
			m.latencies[m.slot].Reset()
		}
	}
	if m.scrape <= now {
		m.scrape += m.scenario.Metrics.Scrape
		if m.arrives(now) {
			m.scrapeAll(now, w, f)
		}
	}
	m.next = min(m.report, m.scrape)
}

// arrives reports whether a measurement of now ever does.
func (m *meter) arrives(now time.Duration) bool {
	lost := m.scenario.Faults.MetricLoss > 0 && m.loss.Float64() < m.scenario.Faults.MetricLoss
	for _, outage := range m.scenario.Faults.Outages {
		lost = lost || now >= outage.From && now < outage.To
	}
	return !lost
}

// read keeps a reading, and forgets those that have long been looked at and no
// window reaches back to.
func (m *meter) read(r reading) {
	if keep := lookback + m.ring(); len(m.readings) >= 2*keep {
		drop := len(m.readings) - keep
		m.readings = m.readings[:copy(m.readings, m.readings[drop:])]
		m.shown = max(0, m.shown-drop)
	}
	m.readings = append(m.readings, r)
}

func (m *meter) scrapeAll(now time.Duration, w metered, f *fleet) {
	for len(m.usages) < len(f.members) {
		m.usages = append(m.usages, usage{number: -1})
	}
	keep := int((m.scenario.Metrics.Window+m.scenario.Metrics.Delay)/m.scenario.Metrics.Scrape) + 3
	for _, slot := range f.order {
		member, u := &f.members[slot], &m.usages[slot]
		if u.number != member.number {
			*u = usage{number: member.number, from: max(0, member.created), past: u.past[:0]}
		}
		if len(u.past) == 2*keep {
			u.past = u.past[:copy(u.past, u.past[keep:])]
		}
		u.past = append(u.past, scraped{now, w.busy(slot)})
	}
}
