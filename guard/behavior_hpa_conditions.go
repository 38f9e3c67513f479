package guard

import "github.com/flyball-io/flyball/scale"

// HPACondition is what the HorizontalPodAutoscaler says in its status.
type HPACondition struct {
	Type   string
	True   bool
	Reason string
}

// The types of conditions (autoscaling/v2).
const (
	AbleToScale    = "AbleToScale"
	ScalingActive  = "ScalingActive"
	ScalingLimited = "ScalingLimited"
)

// Conditions are what the controller would say of a decision behind these
// guards once it is carried out. It leaves out what the controller would leave
// as it was: where the count is outside of its bounds nothing is measured,
// and without a value of a metric nothing is limited.
func (h HPA) Conditions(d *scale.Decision) []HPACondition {
	able := HPACondition{AbleToScale, true, "SucceededGetScale"}
	active := HPACondition{ScalingActive, true, "ValidMetricFound"}
	stable, limited := step(d, stabilizationName), step(d, rateLimitsName)
	switch {
	case isSwitchedOff(d):
		return []HPACondition{able, {ScalingActive, false, switchedOff}}
	case d.CurrentReplicas > h.Max || 0 < d.CurrentReplicas && d.CurrentReplicas < h.Min:
		able.Reason = "SucceededRescale"
		return []HPACondition{able}
	case limited.Guard == "": // the policy had no opinion
		return []HPACondition{able, {ScalingActive, false, firstMissing(d)}}
	}
	able.Reason = "ReadyForNewScale"
	if stable.From != stable.To {
		able.Reason = stable.Reason.Code
	}
	if d.Changes() {
		able.Reason = "SucceededRescale"
	}
	limit := HPACondition{ScalingLimited, false, "DesiredWithinRange"}
	if limited.From != limited.To {
		limit.True, limit.Reason = true, limited.Reason.Code
	}
	return []HPACondition{able, active, limit}
}

func isSwitchedOff(d *scale.Decision) bool {
	for i := range d.Conditions {
		if d.Conditions[i].Reason.Code == switchedOff {
			return true
		}
	}
	return false
}

func step(d *scale.Decision, guard string) scale.Step {
	for _, s := range d.Steps {
		if s.Guard == guard {
			return s
		}
	}
	return scale.Step{}
}

func firstMissing(d *scale.Decision) string {
	for i := range d.Recommendation.Proposals {
		if p := &d.Recommendation.Proposals[i]; p.Missing {
			return p.Reason.Code
		}
	}
	return ""
}
