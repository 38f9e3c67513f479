package telemetry

import (
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Target is what a document says of one.
type Target struct {
	Name     string
	Min, Max int
	// Objective is nil without one.
	Objective *scale.Objective
	// PerReplicaHour is the price of a replica; 0: none is stated.
	PerReplicaHour float64
}

// target is what is remembered of one: its newest messages, from which gauges are
// read when somebody asks, and what counters need. Messages are not changed.
type target struct {
	is         Target
	reportAt   time.Time // zero: none
	ready      int       // −1: it was never read
	conditions []scale.Condition
	beside     []scale.Condition
	carried    *control.Carried
	decided    *record.Decided // nil: none yet
	reasons    map[string]bool
	errs       map[string]bool
	forecasts  forecasts
	verdict    verdict
}

func newTarget(is Target) *target {
	return &target{is: is, ready: -1, reasons: map[string]bool{}, errs: map[string]bool{}}
}

// maxLabels bounds what takes its labels from documents or the world, of one
// target: signals, shadows, conditions, reasons, sources. Documents state a
// handful.
const maxLabels = 64

// other is the label of what there is no room for.
const other = "other"

// admit is a label value, if it is known or there is room for it.
func admit(known map[string]bool, value string) string {
	if !known[value] && len(known) >= maxLabels {
		return other
	}
	known[value] = true
	return value
}
