package v1alpha1

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/scale"
)

// Status is what the operator tells of an Autoscaler in a cluster. Documents
// in files have none. The counts are not there until something was decided: what
// is not known is no zero.
type Status struct {
	ObservedGeneration int64      `json:"observedGeneration,omitempty" jsonschema:"description=generation of the document that the rest was told of"`
	Target             string     `json:"target,omitempty" jsonschema:"description=what is scaled"`
	Policy             string     `json:"policy,omitempty" jsonschema:"description=what recommends the count"`
	Mode               scale.Mode `json:"mode,omitempty" jsonschema:"description=mode that holds: that of the document or of an annotation or set by hand"`
	CurrentReplicas    *int       `json:"currentReplicas,omitempty" jsonschema:"description=replicas that are asked for now"`
	DesiredReplicas    *int       `json:"desiredReplicas,omitempty" jsonschema:"description=replicas of the newest decision"`
	ReadyReplicas      *int       `json:"readyReplicas,omitempty" jsonschema:"description=replicas that take work"`
	LastScaleTime      *time.Time `json:"lastScaleTime,omitempty" jsonschema:"description=when the count was changed last"`
	// Reason is that of the newest decision in one word, Message in many. Texts
	// with numbers are told at most once a minute: they differ each time.
	Reason     string            `json:"reason,omitempty" jsonschema:"description=why the newest decision is what it is; in one word"`
	Message    string            `json:"message,omitempty" jsonschema:"description=why the newest decision is what it is; in words"`
	Decisions  []StatusDecision  `json:"decisions,omitempty" jsonschema:"description=the last changes of the count; the newest first" jsonschema_extras:"x-kubernetes-list-type=atomic"`
	Shadows    []StatusShadow    `json:"shadows,omitempty" jsonschema:"description=what the shadows would want now" jsonschema_extras:"x-kubernetes-list-type=atomic"`
	Forecast   string            `json:"forecast,omitempty" jsonschema:"description=what load the policy expects"`
	Conditions []StatusCondition `json:"conditions,omitempty" jsonschema:"description=what lasts: AbleToScale and ScalingActive and ScalingLimited as of a HorizontalPodAutoscaler; and Ready and DataFresh and what the target tells" jsonschema_extras:"x-kubernetes-list-type=map,x-kubernetes-list-map-keys=type"`
}

// StatusDecision is a decision that changed the count, or was to.
type StatusDecision struct {
	Time   time.Time `json:"time" jsonschema:"required,description=when it was made"`
	From   int       `json:"from" jsonschema:"required,description=replicas before"`
	To     int       `json:"to" jsonschema:"required,description=replicas after"`
	SetBy  string    `json:"setBy,omitempty" jsonschema:"description=rule that set the number: a guard; or policy"`
	Reason string    `json:"reason,omitempty" jsonschema:"description=why"`
	Error  string    `json:"error,omitempty" jsonschema:"description=why it could not be carried out"`
}

// StatusShadow is the wish of a policy that is never applied.
type StatusShadow struct {
	Policy   string `json:"policy" jsonschema:"required,description=name of the shadow"`
	Replicas int    `json:"replicas" jsonschema:"required,description=replicas it wants"`
	Reason   string `json:"reason,omitempty" jsonschema:"description=why"`
}

// StatusCondition has the form of every condition in Kubernetes.
type StatusCondition struct {
	Type               string    `json:"type" jsonschema:"required,maxLength=316,description=what it is about"`
	Status             string    `json:"status" jsonschema:"required,enum=True,enum=False,enum=Unknown,description=whether it holds"`
	Reason             string    `json:"reason" jsonschema:"required,maxLength=1024,description=why; in one word"`
	Message            string    `json:"message" jsonschema:"required,maxLength=32768,description=why; in words"`
	LastTransitionTime time.Time `json:"lastTransitionTime" jsonschema:"required,description=since when the status is this"`
	ObservedGeneration int64     `json:"observedGeneration,omitempty" jsonschema:"description=generation of the document that it is about"`
}

// StatusSchema returns the JSON Schema of [Status].
func StatusSchema() ([]byte, error) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: mapType}
	s := r.Reflect(Status{})
	s.Version = ""
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(s)
	return out.Bytes(), err
}
