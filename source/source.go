// Package source holds the contract of what measures a target. Each kind has
// a folder of its own below; sourcetest holds the promises as tests.
package source

import (
	"context"

	"github.com/flyball-io/flyball/scale"
)

// Source delivers measurements of one target.
//
// Collect returns the newest samples, each dated with the moment it was
// measured. An error never becomes a zero: a source that cannot measure
// returns an error and leaves the sample out, so that the signal grows stale.
// Samples returned beside an error are valid. Collect may be called from
// several goroutines and keeps no memory between calls that another caller
// would notice.
type Source interface {
	Collect(ctx context.Context) ([]scale.Sample, error)
}
