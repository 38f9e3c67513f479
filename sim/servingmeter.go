package sim

import (
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// servingMeter is what is measured of servers of language models: every one is
// scraped at the same time, what they and the balancer counted is put together,
// and arrives late. Gauges (waiting, running, memory) are of the instant of the
// scrape, as a real server's are; rates are differences over the window.
type servingMeter struct {
	scenario *Scenario
	loss     *meter // decides which scrapes are lost
	next     time.Duration

	ended, notGood uint64
	firsts         series.Histogram // times to the first token since the last scrape

	readings []servingReading
	shown    int
	usages   []servingUsage // by slot
	signals  []signal       // sorted by name
	replicas []scale.Replica
	lent     []scale.Signal
	merged   series.Histogram
}

// servingReading is one scrape.
type servingReading struct {
	at                       time.Duration
	arrived, ended, notGood  float64
	generated                float64
	waiting, running, memory float64
	firsts                   series.Histogram
}

// servingUsage is what was scraped of one replica.
type servingUsage struct {
	number int
	from   time.Duration
	past   []servingWork
}

type servingWork struct{ at, busy, cpu time.Duration }

func newServingMeter(s *Scenario) *servingMeter {
	m := &servingMeter{scenario: s, loss: &meter{scenario: s, loss: stream(s, "loss")}, next: phase(s, "scrape", s.Metrics.Scrape)}
	for _, name := range []string{
		scale.CPUUtilization, scale.GPUUtilization, scale.KVCacheUsage, scale.QueueDepth, scale.RequestRate, scale.RunningRequests,
		scale.TimeToFirstToken, scale.TokensPerSecond, scale.ViolationRatio,
	} {
		x := signal{name: name, points: series.NewRing(lookback), maxAge: s.maxAge(s.Metrics.Scrape)}
		switch name {
		case scale.KVCacheUsage, scale.QueueDepth, scale.RunningRequests:
		default:
			x.window = s.Metrics.Window
		}
		m.signals = append(m.signals, x)
	}
	return m
}

// first counts a first token.
func (m *servingMeter) first(took time.Duration, late bool) {
	m.ended++
	if late {
		m.notGood++
	}
	m.firsts.Add(took.Seconds())
}

func (m *servingMeter) fail() { m.ended, m.notGood = m.ended+1, m.notGood+1 }

// turn takes a scrape.
func (m *servingMeter) turn(now time.Duration, w *Serving) {
	m.next += m.scenario.Metrics.Scrape
	if !m.loss.arrives(now) {
		return
	}
	r := servingReading{at: now, arrived: float64(w.next), ended: float64(m.ended), notGood: float64(m.notGood), waiting: float64(len(w.held)), firsts: m.firsts}
	r.generated = float64(w.totals().Generated)
	m.firsts.Reset()
	taking := 0
	for _, slot := range w.fleet.order {
		member, server := &w.fleet.members[slot], w.servers[slot]
		m.scrape(now, slot, member, server)
		r.waiting += float64(server.Waiting())
		r.running += float64(server.Running())
		if member.stage == ready {
			r.memory += server.Usage()
			taking++
		}
	}
	r.memory /= float64(max(1, taking))
	if keep := lookback + 8; len(m.readings) >= 2*keep {
		drop := len(m.readings) - keep
		m.readings = m.readings[:copy(m.readings, m.readings[drop:])]
		m.shown = max(0, m.shown-drop)
	}
	m.readings = append(m.readings, r)
}

func (m *servingMeter) scrape(now time.Duration, slot int, member *member, server *modelServer) {
	for len(m.usages) <= slot {
		m.usages = append(m.usages, servingUsage{number: -1})
	}
	u := &m.usages[slot]
	if u.number != member.number {
		*u = servingUsage{number: member.number, from: max(0, member.created), past: u.past[:0]}
	}
	keep := int((m.scenario.Metrics.Window+m.scenario.Metrics.Delay)/m.scenario.Metrics.Scrape) + 3
	if len(u.past) == 2*keep {
		u.past = u.past[:copy(u.past, u.past[keep:])]
	}
	t := server.Totals()
	u.past = append(u.past, servingWork{now, t.Busy, t.CPU})
}

// observe says what is known now.
func (m *servingMeter) observe(now time.Duration, f *fleet) scale.Observation {
	visible := now - m.scenario.Metrics.Delay
	m.show(visible, f)
	obs := scale.Observation{Target: m.scenario.Name, At: f.clock(now), CurrentReplicas: f.spec, Replicas: m.replicas[:0]}
	gpu, cpu, taking, at := 0.0, 0.0, 0, time.Duration(-1)
	for _, slot := range f.order {
		member := &f.members[slot]
		obs.Replicas = append(obs.Replicas, member.seen)
		r := &obs.Replicas[len(obs.Replicas)-1]
		r.Samples = r.Samples[:0]
		if r.DeletedAt.IsZero() {
			obs.ObservedReplicas++
		}
		if from, to, ok := m.used(slot, member, visible); ok {
			over := to.at - from.at
			used, busy := float64(to.cpu-from.cpu)/float64(over), float64(to.busy-from.busy)/float64(over)
			r.Samples = append(r.Samples,
				scale.Sample{Signal: scale.CPUUtilization, Replica: r.ID, At: f.clock(to.at), Window: over, Value: used},
				scale.Sample{Signal: scale.GPUUtilization, Replica: r.ID, At: f.clock(to.at), Window: over, Value: busy})
			if r.TakesWork() {
				gpu, cpu, taking, at = gpu+busy, cpu+used, taking+1, max(at, to.at)
			}
		}
		member.seen.Samples = r.Samples
	}
	m.replicas = obs.Replicas
	if taking > 0 {
		m.signal(scale.CPUUtilization).points.Add(series.Point{At: f.clock(at), Value: cpu / float64(taking)})
		m.signal(scale.GPUUtilization).points.Add(series.Point{At: f.clock(at), Value: gpu / float64(taking)})
	}
	obs.Signals = m.lend(f.clock(now))
	return obs
}

// used is the newest known work of a replica, over a window.
func (m *servingMeter) used(slot int, member *member, visible time.Duration) (from, to servingWork, ok bool) {
	if slot >= len(m.usages) || m.usages[slot].number != member.number {
		return from, to, false
	}
	u := &m.usages[slot]
	last := len(u.past) - 1
	for last >= 0 && u.past[last].at > visible {
		last--
	}
	if last < 0 {
		return from, to, false
	}
	to, from = u.past[last], servingWork{at: u.from}
	if last > 0 {
		from = u.past[last-1]
	}
	for i := last - 1; i >= 0 && to.at-from.at < m.scenario.Metrics.Window; i-- {
		from = u.past[i]
	}
	return from, to, to.at > from.at
}

// show turns the readings that have become visible into points.
func (m *servingMeter) show(visible time.Duration, f *fleet) {
	for ; m.shown < len(m.readings) && m.readings[m.shown].at <= visible; m.shown++ {
		to := &m.readings[m.shown]
		if m.shown == 0 {
			continue
		}
		from := m.shown - 1
		for from > 0 && to.at-m.readings[from].at < m.scenario.Metrics.Window {
			from--
		}
		m.point(f.clock(to.at), from, m.shown)
	}
}

// point adds what two readings come to.
func (m *servingMeter) point(at time.Time, i, j int) {
	from, to := &m.readings[i], &m.readings[j]
	seconds := (to.at - from.at).Seconds()
	m.merged.Reset()
	for k := i + 1; k <= j; k++ {
		m.merged.Merge(&m.readings[k].firsts)
	}
	for name, value := range map[string]float64{
		scale.KVCacheUsage: to.memory, scale.QueueDepth: to.waiting, scale.RunningRequests: to.running,
		scale.RequestRate: (to.arrived - from.arrived) / seconds, scale.TokensPerSecond: (to.generated - from.generated) / seconds,
		scale.TimeToFirstToken: m.merged.Quantile(0.95), scale.ViolationRatio: share(to.notGood-from.notGood, to.ended-from.ended),
	} {
		m.signal(name).points.Add(series.Point{At: at, Value: value})
	}
}

func (m *servingMeter) signal(name string) *signal {
	for i := range m.signals {
		if m.signals[i].name == name {
			return &m.signals[i]
		}
	}
	panic("sim: no signal " + name)
}

// lend lists the signals as they are known.
func (m *servingMeter) lend(now time.Time) []scale.Signal {
	m.lent = m.lent[:0]
	for i := range m.signals {
		x := &m.signals[i]
		s := scale.Signal{Name: x.name, Trust: trust(x, now), Points: x.points.Points(), Window: x.window}
		if x.name == scale.TimeToFirstToken {
			s.Distribution = &m.merged
		}
		m.lent = append(m.lent, s)
	}
	return m.lent
}
