// Package queueing answers how long requests wait for a number of servers, and
// how few servers keep a promise: the closed formulas of Erlang, and for
// services and balancers of any kind a law of the waits on a grid of time.
//
//	erlang, general, fewest       closed formulas: M/M/c, and factors for others
//	law, topology, service        what a service is, and what is asked of it
//	grid, profile                 laws on a grid; what waits are made of
//	oneline, inturn               waits by topology: one line or at random, in turn,
//	shortest, shorter               least connections, the better of two
//	sharing, response             shared slots; from waits to answers
//	curve_build, curve            all of it as a table, for millions of questions
//	library, blend, staffed       tables that many services share
//	draw                          services at random
package queueing

import (
	"errors"
	"fmt"
	"math"
)

// Service is what the replicas do with requests: how long one takes, how many a
// replica has in progress at once, and how requests spread over replicas.
type Service struct {
	Law   Law
	Slots int // requests in progress at once on one replica
	// Sharing says that a replica takes every request at once and shares its
	// slots: each of n requests runs at the speed min(1, Slots/n). Without, what
	// finds no slot waits in line, first come, first served.
	Sharing  bool
	Topology Topology
}

// Validate reports every fault.
func (s Service) Validate() error {
	var errs []error
	switch {
	case s.Law == nil:
		errs = append(errs, errors.New("service law: missing"))
	case !(s.Law.Mean() > 0):
		errs = append(errs, fmt.Errorf("service mean: must be above 0 s, got %v", s.Law.Mean()))
	case !(s.Law.CV() >= 0):
		errs = append(errs, fmt.Errorf("service CV: must be at least 0, got %v", s.Law.CV()))
	}
	if s.Slots < 1 {
		errs = append(errs, fmt.Errorf("slots: must be at least 1, got %d", s.Slots))
	}
	if s.Topology < LeastConn || s.Topology > PowerOfTwo {
		errs = append(errs, fmt.Errorf("topology: unknown, got %d", int(s.Topology)))
	}
	return errors.Join(errs...)
}

// CapacityPerReplica is the most requests per second that one replica answers
// for long: slots over the mean service.
func (s Service) CapacityPerReplica() float64 { return float64(s.Slots) / s.Law.Mean() }

// ViolationTail is the share of requests that take longer than threshold
// seconds from arrival to answer with so many replicas at a rate per second:
// avoidable when the service alone met the threshold, intrinsic when not.
//
//	avoidable = P(W + S > θ, S ≤ θ) = ∫₀^θ P(W > θ−s) dF(s),   intrinsic = 1 − F(θ)
//
// Without enough replicas for the rate all violate in the long run.
func (s Service) ViolationTail(replicas int, rate, threshold float64) (avoidable, intrinsic float64) {
	p := newProfile(s, threshold)
	return p.share(replicas, rate), 1 - p.within[cells]
}

// share is the avoidable share.
func (p *profile) share(replicas int, rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	rho := rate / (float64(replicas) * p.service.CapacityPerReplica())
	if replicas <= 0 || rho >= 1 {
		return p.within[cells]
	}
	return p.response(replicas, rho).avoidable(0)
}

// Demand is the fewest replicas with which at most a share of the requests
// violates avoidably. A rate of 0 needs none. It returns [ErrInfeasible] when
// more than that share takes too long by the service alone.
func (s Service) Demand(rate, threshold, share float64) (int, error) {
	if err := s.Validate(); err != nil {
		return 0, err
	}
	if !(threshold > 0) || !(share > 0 && share < 1) || !(rate >= 0) || math.IsInf(rate, 1) {
		return 0, fmt.Errorf("demand: threshold must be above 0 s, share between 0 and 1, rate at least 0, got %v s, %v, %v", threshold, share, rate)
	}
	p := newProfile(s, threshold)
	if alone := 1 - p.within[cells]; alone > share {
		return 0, fmt.Errorf("%.3g %% of the services alone take longer than %v s, %.3g %% may: %w", alone*100, threshold, share*100, ErrInfeasible)
	}
	if rate == 0 {
		return 0, nil
	}
	low := int(rate / s.CapacityPerReplica()) // not stable
	return fewest(low, func(x int) bool { return p.share(x, rate) <= share }), nil
}

// fewest is the least number above low for which kept holds, given that it
// holds for all above it: double until kept, then halve the gap.
func fewest(low int, kept func(x int) bool) int {
	high := low + 1
	for step := 1; !kept(high); step *= 2 {
		low, high = high, high+step
	}
	for low+1 < high {
		if middle := (low + high) / 2; kept(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
