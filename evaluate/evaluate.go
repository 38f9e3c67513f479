// Package evaluate judges policies: it plays each on the same scenarios, scores
// what came of it, and sets it against what a clairvoyant would have paid.
//
//	traces × contestants × seeds ─► Run (a row of results.json) ─► frontiers, calibration, statistics ─► report
package evaluate

import (
	"github.com/flyball-io/flyball/sim"
)

// Contestant is a policy with its parameters that is judged.
type Contestant struct {
	// Policy is its kind: "hpa", "static", "oracle".
	Policy string
	// Params tell it from others of its kind, as they are written after
	// --policy: "cpuUtilization=60". Empty: its defaults.
	Params string
	// Knob is where it stands on its kind's one scale of aggressiveness, for
	// sweeps; 0 outside of one.
	Knob float64
	// New builds its decider for a scenario.
	New func(s *sim.Scenario) (sim.Decider, error)
	// Plan, instead of New, is for one who knows the future: it is played by its
	// schedule, at no clock's pace.
	Plan func(o *Oracle) (Schedule, error)
}

// Fallible is a decider that may fail in a way that makes its figures void: one
// that asks somebody who does not answer. It is asked at the end.
type Fallible interface{ Err() error }

// Name is how --policy would name it.
func (c Contestant) Name() string {
	if c.Params == "" {
		return c.Policy
	}
	return c.Policy + ":" + c.Params
}

// Case is one load on one service: what all contestants are judged on.
type Case struct {
	// Trace names it in results; one trace may have several windows.
	Trace string
	// Scenario is played once for each seed; its own Seed counts for nothing.
	Scenario sim.Scenario
	// Fluid plays it as a fluid instead of request by request.
	Fluid bool
}

// Run is what one contestant came to on one case with one seed: a row of
// results.json. Ratios are shares of the requests, 0..1.
type Run struct {
	Trace  string  `json:"trace"`
	Policy string  `json:"policy"`
	Knob   float64 `json:"knob,omitempty"`
	Seed   uint64  `json:"seed"`
	Fluid  bool    `json:"fluid"`

	Requests                float64 `json:"requests"`
	ViolationRatio          float64 `json:"violation_ratio"`
	IntrinsicViolationRatio float64 `json:"intrinsic_violation_ratio"`
	AvoidableViolationRatio float64 `json:"avoidable_violation_ratio"`
	LatencyMean             float64 `json:"latency_mean_seconds"`
	LatencyP50              float64 `json:"latency_p50_seconds"`
	LatencyP90              float64 `json:"latency_p90_seconds"`
	LatencyP95              float64 `json:"latency_p95_seconds"`
	LatencyP99              float64 `json:"latency_p99_seconds"`

	// ReplicaHours are paid from creation to the end of draining.
	ReplicaHours float64 `json:"replica_hours"`
	// LowerBoundReplicaHours are those with all slots always busy.
	LowerBoundReplicaHours float64 `json:"lower_bound_replica_hours"`
	// OracleEveryStepReplicaHours are the fewest that meet the demand at every
	// step; OracleEqualReplicaHours the fewest at the run's own avoidable
	// violations.
	OracleEveryStepReplicaHours float64 `json:"oracle_every_step_replica_hours"`
	OracleEqualReplicaHours     float64 `json:"oracle_equal_replica_hours"`
	MeanReplicas                float64 `json:"mean_replicas"`
	ReplicaVariance             float64 `json:"replica_variance"`

	ScalingActions   int `json:"scaling_actions"`
	DirectionChanges int `json:"direction_changes"`
	// ReactionSeconds is the median over steps of the demand by a fifth or more
	// of the time until enough replicas are ready; null without such a step.
	ReactionSeconds           *float64 `json:"reaction_seconds"`
	OvershootRatio            float64  `json:"overshoot_ratio"`
	UndershootReplicaSeconds  float64  `json:"undershoot_replica_seconds"`
	ThetaU                    float64  `json:"theta_u"`
	ThetaO                    float64  `json:"theta_o"`
	TauU                      float64  `json:"tau_u"`
	TauO                      float64  `json:"tau_o"`
	AccuracyWithinOne         float64  `json:"accuracy_within_one"`
	Cost                      float64  `json:"cost"`
	HoursScored               float64  `json:"hours_scored"`
	FailedRequests            float64  `json:"failed_requests"`
	OracleEveryStepViolations float64  `json:"oracle_every_step_avoidable_violation_ratio"`
	// OracleBoundReplicaHours is what the model of the oracle says nobody can go
	// below at the run's avoidable violations (Lagrangian bound).
	OracleBoundReplicaHours float64 `json:"oracle_bound_replica_hours"`
	DemandReplicaHours      float64 `json:"demand_replica_hours"`
	DemandSteps             int     `json:"demand_steps"`
	// Instability in percent, jitter in changes per minute: see [Run.score].
	Instability     float64 `json:"instability"`
	JitterPerMinute float64 `json:"jitter_per_minute"`
}
