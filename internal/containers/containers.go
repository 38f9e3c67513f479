// Package containers measures what the containers of a target use, for the
// targets that are made of them and for the source that is asked by name.
//
// A [Meter] is told which container is which replica, is given readings by
// one of two back ends, and says what follows from them. Readings are counts
// since a container began, so one that is lost costs nothing:
//
//	            ┌── Engine: streams of the engine ───┐
//	Follow ──►  │                                    ├─ readings ─► Meter ─► Collect
//	(replicas)  └── Agents: reports over the bus  ◄──┘                     (samples)
//	                       ▲
//	                 Agent, one on each node: files alone, no socket
package containers

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// Signals of containers that have no name in package scale.
const (
	CPUCores           = "cpuCores"           // cores used
	MemoryBytes        = "memoryBytes"        // bytes used, without pages of files that can go
	Processes          = "processes"          // processes and threads
	WritableLayerBytes = "writableLayerBytes" // bytes that were written to the file system of the container
	Restarts           = "restarts"           // how often it was started again
	HealthyRatio       = "healthyRatio"       // share of those with a health check that are healthy
)

// Signals lists what a meter may deliver. Which of them there are depends on
// what the kernel tells: that of many machines says nothing of disks.
func Signals() []string {
	return []string{
		scale.CPUUtilization, scale.MemoryUtilization, CPUCores, MemoryBytes,
		scale.NetworkReceiveRate, scale.NetworkTransmitRate, scale.DiskReadRate, scale.DiskWriteRate,
		Processes, WritableLayerBytes, Restarts, HealthyRatio,
	}
}

// Unreliable are the signals that many containers do not have, with the reason
// in words: a policy that decides on one could wait for ever.
func Unreliable() map[string]string {
	const disks = "many kernels do not count what disks move for a container"
	return map[string]string{
		scale.DiskReadRate: disks, scale.DiskWriteRate: disks,
		HealthyRatio: "only containers with a health check have one",
	}
}

// Requested is what utilization is a share of, and over which time it is
// averaged.
type Requested struct {
	// Cores and Bytes are requested by one replica; 0: the limit of its
	// container, or where there is none what the machine has.
	Cores, Bytes float64
	// Window is what measurements average over.
	Window time.Duration
}

// DefaultWindow is what measurements average over unless they are told.
const DefaultWindow = 15 * time.Second

// Subject is a replica as a meter needs to know it.
type Subject struct {
	Container string    // the ID of its container
	Since     time.Time // when it began to take work; zero: it takes none
	Restarts  int       // as the target counts them
}

// Reading is what a container has used by one moment.
type Reading struct {
	At time.Time // by our own clock
	// Tick is by the clock of who read it: what lies between two readings is
	// known exactly, however long they were under way.
	Tick time.Time
	cgroups.Usage
}

// Meter keeps what the containers of one target have used lately. All methods
// may be called from several goroutines.
type Meter struct {
	clock clock.Clock
	log   *slog.Logger
	// changed is told, coalesced, when others are to be followed.
	changed chan struct{}

	mu        sync.Mutex // guards what follows; nobody does I/O under it
	requested Requested
	followed  map[string]*followed // by replica
	fault     error                // why nothing can be measured at all
	said      map[string]bool      // what was said once
}

// followed is one replica with its readings of the last window, oldest first.
type followed struct {
	Subject
	from     time.Time // when following began
	readings []Reading
	machine  cgroups.Machine // where it runs; zero: not known
	vitals   docker.Vitals
	vitalsAt time.Time // zero: not known
	sizeAt   time.Time // zero: not known
	fault    error     // why it cannot be measured
	ended    bool      // its container has, whoever follows whom may not know it yet
}

// NewMeter returns one that follows nobody yet.
func NewMeter(r Requested, clk clock.Clock, log *slog.Logger) *Meter {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Meter{clock: clk, log: log, changed: make(chan struct{}, 1), followed: map[string]*followed{}, said: map[string]bool{}}
	m.Request(r)
	return m
}

