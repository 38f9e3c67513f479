package hpa

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// measurement says how replicas are measured for a metric.
type measurement uint8

const (
	none   measurement = iota // not one by one
	shares                    // the part of what each requests (cpuUtilization)
	usages                    // what each uses, in units (cpu in cores)
)

// absurd is more than a sample can be, in thousandths, so that sums of it stay
// numbers: a hundred terabytes.
const absurd = 1e17

// amount is a measurement of one replica, in thousandths.
type amount struct {
	amount int64
	at     time.Time
	window time.Duration
}

// measured looks for samples of replicas. What they use goes before its share
// of the request, which has been divided already.
func (r *rule) measured(obs *scale.Observation) measurement {
	found := none
	for i := range obs.Replicas {
		for j := range obs.Replicas[i].Samples {
			switch s := &obs.Replicas[i].Samples[j]; {
			case s.Signal == r.counted(usages):
				return usages
			case r.resource != "" && s.Signal == r.share:
				found = shares
			}
		}
	}
	return found
}

// counted names the signal of the samples.
func (r *rule) counted(measured measurement) string {
	switch {
	case r.resource == "":
		return r.Signal
	case measured == shares:
		return r.share
	default:
		return r.resource
	}
}

// usage is what a replica uses; false when it is not measured. One whose
// containers are measured one by one must be measured as a whole.
func (r *rule) usage(replica *scale.Replica, request int64, measured measurement) (amount, bool) {
	name, sum, found := r.counted(measured), amount{}, 0
	for i := range replica.Samples {
		s := &replica.Samples[i]
		if s.Signal != name || (r.Container != "" && s.Container != r.Container) {
			continue
		}
		v := s.Value * 1000
		if measured == shares {
			v = s.Value * float64(request)
		}
		if !(math.Abs(v) <= absurd) || (v < 0 && r.resource != "") {
			return amount{}, false
		}
		one := amount{int64(math.Round(v)), s.At, s.Window}
		if s.Container == r.Container {
			return one, true // the very one, or the replica as a whole
		}
		one.amount += sum.amount
		sum, found = one, found+1
	}
	return sum, found > 0 && found >= named(replica)
}

// named counts the containers that have a name; one without stands for the
// replica as a whole.
func named(replica *scale.Replica) int {
	n := 0
	for i := range replica.Containers {
		if replica.Containers[i].Name != "" {
			n++
		}
	}
	return n
}

// request is what a replica requests of the resource, in thousandths:
// calculateRequests. A container without a name stands for the replica as a
// whole. Of shares it is enough to know that all request alike.
func (r *rule) request(replica *scale.Replica, measured measurement) (int64, bool) {
	sum, known := int64(0), len(replica.Containers) > 0
	for i := range replica.Containers {
		c := &replica.Containers[i]
		request, stated := c.Requests[r.resource]
		if c.Name == r.Container {
			sum, known = request, stated
			break
		}
		sum, known = sum+request, known && stated && r.Container == ""
	}
	if !known && measured == shares {
		return 1000, true
	}
	return sum, known
}

// startsUp reports whether a measured replica does not count yet: its CPU says
// nothing of its share of the load. That holds for the time after its start
// until one whole sample was taken while it was ready, and later if it was
// never ready. Other resources count from the first sample.
func (r *rule) startsUp(replica *scale.Replica, u amount, at time.Time) bool {
	if r.resource != "cpu" {
		return false
	}
	ready := &replica.Readiness
	if replica.StartedAt.IsZero() || (!ready.Known && ready.Since.IsZero()) {
		return true
	}
	notReady := ready.Known && !ready.Ready
	if replica.StartedAt.Add(r.initial).After(at) {
		return notReady || u.at.Before(ready.Since.Add(u.window))
	}
	return notReady && replica.StartedAt.Add(r.delay).After(ready.Since)
}
