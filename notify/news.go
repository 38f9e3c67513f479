package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Group is a kind of news that a receiver may ask for.
type Group string

// Groups of news.
const (
	Scaling    Group = "scaling"    // the count was changed, or could not be
	Conditions Group = "conditions" // something that lasts began or ended
	Mode       Group = "mode"       // paused, resumed, set by hand
	Program    Group = "controller" // started, ended, reloaded
	Advice     Group = "advice"     // what an advisor said, or why nothing
)

// Groups lists all groups.
func Groups() []Group { return []Group{Scaling, Conditions, Mode, Program, Advice} }

// Severity is how much something matters.
type Severity string

// Severities, the least first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

func (s Severity) rank() int { return slices.Index([]Severity{Info, Warning, Critical}, s) }

// News is one thing that receivers are told of.
type News struct {
	// ID is made of what happened, to whom and when: whichever process tells it,
	// and however often, it is the same.
	ID       string
	Type     string // of the event: CamelCase
	Group    Group
	Severity Severity
	Resolved bool   // it tells the end of what had the severity
	Target   string // empty: the controller itself
	At       time.Time
	By       string // who did it; empty: Flyball itself
	Message  string
	// Of a change of the count; From and To are equal in all others.
	From, To int
	Reason   string // of the decision

	changes int       // that it stands for, where it is merged of several
	heard   time.Time // when it was put into an outbox
}

// steps is how many changes it stands for.
func (n *News) steps() int { return max(1, n.changes) }

// about is what a type of event is told as.
type about struct {
	group    Group
	severity Severity
	resolved bool
}

func kinds() map[string]about {
	return map[string]about{
		control.ControllerStarted: {Program, Info, false},
		control.ControllerStopped: {Program, Info, false},
		control.Reloaded:          {Program, Info, false},
		control.ReloadRefused:     {Program, Warning, false},
		control.ModeChanged:       {Mode, Info, false},
		control.ScaledUp:          {Scaling, Info, false},
		control.ScaledDown:        {Scaling, Info, false},
		control.ScaleFailed:       {Scaling, Critical, false},
		control.FaultBegan:        {Conditions, Warning, false},
		control.FaultEnded:        {Conditions, Warning, true},
		control.ConditionBegan:    {Conditions, Warning, false},
		control.ConditionEnded:    {Conditions, Warning, true},
		control.ReplicaEnded:      {Conditions, Warning, false},
		control.AdviceGiven:       {Advice, Info, false},
		control.AdviceFailed:      {Advice, Warning, false},
	}
}

// critical are the conditions of which users notice something.
func critical() []string {
	return []string{scale.CrashLoop, scale.NotReady, scale.BackendsUnreachable, scale.BalancerRefuses, scale.EngineUnreachable}
}

// harmless are those that are part of ordinary work.
func harmless() []string { return []string{scale.RolloutInProgress, "TakenOver"} }

// ofEvent is what is told of an event.
func ofEvent(e *record.Event) News {
	kind, known := kinds()[e.Type]
	if !known { // of another version, or of a target's own
		kind = about{Conditions, Warning, false}
	}
	n := News{Type: e.Type, Group: kind.group, Severity: kind.severity, Resolved: kind.resolved,
		Target: e.Target, At: e.At, By: e.By, Message: e.Message}
	if e.Type == control.ConditionBegan || e.Type == control.ConditionEnded {
		n.Severity = ofCondition(n.Condition())
	}
	n.ID = identify(n.Target, n.Type, n.At, n.Message)
	return n
}

// Condition is the type of the condition that news of one are about.
func (n *News) Condition() string {
	if n.Type != control.ConditionBegan && n.Type != control.ConditionEnded {
		return ""
	}
	word, _, _ := strings.Cut(n.Message, " ")
	return strings.TrimSuffix(word, ":")
}

func ofCondition(kind string) Severity {
	switch {
	case slices.Contains(critical(), kind):
		return Critical
	case slices.Contains(harmless(), kind):
		return Info
	default:
		return Warning
	}
}

// ofChange is what is told of an order to a target.
func ofChange(a *record.Applied) News {
	kind := control.ScaledUp
	switch {
	case a.Error != "":
		kind = control.ScaleFailed
	case a.To < a.From:
		kind = control.ScaledDown
	}
	n := News{Type: kind, Group: Scaling, Severity: kinds()[kind].severity, Target: a.Target, At: a.At,
		From: a.From, To: a.To, Message: fmt.Sprintf("%d → %s", a.From, scale.Count(a.To, "replica"))}
	if a.Error != "" {
		n.Message += ": " + a.Error
	}
	n.ID = identify(n.Target, n.Type, n.At, n.Message)
	return n
}

// identify makes an ID of what happened.
func identify(target, kind string, at time.Time, message string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", target, kind, at.UnixNano(), message))
	return hex.EncodeToString(sum[:16])
}
