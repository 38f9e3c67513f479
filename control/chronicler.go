package control

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
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
	ReplicaEnded      = "ReplicaEnded"
	// Of whom is asked about a target, told by who asks.
	AdviceGiven  = "AdviceGiven"
	AdviceFailed = "AdviceFailed"
)

// Chronicler turns what every target reports and does into events: one when
// something begins and one when it ends.
type Chronicler struct {
	Bus bus.Bus
	Log *slog.Logger
	// SpeaksFor reports whether it is this one that tells of a target, where
	// there are several; nil: it is.
	SpeaksFor func(target string) bool

	lasting map[string]map[string]string // by target: what lasts, and its words
	before  map[string]*target.Status    // by target: as reported last
}

// Run tells events until ctx is done.
func (c *Chronicler) Run(ctx context.Context) error {
	c.lasting, c.before = map[string]map[string]string{}, map[string]*target.Status{}
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
			c.losses(ctx, r)
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
		c.tell(ctx, r.Target, r.At, ended(key), over(key))
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

// over says what has ended.
func over(key string) string {
	_, what, _ := strings.Cut(key, " ")
	if isCondition(key) {
		return what + " is over"
	}
	return what + " can be read again"
}

// losses tells of replicas that ended without having been told to.
func (c *Chronicler) losses(ctx context.Context, r Report) {
	if r.Status == nil {
		return
	}
	before := c.before[r.Target]
	c.before[r.Target] = r.Status
	if before == nil {
		return
	}
	for i := range before.Replicas {
		if was := &before.Replicas[i]; was.Phase == scale.Running && was.DeletedAt.IsZero() && lost(was, before, r.Status) {
			c.tell(ctx, r.Target, r.At, ReplicaEnded, was.ID+" ended without having been told to")
		}
	}
}

// lost reports whether a replica that ran ended by itself. One that is gone
// altogether, or whose remains are being taken away, may have been told to and
// have ended between two reports: when the count went down, or replicas are
// being replaced.
func lost(was *scale.Replica, before, now *target.Status) bool {
	i := slices.IndexFunc(now.Replicas, func(r scale.Replica) bool { return r.ID == was.ID })
	if i < 0 || (now.Replicas[i].Phase != scale.Running && !now.Replicas[i].DeletedAt.IsZero()) {
		return now.SpecReplicas >= before.SpecReplicas && !rolling(before) && !rolling(now)
	}
	is := &now.Replicas[i]
	return is.DeletedAt.IsZero() && (is.Phase != scale.Running || is.Restarts > was.Restarts)
}

func rolling(s *target.Status) bool {
	return slices.ContainsFunc(s.Conditions, func(c scale.Condition) bool { return c.Type == scale.RolloutInProgress })
}

// changed tells what the executor did.
func (c *Chronicler) changed(ctx context.Context, a record.Applied) {
	words := fmt.Sprintf("%d → %s", a.From, scale.Count(a.To, "replica"))
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
	if c.SpeaksFor != nil && !c.SpeaksFor(target) {
		return
	}
	err := Events(c.Bus, target).Publish(ctx, record.Event{Type: kind, Target: target, At: at, Message: message})
	if err != nil && ctx.Err() == nil {
		c.Log.Error("event lost", slog.String("target", target), slog.Any("error", err))
	}
}
