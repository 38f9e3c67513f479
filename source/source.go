// Package source holds the contract of what measures a target. Each kind has
// a folder of its own below; sourcetest holds the promises as tests.
package source

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// Source delivers measurements of one target.
//
// Signals names everything Collect may deliver, for the whole target or for a
// replica. Collect returns the newest samples, each dated with the moment it
// was measured; several of one signal come oldest first. An
// error never becomes a zero: a source that cannot measure returns an error
// and leaves the sample out, so that the signal grows stale. Samples returned
// beside an error are valid. Collect may be called from several goroutines
// and keeps no memory between calls that another caller would notice.
type Source interface {
	Signals() []string
	Collect(ctx context.Context) ([]scale.Sample, error)
}

// Runner is a source that must do work of its own between calls, for example
// sample more often than it is asked. Run blocks until ctx is done and all of
// its work has stopped. Without Run its Collect has nothing to deliver.
type Runner interface {
	Run(ctx context.Context) error
}

// Paced is a source whose own configuration states how often it measures.
type Paced interface {
	Interval() time.Duration
}

// Independent is a source that may go on measuring while the target has no
// replica: it asks somebody else, such as a queue, and not the replicas. What it
// measures can wake a service that sleeps at zero.
type Independent interface {
	Independent() bool
}

// Patience is how long one Collect of a source that is no Runner may take. No
// configuration should promise to wait longer.
const Patience = 30 * time.Second

// ErrPatience is the cause that ends such a Collect.
var ErrPatience = fmt.Errorf("no answer within %v, the most that all requests of one measurement may take", Patience)

// Env is what a source may know of its surroundings when it is built. Building
// does no I/O: a document is checked by building its sources.
type Env struct {
	Target string
	// Namespace is that of the target, where targets have one.
	Namespace string
	Clock     clock.Clock
	Log       *slog.Logger
	// Interval is the time between two measurements.
	Interval time.Duration
	// Replicas lists what exists of the target now; nil where nobody knows.
	Replicas func(ctx context.Context) ([]scale.Replica, error)
	// Subscribe listens on the bus (bus.Bus), for what is measured elsewhere;
	// nil where there is none.
	Subscribe func(ctx context.Context, subject string) (<-chan any, error)
}
