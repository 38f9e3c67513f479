package sim

import (
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// signal is one series of the target.
type signal struct {
	name   string
	points *series.Ring
	maxAge time.Duration
	window time.Duration
	value  func(s *Scenario, from, to *reading) float64 // nil: not the balancer's
}

// signals lists what is measured, sorted by name.
func signals(s *Scenario) []signal {
	perSecond := func(count func(*reading) float64) func(*Scenario, *reading, *reading) float64 {
		return func(_ *Scenario, from, to *reading) float64 {
			return (count(to) - count(from)) / (to.at - from.at).Seconds()
		}
	}
	concurrency := perSecond(func(r *reading) float64 { return r.inFlight })
	all := []signal{
		{name: scale.Concurrency, value: concurrency},
		{name: scale.CPUUtilization},
		{name: scale.ErrorRate, value: perSecond(func(r *reading) float64 { return r.failed })},
		{name: scale.Latency},
		{name: scale.QueueDepth, value: func(_ *Scenario, _, to *reading) float64 { return to.held }},
		{name: scale.RequestRate, value: perSecond(func(r *reading) float64 { return r.arrived })},
		{name: scale.Utilization, value: func(s *Scenario, from, to *reading) float64 {
			return concurrency(s, from, to) / float64(max(1, to.ready)*s.Service.Slots)
		}},
		{name: scale.ViolationRatio, value: func(_ *Scenario, from, to *reading) float64 {
			return share(to.notGood-from.notGood, to.ended-from.ended)
		}},
	}
	for i := range all {
		x := &all[i]
		x.points = series.NewRing(lookback)
		x.window, x.maxAge = s.Metrics.BalancerWindow, s.maxAge(s.Metrics.BalancerInterval)
		if x.name == scale.CPUUtilization {
			x.window, x.maxAge = s.Metrics.Window, s.maxAge(s.Metrics.Scrape)
		}
	}
	return all
}

// maxAge is how old a signal may be that comes every interval: two may fail.
func (s *Scenario) maxAge(interval time.Duration) time.Duration {
	return max(3*interval, s.Sync, time.Second) + s.Metrics.Delay
}

// observe says what is known now.
func (m *meter) observe(now time.Duration, f *fleet) scale.Observation {
	visible := now - m.scenario.Metrics.Delay
	m.show(visible, f)
	obs := scale.Observation{Target: m.scenario.Name, At: f.clock(now), CurrentReplicas: f.spec, Replicas: m.replicas[:0]}
	cpu, ready, at := 0.0, 0, time.Duration(-1)
	for _, slot := range f.order {
		member := &f.members[slot]
		obs.Replicas = append(obs.Replicas, member.seen)
		r := &obs.Replicas[len(obs.Replicas)-1]
		r.Samples = r.Samples[:0]
		if r.DeletedAt.IsZero() {
			obs.ObservedReplicas++
		}
		if s, ok := m.usage(slot, member, visible); ok {
			r.Samples = append(r.Samples, scale.Sample{Signal: scale.CPUUtilization, Replica: r.ID, At: f.clock(s.at), Window: s.over, Value: s.value})
			if r.TakesWork() {
				cpu, ready, at = cpu+s.value, ready+1, max(at, s.at)
			}
		}
		member.seen.Samples = r.Samples
	}
	m.replicas = obs.Replicas
	if ready > 0 {
		m.signal(scale.CPUUtilization).points.Add(series.Point{At: f.clock(at), Value: cpu / float64(ready)})
	}
	obs.Signals = m.lend(f.clock(now))
	return obs
}

// mean is a value over a window that ends at an instant.
type mean struct {
	at, over time.Duration
	value    float64
}

// usage is the newest CPU utilization of a replica that is known.
func (m *meter) usage(slot int, member *member, visible time.Duration) (mean, bool) {
	if slot >= len(m.usages) || m.usages[slot].number != member.number {
		return mean{}, false
	}
	u := &m.usages[slot]
	last := len(u.past) - 1
	for last >= 0 && u.past[last].at > visible {
		last--
	}
	if last < 0 {
		return mean{}, false
	}
	to, from := u.past[last], scraped{at: u.from}
	for i := last - 1; i >= 0; i-- {
		if to.at-u.past[i].at >= m.scenario.Metrics.Window || i == 0 && u.past[0].at > u.from {
			from = u.past[i]
			break
		}
	}
	over := to.at - from.at
	if over <= 0 {
		return mean{}, false
	}
	used := float64(to.busy-from.busy) / float64(over) / float64(m.scenario.Service.Slots)
	return mean{at: to.at, over: over, value: m.scenario.cpu(used)}, true
}

// cpu is the CPU utilization of a replica whose slots are busy for a share of the time.
func (s *Scenario) cpu(busy float64) float64 {
	full, limit := s.Metrics.CPUFull, s.Metrics.CPULimit
	if full == 0 {
		full = 1
	}
	if limit == 0 {
		limit = 1
	}
	return min(limit, busy*full)
}

// show turns the readings that have become visible into points.
func (m *meter) show(visible time.Duration, f *fleet) {
	for ; m.shown < len(m.readings) && m.readings[m.shown].at <= visible; m.shown++ {
		to := &m.readings[m.shown]
		from := m.before(m.shown, to.at-m.scenario.Metrics.BalancerWindow)
		if from == nil {
			continue
		}
		at := f.clock(to.at)
		for i := range m.signals {
			if x := &m.signals[i]; x.value != nil {
				x.points.Add(series.Point{At: at, Value: x.value(m.scenario, from, to)})
			}
		}
		if m.shown == len(m.readings)-1 || m.readings[m.shown+1].at > visible {
			m.showLatency(at, to.tick)
		}
	}
}

// before is the newest reading not younger than an instant, or the oldest there
// is; nil when it is the i-th itself.
func (m *meter) before(i int, at time.Duration) *reading {
	if i == 0 {
		return nil
	}
	j := i - 1
	for j > 0 && m.readings[j].at > at {
		j--
	}
	return &m.readings[j]
}

// showLatency shows what ended in the window before a tick, and nothing that
// ended since: that is still on its way.
func (m *meter) showLatency(at time.Time, tick int) {
	m.merged.Reset()
	from := max(0, tick-m.window()+1, m.tick-m.ring()+1)
	if m.mixes != nil {
		m.mixes.fill(&m.merged, from, tick)
	} else {
		for k := from; k <= tick; k++ {
			m.merged.Merge(&m.latencies[k%len(m.latencies)])
		}
	}
	m.signal(scale.Latency).points.Add(series.Point{At: at, Value: m.merged.Quantile(0.95)})
}

func (m *meter) signal(name string) *signal {
	for i := range m.signals {
		if m.signals[i].name == name {
			return &m.signals[i]
		}
	}
	panic("sim: no signal " + name)
}

// lend lists the signals as they are known.
func (m *meter) lend(now time.Time) []scale.Signal {
	m.shownSig = m.shownSig[:0]
	for i := range m.signals {
		x := &m.signals[i]
		if m.scenario.Metrics.BalancerOff && x.name != scale.CPUUtilization {
			continue
		}
		s := scale.Signal{Name: x.name, Trust: trust(x, now), Points: x.points.Points(), Window: x.window}
		if x.name == scale.Latency {
			s.Distribution = &m.merged
		}
		m.shownSig = append(m.shownSig, s)
	}
	return m.shownSig
}

func trust(x *signal, now time.Time) scale.Trust {
	newest, ok := x.points.Last()
	switch age := now.Sub(newest.At); {
	case !ok || age > 3*x.maxAge:
		return scale.Absent
	case age > x.maxAge:
		return scale.Stale
	default:
		return scale.Fresh
	}
}
