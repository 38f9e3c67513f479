package scale

import "time"

// Phase is where a replica is in its life.
//
//	Pending ─► Running ─► Succeeded | Failed
//
// Readiness and deletion are kept apart from the phase, as Kubernetes does: a
// Running replica may be not ready yet, or already being deleted.
type Phase uint8

// Phases of a replica.
const (
	Pending   Phase = iota // asked for, not started yet
	Running                // started
	Succeeded              // ended by itself without error
	Failed                 // ended with an error
)

var phaseNames = [...]string{"pending", "running", "succeeded", "failed"}

func (p Phase) String() string { return nameOf(phaseNames[:], p) }

// MarshalText writes the name.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the name.
func (p *Phase) UnmarshalText(text []byte) error { return valueOf(phaseNames[:], p, text) }

// Readiness is what is known of a replica's ability to take work.
type Readiness struct {
	Known bool      `json:"known"` // false: never probed, or no such condition
	Ready bool      `json:"ready"`
	Since time.Time `json:"since,omitzero"` // when Ready last changed
}

// Replica is one instance of a target.
type Replica struct {
	ID      string `json:"id"`
	Address string `json:"address,omitempty"` // host:port where it takes requests
	Phase   Phase  `json:"phase"`
	// Readiness is the last result of its probe.
	Readiness Readiness `json:"readiness"`
	StartedAt time.Time `json:"startedAt,omitzero"` // zero: not known
	DeletedAt time.Time `json:"deletedAt,omitzero"` // when its end was asked for; zero: it stays
	Restarts  int       `json:"restarts,omitempty"`
	// Containers lists what was requested for each of its containers; a
	// process is one container without a name.
	Containers []Container `json:"containers,omitempty"`
	// Samples are its own newest measurements.
	Samples []Sample `json:"samples,omitempty"`
}

// TakesWork reports whether the replica is running, ready and not on its way out.
func (r *Replica) TakesWork() bool {
	return r.Phase == Running && r.Readiness.Ready && r.DeletedAt.IsZero()
}

// Container is one part of a replica with resources of its own.
type Container struct {
	Name string `json:"name,omitempty"`
	// Requests holds requested amounts in thousandths of the resource's unit
	// (cores, bytes), by resource name ("cpu", "memory").
	Requests map[string]int64 `json:"requests,omitempty"`
}
