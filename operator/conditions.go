package operator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/kubernetes"
)

// Types of conditions. The first three are a HorizontalPodAutoscaler's, with
// its reasons where what they tell is the same; what a target or a guard tells
// has a type of its own each.
const (
	ableToScale    = "AbleToScale"
	scalingActive  = "ScalingActive"
	scalingLimited = "ScalingLimited"
	readyType      = "Ready"
	dataFresh      = "DataFresh"
)

const (
	yes     = "True"
	no      = "False"
	unknown = "Unknown"
)

// compose puts into a status what is known now.
func (e *entry) compose(now time.Time) v1alpha1.Status {
	s := e.status
	s.ObservedGeneration = e.object.GetGeneration()
	s.Target = cmp.Or(e.target, s.Target)
	s.Shadows, s.Forecast = nil, ""
	if d := e.decided; d != nil {
		s.Mode = d.Mode
		s.CurrentReplicas, s.DesiredReplicas, s.ReadyReplicas = new(d.Decision.CurrentReplicas), new(d.Decision.DesiredReplicas), new(d.Seen.Ready)
		if c := e.changed; c != nil && c.Error == "" && !c.At.Before(d.Decision.At) {
			s.CurrentReplicas = new(c.To)
		}
		s.Reason, s.Message = d.Decision.Reason.Code, d.Decision.Reason.String()
		for _, shadow := range d.Shadows {
			s.Shadows = append(s.Shadows, v1alpha1.StatusShadow{Policy: shadow.Policy, Replicas: shadow.DesiredReplicas, Reason: shadow.Reason.String()})
		}
		s.Forecast = forecast(d)
	}
	s.Conditions = transitions(e.status.Conditions, e.conditions(), micro(now), s.ObservedGeneration)
	return s
}

// forecast is what the policy expects, in words; "" where it expects nothing.
func forecast(d *record.Decided) string {
	for _, p := range d.Decision.Recommendation.Proposals {
		if p.Reason.Code == "Forecast" {
			return p.Reason.String()
		}
	}
	return ""
}

// conditions are those that hold, and do not.
func (e *entry) conditions() []v1alpha1.StatusCondition {
	all := []v1alpha1.StatusCondition{condition(readyType, truth(e.verdict.Reason == Running), e.verdict.Reason, e.verdict.Message)}
	if e.verdict.Reason == Refused && !e.verdict.Runs {
		all = append(all, condition(ableToScale, no, "FailedGetScale", e.verdict.Message))
	}
	if !e.verdict.Runs {
		return append(all, condition(scalingActive, no, e.verdict.Reason, "the document is not taken: the target is left alone"))
	}
	all = append(all, e.able(), e.active(), e.fresh())
	if e.decided != nil {
		all = append(all, limited(e.decided))
	}
	taken := map[string]bool{ableToScale: true, scalingActive: true, scalingLimited: true, readyType: true, dataFresh: true}
	add := func(kind, message string) {
		if kind != "" && !taken[kind] {
			taken[kind] = true
			all = append(all, condition(kind, yes, kind, message))
		}
	}
	for _, c := range e.report.conditions {
		add(c.Type, c.Message)
	}
	if e.decided != nil {
		for _, c := range e.decided.Decision.Conditions {
			add(c.Reason.Code, c.Reason.String())
		}
	}
	return all
}

func condition(kind, status, reason, message string) v1alpha1.StatusCondition {
	const longest = 4096
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest], "") + " …"
	}
	return v1alpha1.StatusCondition{Type: kind, Status: status, Reason: cmp.Or(reason, "Unknown"), Message: message}
}

func truth(b bool) string {
	if b {
		return yes
	}
	return no
}

