package scale

import (
	"errors"
	"slices"
	"time"
)

// ErrNoData is returned by a policy that has no opinion because the signals
// it needs are missing or not to be trusted.
var ErrNoData = errors.New("no trustworthy data")

// Recommendation is what a policy wants.
type Recommendation struct {
	Replicas int    `json:"replicas"`
	Reason   Reason `json:"reason"`
	// Confidence is how sure the policy is, 0..1.
	Confidence float64 `json:"confidence"`
	// Proposals are the counts each signal asked for. The slice belongs to
	// the policy and is valid until its next Recommend.
	Proposals []Proposal `json:"proposals,omitempty"`
}

// Proposal is the count one signal alone asks for.
type Proposal struct {
	Signal   string `json:"signal"`
	Replicas int    `json:"replicas"`
	Reason   Reason `json:"reason"`
	// Missing is true when the signal gave no proposal; Reason says why.
	Missing bool `json:"missing,omitempty"`
}

// Step is what one guard made of the number.
type Step struct {
	Guard  string `json:"guard"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Reason Reason `json:"reason"`
}

// Decision is the final number with the whole trail behind it: the policy's
// proposals, the recommendation, each guard's step.
//
// The slices belong to the Decider and are valid until its next Decide; keep
// a Clone.
type Decision struct {
	Target          string         `json:"target"`
	Policy          string         `json:"policy"`
	At              time.Time      `json:"at"`
	CurrentReplicas int            `json:"currentReplicas"`
	DesiredReplicas int            `json:"desiredReplicas"`
	Recommendation  Recommendation `json:"recommendation"`
	Steps           []Step         `json:"steps"`
	// Reason is the rule that set the number: the last step that changed it,
	// else the recommendation's.
	Reason Reason `json:"reason"`
	// SetBy names that rule: a guard, or "policy".
	SetBy string `json:"setBy"`
	// NoData is true when the policy had no opinion and the count was held.
	NoData bool `json:"noData,omitempty"`
	// Conditions are what lasts about the guards, whether or not they changed
	// the number this time.
	Conditions []GuardCondition `json:"conditions,omitempty"`
}

// GuardCondition is something an operator should know about a guard that
// lasts; the code of its reason is the type of the condition.
type GuardCondition struct {
	Guard  string    `json:"guard"`
	Since  time.Time `json:"since,omitzero"` // zero: not known
	Reason Reason    `json:"reason"`
}

// Changes reports whether the decision asks for another count than there is.
func (d *Decision) Changes() bool { return d.DesiredReplicas != d.CurrentReplicas }

// Clone returns a copy that shares no memory with d.
func (d Decision) Clone() Decision {
	d.Recommendation.Proposals = slices.Clone(d.Recommendation.Proposals)
	d.Steps = slices.Clone(d.Steps)
	d.Conditions = slices.Clone(d.Conditions)
	return d
}
