package scale

import "time"

// Condition is something an operator should know about a target that lasts.
type Condition struct {
	Type    string    `json:"type"`
	Since   time.Time `json:"since"`
	Message string    `json:"message"`
	// Limit is the most replicas there can be while the condition holds, where
	// it is about that.
	Limit int `json:"limit,omitempty"`
}

// NotReady says that replicas run and none is ready, for longer than a start
// usually takes.
const NotReady = "NotReady"

// BalancerBehind says that a balancer has not taken over that replicas are to
// end: they go on serving until it has.
const BalancerBehind = "BalancerBehind"

// BalancerRefuses says that a balancer does not take over which replicas take
// work: new ones get no requests, and those that were there before all of them.
const BalancerRefuses = "BalancerRefuses"

// BackendsUnreachable says that a balancer reaches none of the replicas that are
// ready: every request fails.
const BackendsUnreachable = "BackendsUnreachable"

// Conditions that guards act on.
const (
	// CrashLoop: replicas keep failing soon after they start.
	CrashLoop = "CrashLoop"
	// RolloutInProgress: replicas are being replaced by others of a changed
	// definition.
	RolloutInProgress = "RolloutInProgress"
	// CannotPlace: there is no room for more replicas than Limit. More are of
	// no use until the room changes.
	CannotPlace = "CannotPlace"
	// ServiceDown: somebody else has stopped the whole service, or it was never
	// started. Nothing is started until they start it.
	ServiceDown = "ServiceDown"
)

// Conditions of targets whose replicas belong to somebody else, or to a
// program that does its own part.
const (
	// CountReset: somebody else has set another count, which was put back.
	CountReset = "CountReset"
	// RolloutPaused: a rollout has stopped half-way and waits for somebody.
	RolloutPaused = "RolloutPaused"
	// EngineUnreachable: whatever carries out orders does not answer. What
	// runs goes on, and what is known of it is as old as Since.
	EngineUnreachable = "EngineUnreachable"
)
