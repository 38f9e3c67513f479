// Package target holds the contract of what is scaled. Each kind has a folder
// of its own below; targettest holds the promises as tests.
package target

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Target is a service whose number of replicas can be set.
//
// SetReplicas is absolute and idempotent: it records how many replicas should
// exist and returns without waiting for them. Status says what exists now;
// the count asked for is part of it, so a change made by somebody else is
// seen. Both may be called from several goroutines.
type Target interface {
	Status(ctx context.Context) (Status, error)
	SetReplicas(ctx context.Context, n int) error
	// Changes receives, coalesced, when Status may have changed. It is never
	// closed; a target that cannot tell returns nil.
	Changes() <-chan struct{}
}

// Runner is a target that must do work of its own between calls. Run blocks
// until ctx is cancelled and all of its work has stopped; the replicas stay.
type Runner interface {
	Run(ctx context.Context) error
}

// Stopper is a target whose replicas can be ended with the controller. Stop
// drains and ends every replica, by force once ctx is done, and returns when
// none is left. An end by force returns ctx's error; where a replica had to be
// left behind another one, which names it.
type Stopper interface {
	Stop(ctx context.Context) error
}

// Status is what exists of a target at one instant.
type Status struct {
	At time.Time `json:"at"`
	// SpecReplicas is the count asked for.
	SpecReplicas int `json:"specReplicas"`
	// Replicas lists what exists, sorted by ID, those on their way out included.
	Replicas   []scale.Replica   `json:"replicas"`
	Conditions []scale.Condition `json:"conditions,omitempty"`
}

// Traffic is how a target asks whatever sends requests to its replicas to
// leave one alone before it is stopped. A target that can choose which
// replica goes takes one when it is built.
type Traffic interface {
	// Load returns the requests in progress on a replica; false when the
	// replica gets no new requests or is not known.
	Load(id string) (int, bool)
	// Leave stops new requests to the replica and returns once none is sent
	// there any more. With an error, which says why, some may still be sent: a
	// healthy replica that need not end now stays, and Leave is asked again.
	Leave(ctx context.Context, id string) error
	// Drain leaves the replica, and returns once no request is in progress
	// there, or with ctx's error.
	Drain(ctx context.Context, id string) error
}

// NoTraffic is for replicas that nobody balances.
type NoTraffic struct{}

// Load knows no replica.
func (NoTraffic) Load(string) (int, bool) { return 0, false }

// Leave has nobody to wait for.
func (NoTraffic) Leave(context.Context, string) error { return nil }

// Drain has nothing to wait for.
func (NoTraffic) Drain(context.Context, string) error { return nil }
