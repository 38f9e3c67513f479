package vertical

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Signals of a replica that are sizes' usage: cores, and bytes.
const (
	usedCores = "cpuCores"
	usedBytes = "memoryBytes"
)

// Config is how a target is sized.
type Config struct {
	Mode       Mode
	Containers Containers
	// Learn is how long the use of a container must be known before anything is
	// given a size because of it.
	Learn time.Duration
}

// Sizer follows what the containers of a target use, and says which sizes they
// should have and who is to be given them. It takes its time from what it
// observes. One owner calls it.
type Sizer struct {
	cfg  Config
	rec  *Recommender
	told map[key]told
	// recommended at an instant: once a minute is enough.
	recommended []Recommendation
	at          time.Time
}

// told is when the recommender was told last of a container of a replica.
type told struct {
	CPU time.Time `json:"cpu,omitzero"` // the time of a sample
	OOM time.Time `json:"oom,omitzero"`
}

// pace is the time between two samples of CPU: the confidence in the bounds is
// reckoned in samples a minute.
const pace = time.Minute

// slack is the least share by which memory stays above what is used as it is
// taken away.
const slack = 0.15

// NewSizer returns one that has seen nothing.
func NewSizer(m Model, cfg Config) *Sizer {
	return &Sizer{cfg: cfg, rec: New(m, cfg.Containers), told: map[key]told{}}
}

// Ended is a container that ran out of memory.
type Ended struct {
	OOM
	StartedAt time.Time // of the container; zero: not known
}

// Observe takes in what is used now and which containers ran out of memory
// lately, and returns what should be asked for. The same end may be told again.
// The result shares memory with the sizer until the next call.
func (s *Sizer) Observe(obs *scale.Observation, ended []Ended) Sizing {
	s.learn(obs, ended)
	if s.at.IsZero() || obs.At.Sub(s.at).Abs() >= pace {
		s.rec.Forget(obs.At)
		s.forget(obs.At)
		s.recommended, s.at = s.rec.Recommend(), obs.At
	}
	out := Sizing{Mode: s.cfg.Mode, Containers: s.recommended}
	if s.cfg.Mode == Off {
		return out
	}
	known := s.known()
	out.Starting = sizesOf(known)
	if s.cfg.Mode != Initial {
		out.Replicas = s.due(obs, ended, known)
	}
	return out
}

// learn tells the recommender what is new.
func (s *Sizer) learn(obs *scale.Observation, ended []Ended) {
	for i := range obs.Replicas {
		for _, sample := range obs.Replicas[i].Samples {
			s.sample(obs.Replicas[i].ID, sample)
		}
	}
	for _, o := range ended {
		k := key{o.Replica, o.Container}
		if t := s.told[k]; o.At.After(t.OOM) {
			t.OOM = o.At
			s.told[k] = t
			_ = s.rec.AddOOM(o.OOM) // an old one says nothing
		}
	}
}

// sample tells of what a replica used: CPU once a minute, and memory always,
// whose highest counts.
func (s *Sizer) sample(replica string, sample scale.Sample) {
	u := Usage{Replica: replica, Container: sample.Container, Start: sample.At.Add(-sample.Window)}
	k := key{replica, sample.Container}
	t := s.told[k]
	switch sample.Signal {
	case usedCores:
		if sample.At.Sub(t.CPU) < pace && !sample.At.Before(t.CPU) {
			return
		}
		t.CPU = sample.At
		s.told[k] = t
	case usedBytes:
		u.Resource = Memory
	default:
		return
	}
	u.Amount = u.Resource.Of(sample.Value)
	_ = s.rec.Add(u) // the same again, or one from before a clock was set back
}

// forget drops what is known of replicas that are gone for long.
func (s *Sizer) forget(at time.Time) {
	for k, t := range s.told {
		if at.Sub(t.CPU) > s.rec.model.PeakInterval && at.Sub(t.OOM) > s.rec.model.PeakInterval {
			delete(s.told, k)
		}
	}
}

// known are the recommendations that rest on enough.
func (s *Sizer) known() []Recommendation {
	var known []Recommendation
	for _, r := range s.recommended {
		if r.Samples > 0 && r.Last.Sub(r.First) >= s.cfg.Learn {
			known = append(known, r)
		}
	}
	return known
}

