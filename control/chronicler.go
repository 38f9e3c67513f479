package control

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/record"
)

// Types of events.
const (
	ControllerStarted = "ControllerStarted"
	ControllerStopped = "ControllerStopped"
	Reloaded          = "Reloaded"
	ReloadRefused     = "ReloadRefused"
	ModeChanged       = "ModeChanged"
	ScaledUp          = "ScaledUp"
	ScaledDown        = "ScaledDown"
	ScaleFailed       = "ScaleFailed"
	FaultBegan        = "FaultBegan"
	FaultEnded        = "FaultEnded"
	ConditionBegan    = "ConditionBegan"
	ConditionEnded    = "ConditionEnded"
)

// Chronicler turns what every target reports and does into events: one when
// something begins and one when it ends.
type Chronicler struct {
	Bus bus.Bus
	Log *slog.Logger

	lasting map[string]map[string]string // by target: what lasts, and its words
}

// Run tells events until ctx is done.
func (c *Chronicler) Run(ctx context.Context) error {
	c.lasting = map[string]map[string]string{}
	reports, err := Reports(c.Bus, All).Subscribe(ctx)
	if err != nil {
		return err
	}
	changes, err := Changes(c.Bus, All).Subscribe(ctx)
	if err != nil {
		return err
	}
	for {
		select {
		case r, open := <-reports:
			if !open {
				return nil
			}
			c.report(ctx, r)
		case a, open := <-changes:
			if !open {
				return nil
			}
			c.changed(ctx, a)
		}
	}
}

// report compares what lasts with what lasted before.
func (c *Chronicler) report(ctx context.Context, r Report) {
	before, now := c.lasting[r.Target], map[string]string{}
	for _, f := range r.Faults {
		now["fault "+f.From] = f.From + " cannot be read: " + f.Error
	}
	if r.Status != nil {
		for _, condition := range r.Status.Conditions {
			now["condition "+condition.Type] = condition.Type + ": " + condition.Message
		}
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, lasts := now[key]; lasts {
			continue
		}
		if unknown(key, r) {
			now[key] = before[key]
			continue
		}
		c.tell(ctx, r.Target, r.At, ended(key), before[key])
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, lasted := before[key]; !lasted {
			c.tell(ctx, r.Target, r.At, began(key), now[key])
		}
	}
	c.lasting[r.Target] = now
}

// unknown reports whether a report says nothing about something that lasted:
// sources are not read each time, and a target that cannot be read has no
// conditions to tell.
func unknown(key string, r Report) bool {
	if isCondition(key) {
		return r.Status == nil
	}
	return !r.Measured && key != "fault target"
}

func isCondition(key string) bool { return key[0] == 'c' }

func began(key string) string {
	if isCondition(key) {
		return ConditionBegan
	}
	return FaultBegan
}

func ended(key string) string {
	if isCondition(key) {
		return ConditionEnded
	}
	return FaultEnded
}

// changed tells what the executor did.
func (c *Chronicler) changed(ctx context.Context, a record.Applied) {
	words := fmt.Sprintf("%d → %d replicas", a.From, a.To)
	switch {
	case a.Error != "":
		c.tell(ctx, a.Target, a.At, ScaleFailed, words+": "+a.Error)
	case a.To > a.From:
		c.tell(ctx, a.Target, a.At, ScaledUp, words)
	case a.To < a.From:
		c.tell(ctx, a.Target, a.At, ScaledDown, words)
	}
}

func (c *Chronicler) tell(ctx context.Context, target string, at time.Time, kind, message string) {
	err := Events(c.Bus, target).Publish(ctx, record.Event{Type: kind, Target: target, At: at, Message: message})
	if err != nil && ctx.Err() == nil {
		c.Log.Error("event lost", slog.String("target", target), slog.Any("error", err))
	}
}
