package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/evaluate"
)

// knob is the one scale of aggressiveness of a policy: from the most replicas
// to the fewest.
type knob struct {
	kind  string
	field string // it stands in, as it is written
	about string
	// values are the positions that a sweep plays, at least nine.
	values []float64
	// turn sets the policy to a position; nil: field = v.
	turn func(w builtin.Written, v float64) error
}

// knobs are the knobs of all policies. A policy that is added brings a line of
// its own; of several for one policy the first is that of its defaults.
func knobs() []knob {
	return []knob{
		{kind: "hpa", field: "cpuUtilization", about: "target CPU utilization in percent", values: percents(30, 90)},
		{kind: "hpa", field: "requestRate", about: "target request rate per replica as a share of what one carries", values: percents(30, 90), turn: share("requestRate")},
		{kind: "hpa", field: "concurrency", about: "target requests in progress per replica as a share of its slots", values: percents(30, 90), turn: share("concurrency")},
		{kind: "inference", field: "utilization", about: "how far replicas are used of their memory and their tokens per second, in percent", values: percents(30, 95)},
		{kind: "kpa", field: "targetUtilization", about: "target utilization in percent", values: percents(30, 100)},
		{kind: "lcp", field: "risk", about: "share of requests that costs as much as one replica, over the share that the objective allows to miss it", values: risks()},
		// The thresholds of the balanced profile are 70 and 30: both move.
		{kind: "threshold", field: "cpuUtilization", about: "upper threshold of the CPU utilization in percent, the lower one in proportion", values: percents(35, 95),
			turn: func(w builtin.Written, v float64) error {
				if err := w.Set("cpuUtilization.up", v); err != nil {
					return err
				}
				return w.Set("cpuUtilization.down", float64(int(v*3/7)))
			}},
		{kind: "predictive", field: "risk", about: "misses that are expected, over those the objective allows", values: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300}},
		{kind: "baseline", field: "k", about: "deviations above the median that add replicas", values: []float64{0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10}},
	}
}

// risks are shares of violations over the share that is allowed.
func risks() []float64 { return []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100} }

// percents are the shares from one to another in steps of five.
func percents(from, to int) []float64 {
	var all []float64
	for v := from; v <= to; v += 5 {
		all = append(all, float64(v))
	}
	return all
}

func share(signal string) func(builtin.Written, float64) error {
	return func(w builtin.Written, v float64) error { return w.Set(signal, fmt.Sprintf("%v%%", v)) }
}

// Sweep is a policy at all positions of its knob.
type Sweep struct {
	// Family is the policy without its knob.
	Family string
	// About says what the knob is.
	About       string
	Contestants []evaluate.Contestant
}

// Sweep returns a policy at every position of its knob; other parameters stay.
func (c Contestants) Sweep(text string) (Sweep, error) {
	w, err := builtin.ParseWritten(text)
	if err != nil {
		return Sweep{}, err
	}
	if _, err := c.make(w.Clone()); err != nil {
		return Sweep{}, err
	}
	k, found := knobOf(w)
	if !found {
		return Sweep{}, fmt.Errorf("%s has no knob to sweep; those with one: %s", text, strings.Join(sweepable(), ", "))
	}
	s := Sweep{About: k.about}
	rest := w.Clone()
	delete(rest.Fields, k.field)
	s.Family = w.Kind
	if with := rest.Parameters(); with != "" || k.field != firstKnob(w.Kind) {
		s.Family = strings.TrimSuffix(strings.TrimSuffix(w.Kind+":"+k.field+","+with, ","), ",")
	}
	for _, v := range k.values {
		at := rest.Clone()
		if k.turn == nil {
			err = at.Set(k.field, v)
		} else {
			err = k.turn(at, v)
		}
		if err != nil {
			return Sweep{}, err
		}
		contestant, err := c.make(at)
		if err != nil {
			return Sweep{}, err
		}
		contestant.Knob = v
		s.Contestants = append(s.Contestants, contestant)
	}
	return s, nil
}

// knobOf is the knob whose field is written, else the first of the policy. One
// that is configured by other means has none.
func knobOf(w builtin.Written) (knob, bool) {
	var of []knob
	for _, k := range append(knobs(), yardstickKnobs()...) {
		if k.kind == w.Kind {
			of = append(of, k)
		}
	}
	for _, k := range of {
		if _, written := w.Fields[k.field]; written {
			return k, true
		}
	}
	if _, other := w.Fields["metrics"]; other || len(of) == 0 {
		return knob{}, false
	}
	return of[0], true
}

func firstKnob(kind string) string {
	k, _ := knobOf(builtin.Written{Kind: kind})
	return k.field
}

// sweepable lists the policies with a knob.
func sweepable() []string {
	var kinds []string
	for _, k := range append(knobs(), yardstickKnobs()...) {
		kinds = append(kinds, k.kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
