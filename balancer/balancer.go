// Package balancer holds the contract of what spreads requests over replicas.
// Each kind has a folder of its own below; balancertest holds the promises as
// tests.
package balancer

import (
	"context"
)

// Balancer sends requests to a set of backends that the controller keeps
// current. All methods may be called from several goroutines.
type Balancer interface {
	// SetBackends makes exactly these the known backends; it is absolute and
	// idempotent. One that is no longer listed gets no new requests, those in
	// progress finish. A draining backend stays draining while it is listed:
	// only a call without it, then one with it, brings it back.
	SetBackends(ctx context.Context, backends []Backend) error
	// Leave stops new requests to one backend and returns once none is sent
	// there any more, whatever is in progress. With an error some may still be
	// sent: whoever ends the replica then loses them, and asks again instead. A
	// backend that is no longer listed, or not known, has been left once what is
	// listed is in force; before any was set a balancer that outlives its
	// controller may still follow the one before, and has left nobody. The error
	// says why and what to do, also when it is ctx's ([Behind]).
	Leave(ctx context.Context, id string) error
	// Drain leaves a backend, and returns once no request is in progress there,
	// or with ctx's error. An unknown ID may be of a replica that drained under a
	// controller before this one: a balancer that outlives its controller waits for
	// all that was in progress as this one began and is not known to be another
	// backend's. Where there is nothing of the kind an unknown ID is drained at once.
	Drain(ctx context.Context, id string) error
	// Backends says what is known of each, sorted by ID, draining ones included.
	Backends(ctx context.Context) ([]BackendStatus, error)
}

// Backend is one replica as a balancer sees it. IDs are never reused.
type Backend struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port
}

// State says whether a backend gets new requests.
type State string

// States of a backend.
const (
	Active    State = "active"
	Unhealthy State = "unhealthy" // taken out by a health check, comes back by itself
	Draining  State = "draining"
)

// BackendStatus is a backend with what the balancer knows of it.
type BackendStatus struct {
	Backend
	State    State  `json:"state"`
	InFlight int    `json:"inFlight"`
	Requests uint64 `json:"requests"` // answered since it was added
	Failures uint64 `json:"failures"` // of these 5xx, refused or broken off
	// Fault is why it is unhealthy, where the balancer says.
	Fault string `json:"fault,omitempty"`
}
