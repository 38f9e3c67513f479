// Package workload says how many requests arrive when: shapes drawn by
// formula, recorded traces, and the arrivals they lead to. It reads no clock
// and starts no goroutine, so the load generator and the simulator play the
// same workload, request by request.
package workload

import (
	"math"
	"time"
)

// Shape is a rate of requests over time, from 0 on. Its methods are pure
// functions of t and may be called from several goroutines.
type Shape interface {
	// Rate returns the requests per second at t. It is 0 before 0 and from
	// the end on, and never negative.
	Rate(t time.Duration) float64
	// Expected returns how many requests are expected before t: the integral
	// of the rate over [0, t). It never falls, and stays put after the end.
	Expected(t time.Duration) float64
	// Duration returns when the shape ends, 0 when it never does.
	Duration() time.Duration
}

// within reports whether t lies before the end of a shape of that length.
func within(t, length time.Duration) bool { return t >= 0 && (length == 0 || t < length) }

// clamp moves t into [0, length]; a length of 0 has no end.
func clamp(t, length time.Duration) time.Duration {
	if t < 0 {
		return 0
	}
	if length > 0 && t > length {
		return length
	}
	return t
}

// fromSeconds converts seconds, staying within what a Duration can hold.
func fromSeconds(s float64) time.Duration {
	const most = math.MaxInt64 / 2
	ns := s * float64(time.Second)
	if ns >= most {
		return most
	}
	return time.Duration(math.Round(ns))
}
