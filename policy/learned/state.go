package learned

import (
	"math"
	"time"
)

// State is what an agent knows at a decision, in plain numbers. The live policy
// fills it from an observation and the base policy's outlook, the environment of
// training from its own arithmetic; [State.Encode] is the one way from there to
// what a net reads, so the two cannot drift apart.
//
// Nothing in it depends on the size of the service: what a net has learned of
// five replicas it can say of five hundred.
type State struct {
	// Now is what was measured since the decision before.
	Now Moment
	// Base is the count that the base policy wants, at least 1.
	Base float32
	// Ready take work, Current were asked for, Least and Most are the bounds.
	Ready, Current, Least, Most float32
	// Starting are those on their way, by how long ago they were asked for: below a
	// quarter, below half and below the whole of the start-up time, and longer.
	Starting [ages]float32
	// Raised and Lowered are the seconds since the count was.
	Raised, Lowered float32
	// Foreseen says that the base policy looks ahead. Then Peak and Far are the
	// quantiles (50, 90, 99 %) of the highest load until replicas asked for at the
	// next decision serve, and until twice as far, in replicas' worth; Need is how
	// many replicas the base wants for the load alone.
	Foreseen  bool
	Peak, Far [3]float32
	Need      float32
	// Required is how many the present load requires, if nothing more were to come.
	Required float32
	// Calendar is that of the instant, as [Calendar] says it.
	Calendar [4]float32
	// Missed is the share that missed the objective lately (over its window), over
	// what is allowed.
	Missed float32
	// Stale is the age of the newest measurement in seconds.
	Stale float32
	// The service: seconds between decisions, seconds that replicas take to start,
	// requests that one answers within the objective's threshold, the share that
	// may miss it.
	Sync, Startup, Carried, Allowed float32
}

// Moment is what was measured of a service between two decisions.
type Moment struct {
	Load        float32 // what arrives over what the ready replicas carry
	Delay       float32 // time in which they answer what waits beyond the usual, over the threshold
	Utilization float32 // share of the slots in use
	Latency     float32 // 95 % of the answers within, over the threshold
	Late        float32 // share that missed the objective, over what is allowed
}

// Lowest is the fewest replicas that a model may choose. It may do without what
// the base keeps for what is to come, never without what the present load
// requires; and while requests wait, or more are late than may be, it takes nothing
// away. An envelope bounds what a model costs by a model of lines that settle
// at once: lines that grow are prevented here.
func (s *State) Lowest() int {
	if s.Now.Late > 1 || s.Now.Delay > mostDelay {
		return int(s.Base)
	}
	lowest := s.Required
	if lowest > s.Base {
		lowest = s.Base
	}
	if lowest < s.Least {
		lowest = s.Least
	}
	return int(lowest)
}

// mostDelay is how much of the threshold a line may take without being one.
const mostDelay = 0.05

// The layout of an observation. A model says which schema it was trained on and
// is refused by any other.
const (
	// Schema numbers the meaning of an observation; whoever changes what Encode
	// writes counts it up.
	Schema = 1
	// Width is how many numbers an observation has.
	Width = history + details
	// Steps is of how many decisions an agent sees what was measured.
	Steps = 8
	// CalendarAt is where the calendar is in an observation.
	CalendarAt = history + 18
	// CalendarNumbers is how many numbers a calendar has.
	CalendarNumbers = 4

	moment  = 5 // numbers
	history = Steps * moment
	newest  = history - moment
	details = 28
	ages    = 4
)

// Names says what each number of an observation is, in order: "load-7" is the
// load seven decisions before the newest.
func Names() []string {
	var names []string
	for back := Steps - 1; back >= 0; back-- {
		for _, name := range []string{"load", "delay", "utilization", "latency", "late"} {
			if back > 0 {
				name += "-" + string(rune('0'+back))
			}
			names = append(names, name)
		}
	}
	return append(names,
		"ready", "current", "starting<1/4", "starting<1/2", "starting<1", "starting>1",
		"raised", "lowered", "position", "granularity",
		"peak50", "peak90", "peak99", "far50", "far90", "far99", "need", "foreseen",
		"day sin", "day cos", "week sin", "week cos", "missed", "stale",
		"sync", "carried", "allowed", "load of base")
}

