package scale

import "time"

// Condition is something an operator should know about a target that lasts.
type Condition struct {
	Type    string    `json:"type"`
	Since   time.Time `json:"since"`
	Message string    `json:"message"`
}

// NotReady says that replicas run and none is ready, for longer than a start
// usually takes.
const NotReady = "NotReady"

// Conditions that guards act on.
const (
	// CrashLoop: replicas keep failing soon after they start.
	CrashLoop = "CrashLoop"
	// RolloutInProgress: replicas are being replaced by others of a changed
	// definition.
	RolloutInProgress = "RolloutInProgress"
)
