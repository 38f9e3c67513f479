package telemetry

import (
	"slices"
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
	readAt     time.Time // when it was read last; before that: since when it is here
	ready      int       // −1: it was never read
	conditions []scale.Condition
	beside     []scale.Condition
	carried    *control.Carried
	decided    *record.Decided // nil: none yet
	policies   map[string]bool
	reasons    map[string]bool
	errs       map[string]bool
	forecasts  forecasts
	verdict    verdict
	tallies    []tally
	spreads    []spread
}

// newTarget begins what can be named of a target at 0.
func newTarget(is Target, now time.Time) *target {
	t := &target{is: is, readAt: now, ready: -1, policies: map[string]bool{}, reasons: map[string]bool{}, errs: map[string]bool{}}
	for _, way := range []string{up, down} {
		t.count(ChangesTotal, 0, way, fine)
		t.count(ChangesTotal, 0, way, failed)
	}
	return t
}

// clone may be read while the original goes on.
func (t *target) clone() *target {
	c := *t
	c.tallies = slices.Clone(t.tallies)
	c.spreads = slices.Clone(t.spreads)
	for i := range c.spreads {
		c.spreads[i].counts = slices.Clone(c.spreads[i].counts)
	}
	return &c
}

// maxLabels bounds what takes its labels from documents or the world, of one
// target: signals, policies, conditions, reasons, sources. Documents state a
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
