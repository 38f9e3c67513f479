// Package v1alpha1 is the Autoscaler document: its types, defaults and rules,
// the loader that reads it from files, and its JSON Schema. The bodies of
// plug-ins stay raw; package builtin knows what is in them.
package v1alpha1

import (
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
)

// What stands at the top of every document.
const (
	APIVersion = "flyball.io/v1alpha1"
	Kind       = "Autoscaler"
)

// Autoscaler says what is scaled, on what, how and within which limits.
type Autoscaler struct {
	APIVersion string   `json:"apiVersion" jsonschema:"required,description=version of the document"`
	Kind       string   `json:"kind" jsonschema:"required,description=kind of the document"`
	Metadata   Metadata `json:"metadata" jsonschema:"required,description=name of the autoscaler"`
	Spec       Spec     `json:"spec" jsonschema:"required,description=what is scaled; on what; how and within which limits"`
}

// Metadata names the autoscaler. The other fields are Kubernetes'.
type Metadata struct {
	// Name is a DNS label: decisions, files and metrics carry it.
	Name        string            `json:"name" jsonschema:"required,maxLength=63,pattern=^[a-z0-9]([-a-z0-9]*[a-z0-9])?$,description=unique name: lower-case letters and digits and hyphens"`
	Namespace   string            `json:"namespace,omitempty" jsonschema:"maxLength=63,pattern=^[a-z0-9]([-a-z0-9]*[a-z0-9])?$,description=Kubernetes namespace: that of a target kubernetes which names none"`
	Labels      map[string]string `json:"labels,omitempty" jsonschema:"description=Kubernetes labels; not used by flyball run"`
	Annotations map[string]string `json:"annotations,omitempty" jsonschema:"description=Kubernetes annotations; not used by flyball run"`
}

// Spec is the wish of the document.
type Spec struct {
	Mode        scale.Mode           `json:"mode,omitempty" jsonschema:"enum=Apply,enum=Recommend,enum=Paused,description=Apply = scale; Recommend and Paused = decide and show but never scale"`
	PausedUntil *time.Time           `json:"pausedUntil,omitempty" jsonschema:"description=when a paused autoscaler goes on by itself"`
	Target      Plugin               `json:"target" jsonschema:"required,description=what is scaled: exactly one" jsonschema_extras:"plugin=target"`
	Replicas    Replicas             `json:"replicas" jsonschema:"required,description=limits that hold whatever anybody wants"`
	Objective   *Objective           `json:"objective,omitempty" jsonschema:"description=what the service promises its users"`
	Signals     []Signal             `json:"signals,omitempty" jsonschema:"description=signals beyond those that the target and the balancer supply"`
	Policy      *Plugin              `json:"policy,omitempty" jsonschema:"description=what recommends the number of replicas: exactly one; default predictive" jsonschema_extras:"plugin=policy"`
	Envelope    *Envelope            `json:"envelope,omitempty" jsonschema:"description=keeps the policy within what another one would cost"`
	Shadows     []Plugin             `json:"shadows,omitempty" jsonschema:"description=policies evaluated beside it and never applied" jsonschema_extras:"plugin=policy"`
	Behavior    guard.BehaviorConfig `json:"behavior,omitzero" jsonschema:"description=how fast the count may change; the policy gives the defaults"`
	Cooldown    guard.CooldownConfig `json:"cooldown,omitzero" jsonschema:"description=how long the count is held after a change"`
	Trust       guard.TrustConfig    `json:"trust,omitzero" jsonschema:"description=what happens while signals are in doubt"`
	Rollout     guard.RolloutConfig  `json:"rollout,omitzero" jsonschema:"description=how long a rollout in progress holds the count"`
	Balancer    *Plugin              `json:"balancer,omitempty" jsonschema:"description=what spreads requests over the replicas; default builtin and for a target kubernetes none" jsonschema_extras:"plugin=balancer"`
	Sync        scale.Duration       `json:"sync,omitempty" jsonschema:"description=time between two decisions"`
}

// Envelope keeps a policy within what another one would cost, with a surcharge.
type Envelope struct {
	Lambda float64 `json:"lambda,omitempty" jsonschema:"exclusiveMinimum=0,maximum=10,default=0.2,description=how much more than the expert the policy may cost as a share: 0.2 is a fifth"`
	Expert *Plugin `json:"expert,omitempty" jsonschema:"description=policy that is trusted; default lcp but around learned and advised and remote the policy that they build on" jsonschema_extras:"plugin=policy"`
}

// Plugin is a target, policy, source or balancer chosen by name.
type Plugin = scale.Plugin

// Replicas are the limits of the count.
type Replicas struct {
	Min int `json:"min" jsonschema:"minimum=0,description=fewest replicas; 0 = scale to zero when idle"`
	Max int `json:"max" jsonschema:"required,minimum=1,description=most replicas"`
}

// Objective is what the service promises. Its fields are promises of
// different kinds; at least one is stated.
type Objective struct {
	Latency *LatencyObjective `json:"latency,omitempty" jsonschema:"description=share of requests answered without error within a threshold"`
	Cost    *CostObjective    `json:"cost,omitempty" jsonschema:"description=what replicas cost and may cost in a day"`
}

// LatencyObjective promises that the Target share of the requests of any
// Window is good: answered without error within Threshold. "p95 below 250 ms"
// is {threshold: 250ms, target: 95%}.
type LatencyObjective struct {
	Threshold scale.Duration `json:"threshold" jsonschema:"required,description=longest time a good request may take"`
	Target    Percentage     `json:"target" jsonschema:"required,description=share of requests that must be good"`
	Window    scale.Duration `json:"window,omitempty" jsonschema:"default=1h,description=time over which the share is judged"`
}

// Scale returns the objective in the words of policies and guards.
func (o LatencyObjective) Scale() scale.Objective {
	return scale.Objective{Threshold: o.Threshold, Target: o.Target.Share(), Window: o.Window}
}

// CostObjective states what replicas cost and may cost, in any one currency.
type CostObjective struct {
	PerReplicaHour float64 `json:"perReplicaHour" jsonschema:"required,exclusiveMinimum=0,description=price of one replica for one hour"`
	BudgetPerDay   float64 `json:"budgetPerDay,omitempty" jsonschema:"exclusiveMinimum=0,description=what all replicas may cost in a day"`
	Hard           bool    `json:"hard,omitempty" jsonschema:"description=whether the budget holds even when the latency objective is missed"`
	TimeZone       string  `json:"timeZone,omitempty" jsonschema:"default=UTC,description=whose midnight a day begins at: a name of the IANA database as Europe/Berlin"`
}
