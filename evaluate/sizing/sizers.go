package sizing

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/vertical"
)

// Recommender is what recommends, of ours or of somebody else's.
type Recommender interface {
	Add(u vertical.Usage) error
	AddOOM(o vertical.OOM) error
	Recommend() []vertical.Recommendation
}

// Recommended sizes by what a recommender says, when [vertical.Due] says so: as
// the Vertical Pod Autoscaler does in place.
func Recommended(name string, make func() Recommender) Contestant {
	return Contestant{Name: name, New: func(w Workload) Sizer { return &recommended{resource: w.Resource, Recommender: make()} }}
}

type recommended struct {
	resource vertical.Resource
	Recommender
}

// container is the one that is played, of a replica that is always the same.
const container = "web"

func (r *recommended) Used(start time.Time, amount vertical.Amount) {
	_ = r.Add(vertical.Usage{Replica: container, Container: container, Resource: r.resource, Start: start, Amount: amount}) // in order
	if r.resource == vertical.Memory {
		// The history is dated by CPU.
		_ = r.Add(vertical.Usage{Replica: container, Container: container, Resource: vertical.CPU, Start: start})
	}
}

func (r *recommended) OutOfMemory(at time.Time, had vertical.Amount) {
	_ = r.AddOOM(vertical.OOM{Replica: container, Container: container, At: at, Requested: had}) // in order
}

func (r *recommended) Size(now State) vertical.Amount {
	for _, rec := range r.Recommend() {
		e, ok := rec.Of(r.resource)
		if !ok {
			continue
		}
		rec.Estimates = []vertical.Estimate{e} // the other resource is not played
		c := vertical.SizedContainer{Name: container, OOMStarted: now.OOMStarted, OOMAt: now.OOMAt}
		c.Requests[r.resource] = now.Has
		if _, due := vertical.Due([]vertical.Recommendation{rec}, vertical.Sized{StartedAt: now.StartedAt, Containers: []vertical.SizedContainer{c}}, now.At); due {
			return e.Target
		}
	}
	return now.Has
}

// VPA is the Vertical Pod Autoscaler's algorithm.
func VPA() Contestant {
	return Recommended("vpa", func() Recommender { return vertical.New(vertical.VPA(), nil) })
}

// static asks for the same all the time.
type static vertical.Amount

func (s static) Size(State) vertical.Amount           { return vertical.Amount(s) }
func (static) Used(time.Time, vertical.Amount)        {}
func (static) OutOfMemory(time.Time, vertical.Amount) {}

// StaticGuess asks for what somebody writes who has watched for an hour: twice
// the highest.
func StaticGuess() Contestant {
	return Contestant{Name: "static guess", New: func(w Workload) Sizer { return static(Guess(w)) }}
}

// StaticPeak asks for the most that will ever be used: no static number is
// smaller and never too small.
func StaticPeak() Contestant {
	return Contestant{Name: "static peak", New: func(w Workload) Sizer { return static(w.Resource.Of(w.highest(w.Length))) }}
}

// Guess is what every container asks for at first.
func Guess(w Workload) vertical.Amount { return w.Resource.Of(2 * w.highest(time.Hour)) }

// highest is what a container that never restarts uses until a time.
func (w Workload) highest(until time.Duration) float64 {
	highest := 0.0
	for at := time.Duration(0); at < min(until, w.Length); at += time.Minute {
		if d := w.Demand(at, at); !math.IsNaN(d) {
			highest = max(highest, d)
		}
	}
	return highest
}

// Contestants are all that are judged.
func Contestants() []Contestant { return []Contestant{VPA(), StaticGuess(), StaticPeak()} }
