// Package report writes what an evaluation or a replay found as one page that
// a manager can read: the answer in a sentence, the table behind it, then the
// frontier, the timelines and where each policy loses. The page is one file:
// it asks no network, opens from a disk, prints, and is the same byte for byte
// for the same input.
//
//	Report (plain data) ─► view (words, numbers, pictures) ─► page.html + page.css + page.js
package report

import (
	"io"
	"time"

	"github.com/flyball-io/flyball/sim"
)

// Report is everything the page may tell. Parts that are empty are left out of
// it, so the zero Report makes a page too: one that says that nothing was
// evaluated. Ratios are shares, 0..1.
type Report struct {
	// Title heads the page; empty: "Flyball evaluation".
	Title string
	// Answer is the first sentence; empty: it is made from the first comparison,
	// or from the runs.
	Answer string
	// Setting says in words what was played: service, topology, start-up, seeds.
	Setting string
	// Objective is what the requests were promised.
	Objective Objective
	// Currency stands before money: "$"; empty: none.
	Currency string
	// Policies are named in the order of colours and tables; those that are not
	// named follow in the order in which they first appear.
	Policies []string
	// Comparisons are what the reader may choose from; the first is shown.
	Comparisons []Comparison
	// Standings are every policy's cost at equal violations.
	Standings []Standing
	// PerTrace are the same trace by trace, a table for each level.
	PerTrace []Table
	// Frontiers are cost against violations; the first is drawn large: give the
	// one pooled over traces first.
	Frontiers []Frontier
	// Traces are the timelines.
	Traces []Trace
	// Runs tell where each policy loses. Several of one policy and trace, as for
	// several seeds, are averaged.
	Runs []Run
	// Topologies are what another way of balancing would change.
	Topologies []Topology
	// Targets are tables of what was to be shown, and whether it was.
	Targets []Table
	// Calibration are tables of how baselines were tuned and how the service
	// was fitted.
	Calibration []Table
	// Limits are sentences about what the figures don't say.
	Limits []string
	// Reproduce is how to get the same figures again.
	Reproduce Reproduce
}

// Objective is a promise to requests: a share of them within a time.
type Objective struct {
	Threshold time.Duration
	Target    float64
}

// Comparison sets one policy against another, metric by metric.
type Comparison struct {
	Baseline, Candidate string
	// Their settings, where the names don't tell them.
	BaselineSetting, CandidateSetting string
	// Equal says that both are held to the same share of violations; otherwise
	// cost alone tells neither from the other.
	Equal bool
	// Basis is what is held equal and how traces are pooled, so that it can end
	// a sentence: "at 0.1 % avoidable violations, median of 12 traces".
	Basis string
	// Note is said under the table: how its values come about.
	Note string
	Rows []Row
}

// Row is one metric of a comparison.
type Row struct {
	// Key is the metric's name in results.json: "replica_hours"; [Metrics] are
	// those that the page has words for.
	Key                 string
	Baseline, Candidate float64
	// Over is how the values are pooled over traces, where that isn't as the
	// comparison's note says: "median".
	Over string
	// Improvement is the share by which the candidate is better (0.31: 31 %
	// better); nil: computed from the two values, without an interval.
	Improvement *Estimate
}

// Estimate is a value with its confidence interval of 95 %.
type Estimate struct {
	Value, Low, High float64
}

// Standing is what a policy costs at equal violations, over all traces.
type Standing struct {
	Policy string
	// Level is the share of avoidable violations: 0.001.
	Level float64
	// Median, Mean (geometric) and Worst over traces are of replica-hours by the
	// oracle's.
	Median     float64
	Mean       Estimate
	Worst      float64
	WorstTrace string
	// Reached is the number of traces on which any setting gets to the level,
	// Of all that were tried.
	Reached, Of int
}

// Frontier is what a trace, or all of them pooled, costs at which violations.
type Frontier struct {
	// Name is the trace's; empty: pooled over all.
	Name   string
	Curves []Curve
	// Oracle are the clairvoyant's schedules, all of them at a ratio of 1.
	Oracle []Point
}

// Curve is one policy along its scale of aggressiveness.
type Curve struct {
	Policy string
	Points []Point // in the order of the scale
}

// Point is one setting of a policy.
type Point struct {
	// Setting is short: "60 %"; empty where there is only one.
	Setting string
	// Ratio is its replica-hours by the oracle's.
	Ratio float64
	// Avoidable is its share of avoidable violations.
	Avoidable float64
}

// Trace is one load with what each policy did about it.
type Trace struct {
	Name string
	// About says where it comes from and how it was scaled.
	About string
	// Start is when it was recorded; zero: times count from its beginning.
	Start time.Time
	// Length is taken from the moments when it is zero.
	Length time.Duration
	// Unscored are the stretches that count for nothing: warm-up, gaps.
	Unscored []Unscored
	// Demand is the fewest replicas that meet the objective, Oracle what the
	// clairvoyant had ready.
	Demand, Oracle []Count
	Lines          []Line
}

// Unscored is a stretch of a trace that counts for nothing.
type Unscored struct {
	From, To time.Duration
	Why      string
}

// Count is a number of replicas from an instant on.
type Count struct {
	At       time.Duration
	Replicas int
}

// Line is what happened under one policy.
type Line struct {
	Policy  string
	Moments []sim.Moment
}

// Run is what one policy came to on one trace.
type Run struct {
	Trace, Policy        string
	ReplicaHours, Oracle float64 // Oracle 0: unknown
	Avoidable            float64
}

// Topology is what a policy costs when requests are balanced another way.
type Topology struct {
	// Name can follow "with": "least connections".
	Name, Policy string
	ReplicaHours float64
	Avoidable    float64
	// Current marks the one that the evaluation is about.
	Current bool
}

// Table is any table: words in its first column, numbers in the others.
type Table struct {
	Title, Text string
	Columns     []string
	Rows        [][]string
}

// Reproduce is how to get the same figures again.
type Reproduce struct {
	Command  string
	Version  string
	Protocol string // "bench/protocol.yaml, sha256 …"
	Seeds    []uint64
	Traces   []string // with their fingerprints, when known
}

// Write writes the page.
func Write(w io.Writer, r Report) error {
	return page.ExecuteTemplate(w, "page.html", newView(r))
}
