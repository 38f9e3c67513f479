package vertical

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Recommender remembers what the containers of one target used and recommends
// what they should ask for. One owner calls it.
type Recommender struct {
	model      Model
	containers Containers
	histories  map[string]*history
	instances  map[key]*instance
}

// key names a container of a replica.
type key struct{ replica, container string }

// New returns a recommender that has seen nothing.
func New(m Model, c Containers) *Recommender {
	return &Recommender{model: m, containers: c, histories: map[string]*history{}, instances: map[key]*instance{}}
}

// Usage is what one container of one replica used of a resource.
type Usage struct {
	Replica, Container string
	Resource           Resource
	// Start of the time it is measured over; it is that which dates it.
	Start  time.Time
	Amount Amount
}

// OOM is a container of a replica that was killed for want of memory.
type OOM struct {
	Replica, Container string
	At                 time.Time
	// Requested is what it had asked for; 0: nothing.
	Requested Amount
}

// Why something was not counted.
var (
	ErrOld      = errors.New("it is older than what was seen of that container")
	ErrNegative = errors.New("it is below 0")
)

// Add counts what a container used. It must come in order: what is older than
// what came before, or the same CPU sample again, is refused.
func (r *Recommender) Add(u Usage) error {
	h, i := r.of(u.Replica, u.Container, u.Start) // also of what is refused: the container is there
	switch {
	case u.Amount < 0:
		return fmt.Errorf("%s of %s: %w", u.Resource, u.Replica, ErrNegative)
	case u.Resource == CPU && !u.Start.After(i.LastCPU):
		return fmt.Errorf("cpu of %s: %w", u.Replica, ErrOld)
	case u.Resource == CPU:
		h.addCPU(u.Amount, u.Start)
		i.LastCPU = u.Start
	case !i.addMemory(h, &r.model, u.Amount, u.Start, false):
		return fmt.Errorf("memory of %s: %w", u.Replica, ErrOld)
	}
	return nil
}

// AddOOM counts a container that ran out of memory as one that used more than it
// had. One from before the last interval says nothing of now, and is refused.
func (r *Recommender) AddOOM(o OOM) error {
	h, i := r.of(o.Replica, o.Container, o.At)
	if !i.LastMemory.IsZero() && o.At.Before(i.LastMemory.Add(-r.model.PeakInterval)) {
		return fmt.Errorf("out of memory of %s: %w", o.Replica, ErrOld)
	}
	i.addMemory(h, &r.model, i.needed(&r.model, o.Requested), o.At, true)
	return nil
}

// of is what is known of a container.
func (r *Recommender) of(replica, container string, at time.Time) (*history, *instance) {
	h := r.histories[container]
	if h == nil {
		h = newHistory(&r.model, at)
		r.histories[container] = h
	}
	k := key{replica, container}
	i := r.instances[k]
	if i == nil {
		i = &instance{}
		r.instances[k] = i
	}
	if at.After(i.Seen) {
		i.Seen = at
	}
	return h, i
}

// Forget drops what was not seen for long: containers of which there was nothing
// for the whole history (8 days), and replicas of which there was nothing for
// the time of a peak.
func (r *Recommender) Forget(at time.Time) {
	maps.DeleteFunc(r.histories, func(_ string, h *history) bool { return h.isOver(&r.model, at) })
	maps.DeleteFunc(r.instances, func(k key, i *instance) bool {
		return r.histories[k.container] == nil || at.Sub(i.Seen) >= r.model.PeakInterval
	})
}

// Recommend says what each container should ask for, sorted by name. Those whose
// policy is off are left out.
func (r *Recommender) Recommend() []Recommendation {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.histories)) {
		if !r.containers.of(name).Off {
			names = append(names, name)
		}
	}
	all := make([]Recommendation, 0, len(names))
	for _, name := range names {
		all = append(all, r.recommend(name, len(names)))
	}
	return all
}
