package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// pauseLook is how long is waited at most between two looks at the time: a
// clock may jump.
const pauseLook = time.Minute

// nextPauseEnd receives when a pause may have ended by itself; nil when none
// will.
func (c *Controller) nextPauseEnd() <-chan time.Time {
	var next time.Time
	for _, r := range c.services {
		if end := r.pauseEnd(); !end.IsZero() && (next.IsZero() || end.Before(next)) {
			next = end
		}
	}
	if next.IsZero() {
		return nil
	}
	return c.opts.Clock.After(min(max(0, next.Sub(c.opts.Clock.Now())), pauseLook))
}

// pauseEnd is when the pause of a service ends by itself; zero: never, or that
// was told.
func (r *running) pauseEnd() time.Time {
	end := r.spec.PausedUntil
	switch {
	case r.override != nil:
		end = r.override.Until
	case r.spec.Mode != scale.Paused:
		end = nil
	}
	if end == nil || end.Equal(r.told) {
		return time.Time{}
	}
	return *end
}

// endPauses tells of pauses whose time is over, once each. The planner has gone
// on by itself: this is for those who look, and for the log.
func (c *Controller) endPauses(ctx context.Context) {
	now := c.opts.Clock.Now()
	for name, r := range c.services {
		end := r.pauseEnd()
		if end.IsZero() || now.Before(end) {
			continue
		}
		r.told = end
		message := "pause ended"
		if r.override != nil {
			message += fmt.Sprintf(": back to what the document says: %s", r.spec.Mode)
			if err := c.setMode(ctx, name, nil); err != nil {
				c.opts.Log.Warn("cannot forget a pause that is over: it is told again after a restart", slog.String("target", name), slog.Any("error", err))
			}
		}
		c.tell(ctx, record.Event{Type: control.ModeChanged, Target: name, Message: message})
	}
}
