package app

import (
	"context"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/web"
)

// busLooked is the time between two looks at whether the bus can be reached.
const busLooked = time.Second

// watchBus shows when the bus between the roles cannot be reached: who hears
// nothing would otherwise show what was as if it were now.
func (c *Controller) watchBus(ctx context.Context) error {
	far, watched := c.opts.Bus.(bus.Watched)
	if !watched {
		<-ctx.Done()
		return nil
	}
	ticker := c.opts.Clock.NewTicker(busLooked)
	defer ticker.Stop()
	w := &outages{show: c.dashboard, tells: c.opts.has(roles.Dashboard), clock: c.opts.Clock.Now,
		publish: func(e record.Event) error { return control.Events(c.opts.Bus, "controller").Publish(ctx, e) }}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			w.look(far.Away())
		}
	}
}

// outages tells of the times without a bus. Of all processes the one with the
// dashboard does, at once on its own pages and to the others when the bus is
// back.
type outages struct {
	show    *web.Server
	tells   bool
	clock   func() time.Time
	publish func(record.Event) error

	away   bool
	untold []record.Event // to the others, oldest first
}

// look takes what is known of the bus now.
func (o *outages) look(since time.Time, why error) {
	if why != nil {
		why = fmt.Errorf("away, so nothing is heard of the other roles and nothing is decided until it is back: %w", why)
	}
	o.show.BusAway(since, why)
	switch away := why != nil; {
	case away && !o.away:
		o.note(record.Event{Type: control.FaultBegan, At: since, Message: "the bus between the roles is " + why.Error()})
	case !away && o.away:
		o.note(record.Event{Type: control.FaultEnded, At: o.clock(), Message: "the bus between the roles is back"})
	}
	o.away = why != nil
	for !o.away && len(o.untold) > 0 && o.publish(o.untold[0]) == nil {
		o.untold = o.untold[1:]
	}
}

func (o *outages) note(e record.Event) {
	if !o.tells {
		return
	}
	o.show.Happened(e)
	o.untold = append(o.untold, e)
}