// Encode writes the state to row as a net reads it: the steps before move back
// by one, the newest follows, and the rest is written anew. With begins set
// there were none before: all steps are the newest.
//
// Ratios of things that ought to be about equal become (x−1)/(x+1): 0 when they
// are, −1 for nothing, 1 for far too many. What may have any size from 0 on becomes
// x/(1+x). So all lie within −1 … 1; what is no number stays none.
//
// Training does this ten million times a second. To divide is what takes long:
// four divisions are done as one. The least and the most of two are chosen by
// hand, since min and max look for NaN first.
func (s *State) Encode(row []float32, begins bool) {
	row = row[:Width]
	s.remember(row, begins)
	d := row[history:][:details]
	base, pace := s.Base, s.Sync+s.Startup
	ready, current, raised, lowered := inverses(s.Ready+base, s.Current+base, limit(s.Raised)+pace, limit(s.Lowered)+pace)
	d[0], d[1] = (s.Ready-base)*ready, (s.Current-base)*current
	for i, n := range &s.Starting {
		d[2+i] = 0
		if n != 0 { // seldom
			d[2+i] = limit(n) / (limit(n) + base)
		}
	}
	d[6], d[7] = limit(s.Raised)*raised, limit(s.Lowered)*lowered
	room := s.Most - s.Least
	if room < 1 {
		room = 1
	}
	between, each, missed, stale := inverses(room, base, limit(s.Missed)+1, limit(s.Stale)+s.Sync)
	d[8], d[9] = (s.Current-s.Least)*between, each
	s.foretell(d[10:18])
	copy(d[18:22], s.Calendar[:])
	d[22], d[23] = limit(s.Missed)*missed, limit(s.Stale)*stale
	load := limit(s.Now.Load) * s.Ready
	perPace, carried, allowed, loaded := inverses(pace, limit(s.Carried)+10, s.Allowed+0.01, load+base)
	d[24], d[25], d[26] = s.Sync*perPace, limit(s.Carried)*carried, s.Allowed*allowed
	d[27] = (load - base) * loaded
}

// remember writes the newest moment behind those before.
func (s *State) remember(row []float32, begins bool) {
	copy(row[:newest], row[moment:history])
	m := row[newest:history:history]
	load, delay, latency, late := limit(s.Now.Load), limit(s.Now.Delay), limit(s.Now.Latency), limit(s.Now.Late)
	perLoad, perDelay, perLatency, perLate := inverses(load+1, delay+1, latency+1, late+1)
	m[0], m[1], m[2] = (load-1)*perLoad, delay*perDelay, s.Now.Utilization
	m[3], m[4] = (latency-1)*perLatency, late*perLate
	for at := 0; begins && at < newest; at += moment {
		copy(row[at:at+moment], m)
	}
}

// foretell writes what the base policy expects.
func (s *State) foretell(d []float32) {
	d = d[:8]
	if !s.Foreseen {
		clear(d)
		return
	}
	base := s.Base
	a, b, c, need := limit(s.Peak[0]), limit(s.Peak[1]), limit(s.Peak[2]), limit(s.Need)
	perA, perB, perC, perNeed := inverses(a+base, b+base, c+base, need+base)
	d[0], d[1], d[2], d[6], d[7] = (a-base)*perA, (b-base)*perB, (c-base)*perC, (need-base)*perNeed, 1
	a, b, c = limit(s.Far[0]), limit(s.Far[1]), limit(s.Far[2])
	perA, perB, perC, _ = inverses(a+base, b+base, c+base, 1)
	d[3], d[4], d[5] = (a-base)*perA, (b-base)*perB, (c-base)*perC
}

// huge stands for anything beyond: quotients of infinities are no numbers, and the
// product of four must stay one.
const huge = 1e9

// limit keeps x from being beyond all measure.
func limit(x float32) float32 {
	if x > huge {
		return huge
	}
	return x
}

// inverses are 1/a, 1/b, 1/c and 1/d by one division.
func inverses(a, b, c, d float32) (float32, float32, float32, float32) {
	ab, cd := a*b, c*d
	all := 1 / (ab * cd)
	perAB, perCD := all*cd, all*ab
	return perAB * b, perAB * a, perCD * d, perCD * c
}

// Calendar is sine and cosine of the time of day and of the week in UTC, each
// once round: midnight and the end of Sunday are next to each other.
func Calendar(at time.Time) [4]float32 {
	const day, week = 24 * 60 * 60, 7 * 24 * 60 * 60
	const monday = 4 * day // the first one of Unix time
	turn := func(part, whole int64) (sin, cos float32) {
		s, c := math.Sincos(2 * math.Pi * float64(mod(part, whole)) / float64(whole))
		return float32(s), float32(c)
	}
	var c [4]float32
	c[0], c[1] = turn(at.Unix(), day)
	c[2], c[3] = turn(at.Unix()-monday, week)
	return c
}

// mod is the remainder that is at least 0.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
