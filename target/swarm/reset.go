package swarm

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// How long it is told that somebody else has set the count, and how long it is
// waited before it is put back once more: whoever sets it again and again is
// not fought with. The wait is the shortest again after a while of peace.
const (
	resetTold = 5 * time.Minute
	waitMin   = time.Second
	waitMax   = 5 * time.Minute
	peace     = 10 * time.Minute
)

// count is the one that was asked for, of one service, and what becomes of it.
type count struct {
	keeping bool // what is found is kept
	known   bool // there is one to keep
	of      string
	wanted  int
	unsure  bool // nobody knows whether the order has arrived

	last      time.Time // when somebody else had set it
	found     int
	restored  bool
	next      time.Time // when it may be put back again
	wait      time.Duration
	contested bool
}

// ask notes an order. One that was lost may be of any service of the name.
func (c *count) ask(service string, n int, lost bool) {
	c.known, c.wanted, c.unsure = true, n, lost
	if service != "" {
		c.of = service
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
		c.known, c.unsure = c.keeping, false
		c.of, c.wanted = service, found
	case found == c.wanted:
		c.unsure = false
		if !c.last.IsZero() && now.Sub(c.last) > peace {
			c.wait, c.contested = 0, false
		}
	case c.unsure:
	case c.last.IsZero() || c.restored:
		c.last, c.found, c.restored = now, found, false
	default:
		c.found = found
	}
}

// due reports whether the count must be put back now.
func (c *count) due(now time.Time, found int) bool {
	return c.known && found != c.wanted && (c.unsure || !now.Before(c.next))
}

// done notes that it was put back.
func (c *count) done(now time.Time) {
	if c.unsure {
		return
	}
	c.restored = true
	c.contested = c.wait > 0
	c.wait = min(max(waitMin, 4*c.wait), waitMax)
	c.next = now.Add(c.wait)
}

// condition says whose count was set aside.
func (c *count) condition(now time.Time) (scale.Condition, bool) {
	if c.last.IsZero() || now.Sub(c.last) > resetTold && c.restored {
		return scale.Condition{}, false
	}
	message := fmt.Sprintf("somebody else set %s; ", scale.Count(c.found, "replica"))
	switch {
	case !c.known:
		return scale.Condition{}, false
	case c.restored:
		message += "put back to what was asked for"
	default:
		message += fmt.Sprintf("%d are put back at %s", c.wanted, c.next.UTC().Format(time.TimeOnly))
	}
	if c.contested {
		message += "; it was set again and again: is there another autoscaler?"
	}
	return scale.Condition{Type: scale.CountReset, Since: c.last, Message: message}, true
}
