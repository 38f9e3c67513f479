// Package policy holds the contract of what recommends replica counts. Each
// policy has a folder of its own below; policytest holds the promises as tests.
package policy

import (
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Policy recommends a replica count for one target.
//
// Recommend reads only obs and its own state: no clock, no network, no
// goroutine. The same observations in the same order give the same answers,
// so the simulator, replay and shadow mode run the live code. It returns
// [scale.ErrNoData] when it has no opinion. One owner calls it.
//
// Snapshot returns the whole memory; a policy of the same configuration that
// restores it decides as if never stopped. Restore refuses a snapshot of
// another kind, version or configuration with [scale.ErrSnapshot] and then
// leaves the policy unchanged.
type Policy interface {
	Recommend(obs scale.Observation) (scale.Recommendation, error)
	// Signals names the signals it decides on: while one of them is not to be
	// trusted, the count never falls.
	Signals() []string
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Fallback is a policy that may go down although a signal it reads is in
// doubt, because another of its parts then decides in its place. Essential
// names the signals without which nothing of it may go down.
type Fallback interface{ Essential() []string }

// Essential names the signals of p that must be fresh for the count to fall:
// all of them, unless p is a [Fallback].
func Essential(p Policy) []string {
	if f, ok := p.(Fallback); ok {
		return f.Essential()
	}
	return p.Signals()
}

// Closing is a policy that knows times at which the operator wants no replica
// at all: requests that wait then wake nobody.
type Closing interface {
	Closed(obs scale.Observation) bool
}

// Closed reports that the operator wants no replica of p at the time of obs.
func Closed(p Policy, obs scale.Observation) bool {
	c, ok := p.(Closing)
	return ok && c.Closed(obs)
}

// Waking is a policy that may want replicas again although nothing is measured
// any more: without it a service at zero that nobody measures stays there.
type Waking interface {
	Wakes() bool
}

// Wakes reports that p brings a service back from zero by itself.
func Wakes(p Policy) bool {
	w, ok := p.(Waking)
	return ok && w.Wakes()
}

// InDoubt returns the first of the signals that is not fresh, "" when all are.
func InDoubt(obs scale.Observation, signals []string) string {
	for _, name := range signals {
		if s := obs.Signal(name); s == nil || s.Trust != scale.Fresh {
			return name
		}
	}
	return ""
}

// Conditioned is a policy with something to say that lasts, such as that no
// policy can help: a spike faster than replicas start. Conditions are those that
// hold at its newest observation; they are asked for after each Recommend, also
// one without an opinion, and lent until the next.
type Conditioned interface {
	Conditions() []scale.GuardCondition
}

// Conditions are those of p that hold; none when it has nothing to say.
func Conditions(p Policy) []scale.GuardCondition {
	if c, ok := p.(Conditioned); ok {
		return c.Conditions()
	}
	return nil
}

// Outlook is what a policy expects that looks ahead, at its newest observation,
// for those that decide on top of it.
type Outlook struct {
	// Load is the newest measurement: requests per second, or replicas' worth of
	// CPU. PerReplica is how much of it one replica carries.
	Load, PerReplica float64
	// Signal is the one that was measured.
	Signal string
	// Peak and Far are quantiles (50, 90, 99 %) of the highest load until replicas
	// that are asked for at the next decision serve, and until twice as far.
	Peak, Far [3]float64
	// Horizon is how far Peak looks; 0: it is not known.
	Horizon time.Duration
	// Backlog is how many requests wait beyond the usual, Startup how long replicas
	// take to serve.
	Backlog float64
	Startup time.Duration
	// Need is the fewest replicas for the load alone, without a backlog, and Now the
	// fewest for the newest measurement, if nothing more were to come.
	Need, Now int
}

// Foreseeing is a policy with an outlook. It is asked for after a Recommend, and
// false when that had no opinion.
type Foreseeing interface {
	Outlook() (Outlook, bool)
}

// OutlookOf is the outlook of p; false when it has none.
func OutlookOf(p Policy) (Outlook, bool) {
	if f, ok := p.(Foreseeing); ok {
		return f.Outlook()
	}
	return Outlook{}, false
}

// Builder makes the policies that are nested in another one.
type Builder func(scale.Plugin, Env) (Policy, error)

// Env is what a policy may know of its surroundings when it is built.
type Env struct {
	Target    string
	Min, Max  int
	Objective *scale.Objective // nil: none stated
	// FirstToken is the objective of the time to the first token of a language
	// model's answer; nil: none stated.
	FirstToken *scale.Objective
	Sync       time.Duration // time between two decisions
	// ScaleUpTolerance and ScaleDownTolerance are the behaviour's, for
	// policies that aim at a ratio; nil: none stated.
	ScaleUpTolerance, ScaleDownTolerance *float64
	Seed                                 uint64
	// Topology is how the balancer spreads requests over the replicas.
	Topology queueing.Topology
	// Curves are what the queueing models of a program share; nil: nothing.
	Curves *queueing.Library
	// Service is what the rules behind the policy learn of the service, without
	// hints, of the requests that are measured: a policy that would learn the same
	// may share it. It is then observed twice, and the second time changes nothing.
	// Nil: nobody does.
	Service *capacity.Learner
}
