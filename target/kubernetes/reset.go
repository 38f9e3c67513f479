package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// resetTold is how long it is told that somebody else has set the count.
const resetTold = 5 * time.Minute

// orderLasts is how long an order is given again whose answer was lost: as long
// as it usually takes until the next decision. That one orders it anew, or wants
// something else, of which a target hears nothing where it is the count there is.
const orderLasts = 15 * time.Second

// count is the one that was asked for, of one object, and what becomes of it.
type count struct {
	asked   bool // somebody has said whether it is kept
	keeping bool // what is found is kept
	others  bool // may set it: none is kept
	known   bool // there is one to keep
	of      string
	wanted  int
	unsure  bool      // nobody knows whether the order has arrived
	given   time.Time // when it was given

	contest replicas.Contest // with somebody else who sets it
	found   int
	by      string // who, where the object says so
}

// ask notes an order. One that was lost may be of any object of the name.
func (c *count) ask(now time.Time, uid string, n int, lost bool) {
	c.known, c.wanted, c.unsure, c.given = !c.others, n, lost, now
	if uid != "" {
		c.of = uid
	}
}

// keep says whether the count is kept, and reports whether that is new.
func (c *count) keep(on bool) (isNew bool) {
	isNew = !c.asked || c.keeping != on
	c.asked, c.keeping = true, on
	if !on {
		c.known, c.unsure = false, false
	}
	return isNew
}

// share says whether other controllers may set the count. What they have set is
// theirs, and what was asked for here before is over.
func (c *count) share(others bool) {
	if others != c.others {
		c.others, c.known, c.unsure = others, false, false
		c.contest.Withdraw()
	}
}

// see compares what is found with what was asked for. An object that was made
// anew begins with the count of whoever made it, as does one whose order was lost
// for good, and that of one which somebody else scales is theirs.
func (c *count) see(now time.Time, w kubernetes.Workload, others bool) {
	if c.known && c.of == "" {
		c.of = w.UID
	}
	switch {
	case others:
		c.known, c.unsure = false, false
	case !c.known || c.of != w.UID || c.lapsed(now, w.Replicas):
		c.known, c.unsure = c.keeping && !c.others, false
		c.of, c.wanted = w.UID, w.Replicas
	case w.Replicas == c.wanted:
		c.unsure = false
		c.contest.Withdraw()
	case c.unsure:
	default:
		c.contest.Disturb(now)
		c.found, c.by = w.Replicas, w.CountedBy
	}
}

// lapsed reports whether an order was lost that is too old to be given again.
func (c *count) lapsed(now time.Time, found int) bool {
	return c.unsure && found != c.wanted && now.Sub(c.given) > orderLasts
}

// overwrote notes that an order met a count that nobody had seen: set by
// somebody else since the last look.
func (c *count) overwrote(now time.Time, before kubernetes.Workload) {
	if !c.known || c.unsure || c.of != before.UID || before.Replicas == c.wanted {
		return
	}
	c.contest.Disturb(now)
	c.found, c.by = before.Replicas, before.CountedBy
	c.contest.Restore(now)
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
	if last.IsZero() || !c.known || now.Sub(last) > resetTold && put {
		return scale.Condition{}, false
	}
	who := "somebody else"
	if c.by != "" {
		who += " (" + c.by + ")"
	}
	message := fmt.Sprintf("%s set %s; ", who, scale.Count(c.found, "replica"))
	if put {
		message += "put back to what was asked for"
	} else {
		message += fmt.Sprintf("%d are put back at %s", c.wanted, c.contest.Next().UTC().Format(time.TimeOnly))
	}
	if c.contest.Again() {
		message += "; it was set again and again: is there another autoscaler, or a count in a manifest that is applied again and again?"
	}
	return scale.Condition{Type: scale.CountReset, Since: last, Message: message}, true
}

// set asks for a count. An order whose answer is lost may have been carried
// out: it counts, and is given again if the API server answers soon.
func (v *view) set(ctx context.Context, now time.Time, n int) error {
	if err := v.alone(ctx, now); err != nil {
		if errors.Is(err, kubernetes.ErrUnreachable) && !v.rivals.governs() {
			v.count.ask(now, v.count.of, n, true)
		}
		return err
	}
	v.mark(ctx, n)
	before, after, err := kubernetes.SetReplicas(ctx, v.api, v.ref, n)
	switch {
	case err == nil:
		v.count.overwrote(now, before)
		v.count.ask(now, after.UID, n, false)
	case errors.Is(err, kubernetes.ErrUnreachable):
		v.count.ask(now, before.UID, n, true)
	}
	return err
}

// restore puts the count back where somebody else has set it, and reports
// whether it did.
func (v *view) restore(ctx context.Context, now time.Time) (bool, error) {
	if !v.count.due(now, v.status.SpecReplicas) {
		return false, nil
	}
	if _, _, err := kubernetes.SetReplicas(ctx, v.api, v.ref, v.count.wanted); err != nil {
		return false, err
	}
	lost := v.count.unsure
	v.count.done(now)
	return !lost, nil
}
