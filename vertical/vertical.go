// Package vertical says how much CPU and memory the containers of a target
// should ask for. It is the algorithm of the Vertical Pod Autoscaler, number for
// number (test/vpadiff holds it against the recommender itself), for every
// target that measures its containers, with the rule behind each number: most of
// what people take for a recommendation is the floor of 250 MiB.
//
//	usage ─► Recommender ─► Recommendation ─► Due ─► resize
//	         (histograms)    (target, lower,   (now?)
//	                          upper, why)
//
// It is pure: no I/O, no clock but the times of what it is given.
package vertical

import (
	"fmt"
	"math"
	"time"
)

// Resource is what a container asks for.
type Resource uint8

// Resources that are sized.
const (
	CPU Resource = iota
	Memory
)

// Resources lists all of them.
func Resources() []Resource { return []Resource{CPU, Memory} }

var resourceNames = [...]string{"cpu", "memory"}

func (r Resource) String() string { return resourceNames[r] }

// MarshalText writes the name.
func (r Resource) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name.
func (r *Resource) UnmarshalText(text []byte) error {
	for i, name := range resourceNames {
		if name == string(text) {
			*r = Resource(i)
			return nil
		}
	}
	return fmt.Errorf("%q: must be cpu or memory", text)
}

// Amount is how much of a resource: thousandths of a core, or bytes.
type Amount int64

// mostAmount is more than any machine has: 1e14, a hundred terabytes.
const mostAmount = 1e14

// amountOf is a number as an amount, cut off below the unit: 0 to 1e14.
func amountOf(v float64) Amount {
	if !(v > 0) { // also NaN
		return 0
	}
	return Amount(math.Min(v, mostAmount))
}

// unit is how many amounts a core or a byte is.
func (r Resource) unit() float64 {
	if r == CPU {
		return 1000
	}
	return 1
}

// Of is so many cores or bytes as an amount.
func (r Resource) Of(value float64) Amount { return amountOf(value * r.unit()) }

// Value is an amount in cores or bytes.
func (r Resource) Value(a Amount) float64 { return float64(a) / r.unit() }

// times is an amount times a factor.
func (a Amount) times(factor float64) Amount { return amountOf(float64(a) * factor) }

// Words writes an amount as documents do, with three digits: 250m, 1.5, 250Mi.
func (r Resource) Words(a Amount) string {
	if r == CPU {
		if a < 1000 {
			return fmt.Sprintf("%dm", a)
		}
		return fmt.Sprintf("%.3g", r.Value(a))
	}
	value, unit := float64(a), ""
	for _, next := range []string{"Ki", "Mi", "Gi", "Ti"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if value >= 100 {
		return fmt.Sprintf("%.0f%s", value, unit)
	}
	return fmt.Sprintf("%.3g%s", value, unit)
}

// Model is how usage becomes a recommendation.
type Model struct {
	Resources [2]ResourceModel // by [Resource]
	// Margin is what is added to what was used, as a share.
	Margin float64
	// Of each container of each replica the highest memory in every PeakInterval
	// counts, and what was seen last PeakIntervals ago is forgotten.
	PeakInterval  time.Duration
	PeakIntervals int
	// A container that ran out of memory is taken to need OOMRatio times what it
	// had, and OOMLeast more at least.
	OOMRatio float64
	OOMLeast Amount
}

// ResourceModel is what differs between resources.
type ResourceModel struct {
	// Target, Lower and Upper are the quantiles of usage, 0..1.
	Target, Lower, Upper float64
	// HalfLife is the age at which usage counts half as much.
	HalfLife time.Duration
	// Confidence is the history, with a sample a minute, that the bounds trust by
	// 1: the upper bound is then twice the usage, and nears it with more.
	Confidence time.Duration
	// Floor is the least for a whole replica; its containers share it evenly.
	Floor Amount
}

// VPA is the model of the Vertical Pod Autoscaler with its defaults
// (pkg/recommender/config, version 1.8).
func VPA() Model {
	of := func(floor Amount) ResourceModel {
		return ResourceModel{Target: 0.9, Lower: 0.5, Upper: 0.95, HalfLife: 24 * time.Hour, Confidence: 24 * time.Hour, Floor: floor}
	}
	return Model{
		Resources:    [2]ResourceModel{CPU: of(25), Memory: of(250 << 20)},
		Margin:       0.15,
		PeakInterval: 24 * time.Hour, PeakIntervals: 8,
		OOMRatio: 1.2, OOMLeast: 100 << 20,
	}
}

// memory is the part of the model that the memory of usage depends on.
func (m Model) memory() any {
	return []time.Duration{m.Resources[CPU].HalfLife, m.Resources[Memory].HalfLife, m.PeakInterval}
}

// history is how long nothing may be seen of a container until it is forgotten.
func (m Model) history() time.Duration { return m.PeakInterval * time.Duration(m.PeakIntervals) }
