package sim

import (
	"time"

	"github.com/flyball-io/flyball/series"
)

// counters are what was counted since the beginning.
type counters struct {
	arrived, ended, failed, notGood float64
	inFlight                        float64 // request-seconds in progress
	busy                            float64 // slot-seconds used
	held                            float64 // waiting for any replica, now
}

// add adds what a step counted. What is held is of now and no sum.
func (c *counters) add(step *counters) {
	c.addPart(step, 1)
}

// addPart adds a part of what a step counts.
func (c *counters) addPart(step *counters, part float64) {
	c.arrived += step.arrived * part
	c.ended += step.ended * part
	c.failed += step.failed * part
	c.notGood += step.notGood * part
	c.inFlight += step.inFlight * part
	c.busy += step.busy * part
	c.held = step.held
}

// score counts what a run comes to.
type score struct {
	scenario *Scenario
	timeline bool
	on       bool
	edges    []time.Duration // at which scoring begins or ends
	next     time.Duration
	r        Result
	shown    Result
	waits    time.Duration // sum of the times before services began

	// The moment of the timeline that is being counted.
	moment     Moment
	began      counters
	latency    series.Histogram
	momentEnds time.Duration
}

func newScore(s *Scenario) score {
	c := score{scenario: s, timeline: s.Timeline > 0, on: s.scored(0), momentEnds: never}
	if s.Warmup > 0 {
		c.edges = append(c.edges, s.Warmup)
	}
	for _, gap := range s.Gaps {
		c.edges = append(c.edges, gap.From, gap.To)
	}
	if s.Timeline > 0 {
		c.momentEnds = s.Timeline
	}
	c.arm()
	return c
}

func (c *score) arm() {
	c.next = c.momentEnds
	for _, edge := range c.edges {
		c.next = min(c.next, edge)
	}
}

// turn begins or ends scoring, and closes a moment of the timeline.
func (c *score) turn(now time.Duration, total counters, counts Change) {
	for i := 0; i < len(c.edges); i++ {
		if c.edges[i] <= now {
			c.edges = append(c.edges[:i], c.edges[i+1:]...)
			i--
		}
	}
	c.on = c.scenario.scored(now)
	if c.momentEnds <= now {
		c.closeMoment(now, total, counts)
		c.momentEnds += c.scenario.Timeline
	}
	c.arm()
}

func (c *score) closeMoment(now time.Duration, total counters, counts Change) {
	m := c.moment
	span := (now - m.At).Seconds()
	m.Desired, m.Ready, m.Billed = counts.Desired, counts.Ready, counts.Billed
	m.RequestRate = (total.arrived - c.began.arrived) / span
	if slots := float64(m.Ready*c.scenario.Service.Slots) * span; slots > 0 {
		m.Utilization = min(1, (total.busy-c.began.busy)/slots)
	}
	m.P95 = c.latency.Quantile(0.95)
	c.r.Timeline = append(c.r.Timeline, m)
	c.moment, c.began = Moment{At: now}, total
	c.latency.Reset()
}

// request counts one that arrives.
func (c *score) request(scored bool) {
	if scored {
		c.r.Requests++
	}
}

// waited counts the time before a service began.
func (c *score) waited(r *request, now time.Duration) {
	if r.scored {
		c.waits += now - r.since
	}
}

// answer counts one that was served after some time.
func (c *score) answer(r *request, took time.Duration, violated bool) {
	seconds := float64(took) * 1e-9
	c.r.Latencies.count(seconds)
	if c.timeline {
		c.latency.Add(seconds)
		c.moment.Requests++
	}
	if violated {
		c.violation(r)
	}
}

// fail counts one that never was.
func (c *score) fail(r *request, took time.Duration) {
	c.r.Failed++
	c.r.Latencies.Add(took.Seconds(), 1)
	if c.timeline {
		c.latency.Add(took.Seconds())
		c.moment.Requests++
	}
	c.violation(r)
}

func (c *score) violation(r *request) {
	c.r.Violations++
	if r.slow {
		c.r.Intrinsic++
		return
	}
	c.r.Avoidable++
	c.moment.Avoidable++
}

// result sums up what happened until now.
func (c *score) result(now time.Duration, changes []Change, events uint64) *Result {
	r := &c.shown
	*r = c.r
	r.Changes, r.Events, r.Waited = changes, events, c.waits.Seconds()
	for i, change := range changes {
		until := now
		if i+1 < len(changes) {
			until = changes[i+1].At
		}
		scored := c.scenario.scoredWithin(change.At, until)
		r.Scored += scored
		r.ReplicaSeconds += float64(change.Billed) * scored.Seconds()
	}
	return r
}

// late counts one that waits still, when that is too long already.
func (r *Result) late(slow bool) {
	r.Violations++
	if slow {
		r.Intrinsic++
	} else {
		r.Avoidable++
	}
}
