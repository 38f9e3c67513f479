package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

var _ web.Actions = (*Controller)(nil)

// errEnding is the answer to whoever asks for something at the end.
var errEnding = errors.New("the controller is ending")

// SetMode sets the mode of a target by hand, over what its document says.
func (c *Controller) SetMode(ctx context.Context, target string, o record.Override) error {
	o.At = c.opts.Clock.Now()
	return c.command(ctx, func(ctx context.Context) error {
		if err := c.setMode(ctx, target, &o); err != nil {
			return err
		}
		c.tell(ctx, record.Event{Type: control.ModeChanged, Target: target, By: o.By, Message: inWords(o)})
		return nil
	})
}

// ClearMode returns a target to the mode of its document.
func (c *Controller) ClearMode(ctx context.Context, target, by string) error {
	return c.command(ctx, func(ctx context.Context) error {
		if err := c.setMode(ctx, target, nil); err != nil {
			return err
		}
		c.tell(ctx, record.Event{Type: control.ModeChanged, Target: target, By: by,
			Message: fmt.Sprintf("back to what the document says: %s", c.services[target].spec.Mode)})
		return nil
	})
}

func (c *Controller) setMode(ctx context.Context, target string, o *record.Override) error {
	r, known := c.services[target]
	if !known {
		return fmt.Errorf("%s: %w", target, web.ErrUnknownTarget)
	}
	if err := r.SetMode(ctx, o); err != nil {
		return err
	}
	c.show()
	return nil
}

// inWords says what was set by hand.
func inWords(o record.Override) string {
	words := string(o.Mode)
	switch {
	case o.Until != nil:
		words += " until " + o.Until.UTC().Format(time.RFC3339)
	case o.Mode == scale.Paused:
		words += " until resumed"
	}
	if o.Reason != "" {
		words += ": " + o.Reason
	}
	return words
}

// command is something for the controller's own goroutine, the owner of the
// services.
type command struct {
	ctx  context.Context
	do   func(context.Context) error
	done chan<- error
}

// command has do called between reloads and returns its answer. What has begun
// is done, although whoever asked may have gone.
func (c *Controller) command(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	select {
	case c.commands <- command{context.WithoutCancel(ctx), do, done}:
	case <-c.ended:
		return errEnding
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-done
}

// tell publishes an event.
func (c *Controller) tell(ctx context.Context, e record.Event) {
	e.At = c.opts.Clock.Now()
	subject := e.Target
	if subject == "" {
		subject = "controller"
	}
	if err := control.Events(c.opts.Bus, subject).Publish(ctx, e); err != nil {
		c.opts.Log.Warn("event lost", slog.String("type", e.Type), slog.Any("error", err))
	}
}
