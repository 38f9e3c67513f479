// Package lastvalue expects that nothing changes: whatever was measured last
// is what comes. It is the yardstick of every other model, and right the
// soonest after a level shift.
package lastvalue

import (
	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/scale"
)

const (
	kind    = "forecast/lastvalue"
	version = 1
)

var _ forecast.Model = (*Model)(nil)

// Model is the newest value.
type Model struct{ last float64 }

// New returns a model that expects 0 until its first value.
func New() *Model { return &Model{} }

// Update remembers the value.
func (m *Model) Update(_ int64, value float64) { m.last = forecast.Clean(value) }

// Predict writes it for every step to come.
func (m *Model) Predict(out []float64) {
	for i := range out {
		out[i] = m.last
	}
}

// Snapshot returns the value.
func (m *Model) Snapshot() ([]byte, error) { return scale.Seal(kind, version, nil, m.last) }

// Restore takes it over from a snapshot.
func (m *Model) Restore(snapshot []byte) error {
	var last float64
	if err := scale.Unseal(snapshot, kind, version, nil, &last); err != nil {
		return err
	}
	m.last = last
	return nil
}
