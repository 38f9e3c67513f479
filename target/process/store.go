package process

import (
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
)

// state is the content of <name>.json.
type state struct {
	Desired  int      `json:"desired"`
	Replicas []record `json:"replicas"`
	// Rollout is when the one that is under way began.
	Rollout  time.Time         `json:"rollout,omitzero"`
	Failures *replicas.Trouble `json:"failures,omitempty"`
}

// record is a replica as it was when the state was written. Where the table
// of processes can be read it is only a second witness.
type record struct {
	ID         string    `json:"id"`
	PID        int       `json:"pid"`
	Identity   string    `json:"identity"` // tells a process from a later one of the same number
	Port       int       `json:"port"`
	Config     string    `json:"config"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	ReadySince time.Time `json:"readySince,omitzero"`
	DeletedAt  time.Time `json:"deletedAt,omitzero"`
	AskedAt    time.Time `json:"askedAt,omitzero"`
	Restarts   int       `json:"restarts,omitempty"`
}

func newStore(dir, name string) *replicas.Store[state] {
	return replicas.NewStore[state](dir, name, "remove it to go on from what runs")
}
