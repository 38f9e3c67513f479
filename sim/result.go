package sim

import "time"

// Result is what a run came to. Counts are of the scored time only and need
// not be whole: the fluid simulator gives expected numbers.
type Result struct {
	Scored   time.Duration
	Requests float64
	// Failed were never answered: given up, lost with their replica.
	Failed float64
	// Violations were not answered within the threshold, failures included.
	// Intrinsic ones could not have been: their service alone took longer.
	// Avoidable ones are the others (Violations − Intrinsic).
	Violations, Intrinsic, Avoidable float64
	// Waited is the sum of the times between arrival and start of service, in
	// seconds; only counted request by request.
	Waited    float64
	Latencies Latencies
	// ReplicaSeconds are paid: from creation to the end of draining.
	ReplicaSeconds float64
	// Changes are the instants at which the counts changed, over the whole run;
	// the first is the beginning.
	Changes []Change
	// Timeline is empty unless asked for.
	Timeline []Moment
	// Decisions were taken, of which Actions changed the count asked for.
	Decisions, Actions int
	// Events were played: arrivals, ends of service, changes of replicas,
	// measurements.
	Events uint64
}

// Change is what the counts were from an instant on.
type Change struct {
	At                     time.Duration
	Desired, Ready, Billed int
}

// Moment is a stretch of the timeline, from At to the next.
type Moment struct {
	At                     time.Duration
	Desired, Ready, Billed int
	RequestRate            float64 // per second
	Utilization            float64 // share of the ready slots that were busy
	P95                    float64 // seconds; 0 without any answer
	Requests, Avoidable    float64
}

// ViolationRatio is the share of requests that were not good.
func (r *Result) ViolationRatio() float64 { return share(r.Violations, r.Requests) }

// IntrinsicRatio is the share whose service alone took too long.
func (r *Result) IntrinsicRatio() float64 { return share(r.Intrinsic, r.Requests) }

// AvoidableRatio is the share that would have been good with more replicas.
func (r *Result) AvoidableRatio() float64 { return share(r.Avoidable, r.Requests) }

// ReplicaHours are paid: from creation to the end of draining.
func (r *Result) ReplicaHours() float64 { return r.ReplicaSeconds / 3600 }

func share(n, of float64) float64 {
	if of == 0 {
		return 0
	}
	return n / of
}
