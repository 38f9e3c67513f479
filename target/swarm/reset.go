package swarm

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// resetTold is how long it is told that somebody else has set the count.
const resetTold = 5 * time.Minute

// count is the one that was asked for, of one service, and what becomes of it.
type count struct {
	keeping bool // what is found is kept
	others  bool // may set it: none is kept
	known   bool // there is one to keep
	of      string
	wanted  int
	unsure  bool // nobody knows whether the order has arrived

	contest replicas.Contest // with somebody else who sets it
	found   int
}

// ask notes an order. One that was lost may be of any service of the name.
func (c *count) ask(service string, n int, lost bool) {
	c.known, c.wanted, c.unsure = !c.others, n, lost
	if service != "" {
		c.of = service
	}
}

// share says whether other controllers may set the count. What they have set is
// theirs, and what was asked for here before is over.
func (c *count) share(others bool) {
	if others != c.others {
		c.others, c.known, c.unsure = others, false, false
		c.contest.Withdraw()
	}
}

// keep says whether the count is kept.
func (v *view) keep(on bool) {
	v.count.keeping = on
	if !on {
		v.count.known, v.count.unsure = false, false
	}
}

// see compares what is found with what was asked for. A service that was made
// anew begins with the count of whoever made it.
func (c *count) see(now time.Time, service string, found int) {
	if c.known && c.of == "" {
		c.of = service
	}
	switch {
	case !c.known || c.of != service:
		c.known, c.unsure = c.keeping && !c.others, false
		c.of, c.wanted = service, found
	case found == c.wanted:
		c.unsure = false
		c.contest.Withdraw()
	case c.unsure:
	default:
		c.contest.Disturb(now)
		c.found = found
	}
}

// due reports whether the count must be put back now.
func (c *count) due(now time.Time, found int) bool {
	return c.known && found != c.wanted && (c.unsure || !now.Before(c.contest.Next()))
}

// done notes that it was put back.
func (c *count) done(now time.Time) {
	if !c.unsure {
		c.contest.Restore(now)
	}
}

// condition says whose count was set aside.
func (c *count) condition(now time.Time) (scale.Condition, bool) {
	last, put := c.contest.Last(), !c.contest.Disturbed()
	if last.IsZero() || now.Sub(last) > resetTold && put {
		return scale.Condition{}, false
	}
	message := fmt.Sprintf("somebody else set %s; ", scale.Count(c.found, "replica"))
	switch {
	case !c.known:
		return scale.Condition{}, false
	case put:
		message += "put back to what was asked for"
	default:
		message += fmt.Sprintf("%d are put back at %s", c.wanted, c.contest.Next().UTC().Format(time.TimeOnly))
	}
	if c.contest.Again() {
		message += "; it was set again and again: is there another autoscaler?"
	}
	return scale.Condition{Type: scale.CountReset, Since: last, Message: message}, true
}