// Request changes what utilization is a share of.
func (m *Meter) Request(r Requested) {
	if r.Window <= 0 {
		r.Window = DefaultWindow
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requested = r
}

// Follow sets who is measured, by the ID of the replica. Whoever is no longer
// named is forgotten; who has another container now begins anew.
func (m *Meter) Follow(subjects map[string]Subject) {
	m.mu.Lock()
	changed := len(subjects) != len(m.followed)
	kept := make(map[string]*followed, len(subjects))
	for replica, s := range subjects {
		f := m.followed[replica]
		if f == nil || f.Container != s.Container {
			f, changed = &followed{from: m.clock.Now()}, true
		}
		f.Subject = s
		kept[replica] = f
	}
	m.followed = kept
	m.mu.Unlock()
	if changed {
		select {
		case m.changed <- struct{}{}:
		default:
		}
	}
}

// containers are those that are to be measured.
func (m *Meter) containers() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]bool, len(m.followed))
	for _, f := range m.followed {
		if f.Container != "" {
			all[f.Container] = true
		}
	}
	return all
}

// each calls f with the replicas of a container, of which there is one.
func (m *Meter) each(container string, f func(*followed)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.followed {
		if one.Container == container {
			f(one)
		}
	}
}

// add keeps one reading of a container, and where it runs.
func (m *Meter) add(container string, r Reading, machine cgroups.Machine) {
	m.each(container, func(f *followed) {
		f.fault, f.ended, f.machine = nil, false, machine
		f.add(r, m.requested.Window)
	})
}

// add keeps a reading, and of those before it as many as the window takes. One
// that is told again says nothing new. A clock that was set back, and a
// container that was started again, begin anew.
func (f *followed) add(r Reading, window time.Duration) {
	if n := len(f.readings); n > 0 {
		last := f.readings[n-1]
		back := max(last.Tick.Sub(r.Tick), last.At.Sub(r.At))
		switch {
		case back > window || (back < 0 && r.CPU < last.CPU):
			f.readings = nil
		case !r.Tick.After(last.Tick) || !r.At.After(last.At):
			return
		}
	}
	f.readings = append(f.readings, r)
	drop := 0
	for drop+1 < len(f.readings) && r.Tick.Sub(f.readings[drop+1].Tick) >= window {
		drop++
	}
	f.readings = slices.Delete(f.readings, 0, drop)
}

// learn keeps what is known of a container beside what it uses. Where the size
// is not told it is as it was.
func (m *Meter) learn(container string, v docker.Vitals, at, sizeAt time.Time) {
	m.each(container, func(f *followed) {
		if v.Size == nil {
			v.Size = f.vitals.Size
		} else {
			f.sizeAt = sizeAt
		}
		f.vitals, f.vitalsAt = v, at
	})
}

// failOne notes why a container cannot be measured, until it can. One that has
// ended is no fault: it counts for nothing any more.
func (m *Meter) failOne(container string, err error) {
	m.each(container, func(f *followed) {
		if f.ended = errors.Is(err, docker.ErrGone); f.ended {
			err = nil
		}
		f.fault = err
	})
}

// Fail notes why nothing can be measured; nil: it can.
func (m *Meter) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

// Signals names what Collect may deliver.
func (m *Meter) Signals() []string { return Signals() }

// Collect says what the replicas use: for each of them, ready or not, and for
// the target, which is those that take work, each from when it was ready.
// Utilization and health are the mean of them, all else is the sum. A sum
// without one of them would be too small and is left out; so is what rests on
// less than two readings.
func (m *Meter) Collect(ctx context.Context) ([]scale.Sample, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	samples := m.samples()
	return samples, errors.Join(m.fault, m.silent())
}

// Entry is what the role that has the engine knows of a container.
type Entry struct {
	Container string         `json:"container"`
	Vitals    *docker.Vitals `json:"vitals,omitempty"`
	// At and SizeAt are when vitals and size were known.
	At     time.Time `json:"at,omitzero"`
	SizeAt time.Time `json:"sizeAt,omitzero"`
}

// Roll is which container each replica of a target is, for who measures
// without an engine.
type Roll struct {
	Target   string           `json:"target"`
	At       time.Time        `json:"at"`
	Replicas map[string]Entry `json:"replicas"`
}

// Roll is who is followed, with what is known of them.
func (m *Meter) Roll(target string) Roll {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := Roll{Target: target, At: m.clock.Now(), Replicas: make(map[string]Entry, len(m.followed))}
	for replica, f := range m.followed {
		entry := Entry{Container: f.Container, At: f.vitalsAt, SizeAt: f.sizeAt}
		if !f.vitalsAt.IsZero() {
			vitals := f.vitals
			entry.Vitals = &vitals
		}
		all.Replicas[replica] = entry
	}
	return all
}
