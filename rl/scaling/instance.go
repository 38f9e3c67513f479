package scaling

import (
	"math"
	"math/rand/v2"

	"github.com/flyball-io/flyball/policy/learned"
)

// instance is a service on a workload, between two decisions.
type instance struct {
	workload *Workload
	at       int32   // decision that is due
	left     int32   // decisions of the episode
	price    int32   // number of that of its violations
	base     int32   // count that the base wants at it
	lowest   int32   // that may be chosen
	slower   float32 // how much less than believed a replica really carries
	faster   float32 // 1 over it
	begins   bool
	fluid    fluid
	last     cell    // at the end of the newest interval
	missed   float32 // share over the objective's window, over what is allowed
	// raised and lowered are decisions since the count was.
	raised, lowered float32
	drain, drained  int32   // what a backlog needed last, and decisions since
	turn            [2]turn // of the clock, by part of a day and of a week
	row             [learned.Width]float32
}

// turn is a rotation of sine and cosine of a time; the zero value is none.
type turn struct{ sin, less float32 } // less: 1 − cosine

func anyTurn(r *rand.Rand) turn {
	sin, cos := math.Sincos(2 * math.Pi * r.Float64())
	return turn{float32(sin), float32(1 - cos)}
}

// of rotates sine and cosine of a time.
func (t turn) of(sin, cos float32) (float32, float32) {
	turned := 1 - t.less
	return sin*turned + cos*t.sin, cos*turned - sin*t.sin
}

// never is decisions since what never was.
const never = 1e8

// begin begins an episode at a decision of a workload, with as many replicas as
// its base holds, all ready, and no line.
func (c *instance) begin(w *Workload, at int, slower float32) {
	*c = instance{workload: w, at: int32(at), slower: slower, faster: 1 / slower, begins: true, raised: never, lowered: never, drained: never, row: c.row}
	c.fluid.ready = w.start(at)
	m := &w.moments[at]
	c.last = w.law.steady(int(c.fluid.ready), m.seen*slower, float32(c.fluid.ready)*w.law.carried)
}

// wants is the count of the base policy: its need for the forecast, or for a
// backlog, and what it would be dearer to let go (see package predictive).
func (c *instance) wants() int32 {
	w, f := c.workload, &c.fluid
	m := &w.moments[c.at]
	need, held := m.need, m.held
	c.drained++
	recent := float32(c.drained)*w.seconds <= m.startup
	if recent || f.line+f.second > 0 {
		now := c.drains(m)
		if now >= c.drain || !recent {
			c.drain, c.drained = now, 0
		}
		need, held = max(need, now), max(held, c.drain)
	}
	return w.clamp(max(need, min(held, f.current())))
}

// drains is how many replicas answer a backlog within the base's time for it.
func (c *instance) drains(m *moment) int32 {
	w, f := c.workload, &c.fluid
	serving := float32(f.ready) + float32(f.starting)/2
	backlog := f.line + f.second + (m.seen-m.each*serving)*m.startup
	if f.line+f.second < 1 || backlog < 1 {
		return 0
	}
	wanted := (m.seen + backlog/w.drain) / m.each
	return ceil(min(wanted, 2*float32(ceil(m.seen/m.each))+1))
}

func ceil(x float32) int32 {
	n := int32(x)
	if float32(n) < x {
		n++
	}
	return n
}

// result is what an interval came to.
type result struct {
	paid      int32 // replicas, from asking on
	avoidable float32
}

// act sets the count and plays the interval after the decision that is due.
func (c *instance) act(n int32, startup float32) result {
	w := c.workload
	c.raised++
	c.lowered++
	switch now := c.fluid.current(); {
	case n > now:
		c.raised = 0
	case n < now:
		c.lowered = 0
	}
	if n != c.fluid.current() {
		c.fluid.scale(n, startup, w.topology)
	}
	// Replicas that carry less are as many as before that get more.
	o := c.fluid.play(w.law, w.topology, w.moments[c.at].rate*c.slower, w.seconds)
	c.last = o.last
	late := (o.last.avoidable + w.law.intrinsic) * w.perAllowed
	c.missed = learned.Miss(c.missed, late, w.window)
	return result{c.fluid.current(), o.avoidable * c.faster}
}

// observe writes what an agent sees at the decision that is due.
func (c *instance) observe(row []float32) {
	c.base = c.wants()
	var s learned.State
	c.state(&s)
	s.Encode(c.row[:], c.begins)
	c.lowest = int32(s.Lowest())
	c.begins = false
	copy(row, c.row[:])
}

// state fills in what an agent knows.
func (c *instance) state(s *learned.State) {
	w, f := c.workload, &c.fluid
	m := &w.moments[c.at]
	s.Base, s.Ready, s.Current = float32(max(1, c.base)), float32(f.ready), float32(f.current())
	s.Least, s.Most = float32(w.least), float32(w.most)
	s.Raised, s.Lowered = c.raised*w.seconds, c.lowered*w.seconds
	s.Foreseen, s.Peak, s.Far, s.Need = m.peak[0] > 0, m.peak, m.far, float32(m.need)
	s.Required = float32(m.now)
	s.Calendar[0], s.Calendar[1] = c.turn[0].of(m.turns[0], m.turns[1])
	s.Calendar[2], s.Calendar[3] = c.turn[1].of(m.turns[2], m.turns[3])
	s.Missed, s.Stale, s.Sync, s.Startup = c.missed, m.stale, w.seconds, m.startup
	s.Carried, s.Allowed = m.each*w.law.threshold, w.allowed
	ready := s.Ready
	if f.ready == 0 {
		ready = 0.5 // as learned.Measure has it
	}
	perCarried := 1 / (ready * m.each)
	s.Now.Load, s.Now.Utilization = m.seen*perCarried, c.last.used
	if c.last.used > 2 {
		s.Now.Utilization = 2
	}
	if f.line+f.second > 0 {
		s.Now.Delay = (f.line + f.second) * perCarried * w.law.perThreshold
	}
	s.Now.Latency, s.Now.Late = c.last.latency, (c.last.avoidable+w.law.intrinsic)*w.perAllowed
	if f.starting > 0 {
		c.ages(s)
	}
}

// ages counts those on their way by how long ago they were asked for.
func (c *instance) ages(s *learned.State) {
	w, f := c.workload, &c.fluid
	startup := w.moments[c.at].startup
	for k := range f.ahead + 1 {
		if b := f.batch(k); b.replicas > 0 {
			s.Starting[learned.Age(float32(b.asked-k)*w.seconds, startup)] += float32(b.replicas)
		}
	}
}
