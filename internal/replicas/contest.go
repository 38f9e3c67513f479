package replicas

import "time"

// How long it is waited before a count that somebody else has set is put back
// once more, and after which time without that it is put back at once again.
const (
	contestMin = time.Second
	contestMax = 5 * time.Minute
	// ContestPeace is as long as it takes for a contest to be over.
	ContestPeace = 10 * time.Minute
)

// Contest is with somebody else who sets the count too: a person does it once,
// another autoscaler again and again. That one is not fought with: the waits
// are 0 s, 1 s, 4 s, 16 s … 5 min.
//
//	        Disturb                Restore
//	calm ────────────► disturbed ───────────► calm, and the next wait is longer
//	                       └─── Withdraw ───► calm
type Contest struct {
	last      time.Time // when the newest round began; zero: nobody ever did
	disturbed bool
	next      time.Time
	wait      time.Duration
	again     bool
}

// Disturb notes that somebody else has set the count, and reports whether that
// is a new round.
func (c *Contest) Disturb(now time.Time) bool {
	if c.disturbed {
		return false
	}
	if now.Sub(c.last) > ContestPeace {
		c.wait, c.again = 0, false
	}
	c.last, c.disturbed = now, true
	return true
}

// Restore notes that the count was put back.
func (c *Contest) Restore(now time.Time) {
	c.disturbed = false
	c.again = c.wait > 0
	c.wait = min(max(contestMin, 4*c.wait), contestMax)
	c.next = now.Add(c.wait)
}

// Withdraw notes that nothing is left to be put back, by nobody's doing of ours.
func (c *Contest) Withdraw() { c.disturbed = false }

// Calm forgets the rounds before: what is done now is not the setting of a
// count, as when all of the service is stopped.
func (c *Contest) Calm() { c.wait, c.again, c.next = 0, false, time.Time{} }

// Insist has the count put back at once: somebody has asked for another one.
func (c *Contest) Insist() { c.next = time.Time{} }

// Disturbed reports whether the count is not yet put back.
func (c *Contest) Disturbed() bool { return c.disturbed }

// Last is when the newest round began; zero: there was none.
func (c *Contest) Last() time.Time { return c.last }

// Next is when the count may be put back again.
func (c *Contest) Next() time.Time { return c.next }

// Again reports whether it was set again and again.
func (c *Contest) Again() bool { return c.again }