// sizesOf are the targets, but for what was never measured.
func sizesOf(recs []Recommendation) []Size {
	var sizes []Size
	for _, r := range recs {
		size := Size{Container: r.Container}
		for _, e := range r.Estimates {
			if e.Reason.Code != ByNoUsage {
				size.set(e.Resource, e.Target)
			}
		}
		if size.CPU > 0 || size.Memory > 0 {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// due are the replicas that are to be resized: a tenth of them at a time, so
// that a size that is wrong is seen before all have it.
func (s *Sizer) due(obs *scale.Observation, ended []Ended, recs []Recommendation) []Resize {
	var all []Resize
	most := max(1, len(obs.Replicas)/10)
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		if r.Phase != scale.Running || !r.DeletedAt.IsZero() || len(all) == most {
			continue
		}
		why, due := Due(recs, sized(r, ended), obs.At)
		if !due {
			continue
		}
		if sizes := changes(r, sizesOf(recs)); len(sizes) > 0 {
			all = append(all, Resize{Replica: r.ID, Sizes: sizes, Why: why.String()})
		}
	}
	return all
}

// sized is what a replica asks for.
func sized(r *scale.Replica, ended []Ended) Sized {
	s := Sized{StartedAt: r.StartedAt}
	for _, c := range r.Containers {
		one := SizedContainer{Name: c.Name}
		for _, resource := range Resources() {
			one.Requests[resource] = asked(c, resource)
		}
		for _, o := range ended {
			if o.Replica == r.ID && o.Container == c.Name {
				one.OOMStarted, one.OOMAt = o.StartedAt, o.At
			}
		}
		s.Containers = append(s.Containers, one)
	}
	return s
}

// asked is what a container asks for; below 0: nothing.
func asked(c scale.Container, r Resource) Amount {
	thousandths, stated := c.Requests[r.String()]
	switch {
	case !stated:
		return -1
	case r == CPU:
		return Amount(thousandths)
	default:
		return Amount(thousandths / 1000)
	}
}

// changes are the sizes that differ from what a replica asks for. Memory is
// never taken below what is used now, and some more.
func changes(r *scale.Replica, sizes []Size) []Size {
	var all []Size
	for _, size := range sizes {
		i := slices.IndexFunc(r.Containers, func(c scale.Container) bool { return c.Name == size.Container })
		if i < 0 {
			continue
		}
		for _, resource := range Resources() {
			has, to := asked(r.Containers[i], resource), size.Of(resource)
			if resource == Memory && to > 0 && to < has {
				to = max(to, needs(r, size.Container))
				to = min(to, has)
			}
			if to == has {
				to = 0
			}
			size.set(resource, to)
		}
		if size.CPU > 0 || size.Memory > 0 {
			all = append(all, size)
		}
	}
	return all
}

// needs is the memory that a container needs for what it uses now.
func needs(r *scale.Replica, container string) Amount {
	for _, s := range r.Samples {
		if s.Signal == usedBytes && s.Container == container {
			return Memory.Of(s.Value * (1 + slack))
		}
	}
	return mostAmount // it is not known: nothing is taken away
}

// sizerState is the memory of a sizer.
type sizerState struct {
	Recommender []byte      `json:"recommender"`
	Told        []toldState `json:"told"`
}

type toldState struct {
	Replica   string `json:"replica"`
	Container string `json:"container,omitempty"`
	told
}

// Snapshot returns the whole memory.
func (s *Sizer) Snapshot() ([]byte, error) {
	recommender, err := s.rec.Snapshot()
	if err != nil {
		return nil, err
	}
	state := sizerState{Recommender: recommender, Told: []toldState{}}
	for k, t := range s.told {
		state.Told = append(state.Told, toldState{k.replica, k.container, t})
	}
	slices.SortFunc(state.Told, func(a, b toldState) int {
		return cmp.Or(cmp.Compare(a.Replica, b.Replica), cmp.Compare(a.Container, b.Container))
	})
	return json.Marshal(state)
}

// Restore takes over what Snapshot returned, or returns [scale.ErrSnapshot] and
// leaves s unchanged.
func (s *Sizer) Restore(snapshot []byte) error {
	var state sizerState
	if err := json.Unmarshal(snapshot, &state); err != nil {
		return fmt.Errorf("snapshot of sizes: %w: %w", scale.ErrSnapshot, err)
	}
	if err := s.rec.Restore(state.Recommender); err != nil {
		return err
	}
	s.told, s.at = map[key]told{}, time.Time{}
	for _, t := range state.Told {
		s.told[key{t.Replica, t.Container}] = t.told
	}
	return nil
}