// able says whether the count can be read and set.
func (e *entry) able() v1alpha1.StatusCondition {
	if fault := e.report.faults["target"]; fault != "" {
		return condition(ableToScale, no, "FailedGetScale", "the target cannot be read: "+fault)
	}
	d, c := e.decided, e.changed
	switch {
	case d == nil:
		return condition(ableToScale, yes, "SucceededGetScale", "the target can be read; nothing is decided yet")
	case c != nil && c.Error != "" && (!c.At.Before(d.Decision.At) || d.Mode == scale.Apply && d.Decision.Changes()): // to fail may take longer than the time between two decisions
		return condition(ableToScale, no, "FailedUpdateScale", fmt.Sprintf("the count cannot be set to %d: %s", c.To, c.Error))
	case d.Mode == scale.Apply && e.report.tells(kubernetes.ScaledByOther) != "":
		return condition(ableToScale, no, kubernetes.ScaledByOther, e.report.tells(kubernetes.ScaledByOther))
	case d.Decision.Reason.Code == "ScaleDownStabilized" || d.Decision.Reason.Code == "ScaleUpStabilized":
		return condition(ableToScale, yes, d.Decision.Reason.Code, d.Decision.Reason.String())
	case c != nil && c.At.Equal(d.Decision.At):
		return condition(ableToScale, yes, "SucceededRescale", fmt.Sprintf("the count was set to %d", c.To))
	default:
		return condition(ableToScale, yes, "ReadyForNewScale", "a new count can be set when one is wanted")
	}
}

// active says whether the count follows what the policy wants.
func (e *entry) active() v1alpha1.StatusCondition {
	d := e.decided
	switch {
	case d == nil:
		return condition(scalingActive, unknown, "Starting", "nothing is decided yet")
	case d.Mode != scale.Apply:
		return condition(scalingActive, no, "ScalingDisabled", fmt.Sprintf("decisions are shown and not applied: mode is %s", d.Mode))
	case d.Decision.NoData:
		return condition(scalingActive, no, d.Decision.Recommendation.Reason.Code, d.Decision.Recommendation.Reason.String())
	default:
		return condition(scalingActive, yes, "ValidMetricFound", "the policy could decide on what is measured")
	}
}

// limited says whether a rule allowed another count than was wanted.
func limited(d *record.Decided) v1alpha1.StatusCondition {
	stabilized := d.Decision.Reason.Code == "ScaleDownStabilized" || d.Decision.Reason.Code == "ScaleUpStabilized"
	if d.Decision.SetBy == decide.SetByPolicy || stabilized || !d.Held() {
		return condition(scalingLimited, no, "DesiredWithinRange", "the wanted count is within what is allowed")
	}
	return condition(scalingLimited, yes, d.Decision.Reason.Code, d.Decision.Reason.String())
}

// fresh says whether what is measured can be relied on.
func (e *entry) fresh() v1alpha1.StatusCondition {
	var bad []string
	for _, from := range slices.Sorted(maps.Keys(e.report.faults)) {
		// What pods use need not be known where nobody ever did, and the policy decides
		// on something else.
		unused := from == "target usage" && e.decided != nil && !e.decided.Decision.NoData && !usageSeen(e.decided)
		if from != "target" && !unused {
			bad = append(bad, from+" cannot be read: "+e.report.faults[from])
		}
	}
	reason := "SourceFailed"
	if e.decided != nil {
		for _, s := range e.decided.Seen.Signals {
			if s.Trust == scale.Stale || s.Trust == scale.Implausible { // one that is absent may never have been there
				bad = append(bad, fmt.Sprintf("%s is %s", s.Name, s.Trust))
				reason = "SignalsInDoubt"
			}
		}
	}
	switch {
	case len(bad) > 0:
		return condition(dataFresh, no, reason, strings.Join(bad, "; "))
	case e.decided == nil:
		return condition(dataFresh, unknown, "Starting", "nothing is decided yet")
	default:
		return condition(dataFresh, yes, "Fresh", scale.Count(len(e.decided.Seen.Signals), "signal")+" can be relied on")
	}
}

// usageSeen reports whether it was known what pods use.
func usageSeen(d *record.Decided) bool {
	return slices.ContainsFunc(d.Seen.Signals, func(s record.Measured) bool {
		return s.Name == scale.CPUUtilization || s.Name == scale.MemoryUtilization
	})
}

// transitions dates conditions: since when the status is what it is.
func transitions(before, now []v1alpha1.StatusCondition, at time.Time, generation int64) []v1alpha1.StatusCondition {
	for i := range now {
		c := &now[i]
		c.LastTransitionTime, c.ObservedGeneration = at, generation
		for _, was := range before {
			if was.Type == c.Type && was.Status == c.Status && !was.LastTransitionTime.IsZero() {
				c.LastTransitionTime = was.LastTransitionTime
			}
		}
	}
	return now
}
