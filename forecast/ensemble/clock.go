package ensemble

import "time"

// clock numbers steps. A loop is never quite on time, so the first instant is
// put in the middle of its step: half a step of jitter changes no number.
type clock struct {
	step    time.Duration
	started bool
	newest  time.Time
	phase   time.Duration
	number  int64
}

// gapSteps is after how many missing steps the phase is found anew: a loop
// that was started again runs at another one.
const gapSteps = 10

// patience is how far back an instant may lie and still be only late.
func (c *clock) patience() time.Duration { return max(time.Hour, gapSteps*c.step) }

// setBack reports whether at is so far back that the clock must have been set.
func (c *clock) setBack(at time.Time) bool {
	return c.started && countable(at) && c.newest.Sub(at) > c.patience()
}

// count returns the number of the step that at belongs to, and whether it is a
// later one than the newest.
func (c *clock) count(at time.Time) (int64, bool) {
	if !countable(at) {
		return 0, false
	}
	phase := c.phase
	if !c.started || at.Sub(c.newest) > gapSteps*c.step {
		phase = c.step/2 - time.Duration(modulo(at.UnixNano(), int64(c.step)))
	}
	nanos := at.UnixNano() + int64(phase)
	number := (nanos - modulo(nanos, int64(c.step))) / int64(c.step)
	if c.started && number <= c.number {
		return 0, false
	}
	c.started, c.newest, c.phase, c.number = true, at, phase, number
	return number, true
}

// countable reports whether there is such an instant in nanoseconds.
func countable(at time.Time) bool { return at.Year() >= 1700 && at.Year() <= 2250 }

// modulo is the rest that is at least 0.
func modulo(a, n int64) int64 { return (a%n + n) % n }
