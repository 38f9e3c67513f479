package docker

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// state is the content of <name>.docker.json.
type state struct {
	// Owner is the mark of the target's containers: chosen once, and by
	// chance, so that two controllers that share an engine and not a disk are
	// never taken for one.
	Owner    string   `json:"owner"`
	Desired  int      `json:"desired"`
	Replicas []record `json:"replicas"`
	// Rollout is when the one that is under way began.
	Rollout  time.Time         `json:"rollout,omitzero"`
	Failures *replicas.Trouble `json:"failures,omitempty"`
	Ending   *rules            `json:"ending,omitempty"`
}

// rules say how the replicas end, for who has no document any more.
type rules struct {
	Endpoint        string         `json:"endpoint"`
	DrainTimeout    scale.Duration `json:"drainTimeout"`
	StopGracePeriod scale.Duration `json:"stopGracePeriod"`
	// Up is the command that starts the service they belong to; "": they are
	// the target's own.
	Up string `json:"up,omitempty"`
}

// record is a replica as it was when the state was written. One without a
// container is about to be made: a controller that returns looks for its name
// before it makes another.
type record struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Container string `json:"container,omitempty"`
	Config    string `json:"config"`
	// Began is the engine's date of the start that this replica is.
	Began      time.Time `json:"began,omitzero"`
	Address    string    `json:"address,omitempty"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	ReadySince time.Time `json:"readySince,omitzero"`
	DeletedAt  time.Time `json:"deletedAt,omitzero"`
	ToldAt     time.Time `json:"toldAt,omitzero"`
	Restarts   int       `json:"restarts,omitempty"`
}

func newStore(dir, name string) *replicas.Store[state] {
	return replicas.NewStore[state](dir, name+".docker", fmt.Sprintf("without it the containers with label %s=%s are nobody's", labelTarget, name))
}
