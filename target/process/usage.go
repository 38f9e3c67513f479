package process

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// readingInterval is the time between two readings of what replicas use. A
// window shorter than that is read as often as it is long, though never more
// often than minReadingInterval: the kernel counts CPU time in steps of 10 ms.
const (
	readingInterval    = time.Second
	minReadingInterval = 100 * time.Millisecond
)

// Collect says how much of what they request the replicas use: for each of
// them, ready or not, and for the target, which is those that take work, each
// from when it was ready. CPU is counted for the whole process group of a
// replica and all it has started; memory is what is resident, so pages that
// processes of a replica share count once for each. What disks and networks
// moved is per second, and the target's is the sum.
//
// Readings are taken while Run runs. A value that rests on less than two of
// them is left out, also where nothing is ready. The error is that of the last
// reading, and [errors.ErrUnsupported] where nothing can be read.
func (t *Target) Collect(ctx context.Context) ([]scale.Sample, error) {
	samples, err := t.meter.samples(ctx)
	if err != nil {
		return nil, fmt.Errorf("process target %s: usage: %w", t.name, err)
	}
	return samples, nil
}

// meter keeps what the replicas have used lately. The engine says whom to
// follow, the sampler adds readings, Collect reads them.
type meter struct {
	procfs string // where the system shows its processes

	mu       sync.Mutex // guards what follows; nobody does I/O under it
	window   time.Duration
	cores    float64 // requested by one replica
	bytes    float64 // requested by one replica; 0: memory is not measured
	followed map[string]*followed
	fault    error // of the last reading
}

// followed is one replica with its readings of the last window, oldest first.
type followed struct {
	subject
	readings []reading
}

// subject is a replica as the sampler needs to know it.
type subject struct {
	pid      int
	identity string    // of the leader
	since    time.Time // when it began to take work; zero: it takes none
}

// reading is what a replica was seen to use.
type reading struct {
	at  time.Time
	cpu time.Duration // since it is followed
	rss float64       // bytes
	// disk and network count since the replica is followed.
	disk, network moved
}

func newMeter() *meter { return &meter{procfs: "/proc"} }

// follow sets who is read and what they request. Whoever is no longer named
// is forgotten.
func (m *meter) follow(cfg Config, subjects map[string]subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.window, m.cores = cfg.UsageWindow.Std(), cfg.Resources.CPU
	m.bytes, _ = cfg.Resources.bytes() // was validated
	kept := make(map[string]*followed, len(subjects))
	for id, s := range subjects {
		f := m.followed[id]
		if f == nil {
			f = &followed{}
		}
		f.subject = s
		kept[id] = f
	}
	m.followed = kept
	if len(kept) == 0 {
		m.fault = nil
	}
}

// subjects is who is to be read now, and how long to wait before the next
// time.
func (m *meter) subjects() (map[string]subject, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]subject, len(m.followed))
	for id, f := range m.followed {
		all[id] = f.subject
	}
	return all, min(readingInterval, max(m.window, minReadingInterval))
}

// add keeps one reading of each replica that was found; a replica that was
// not is read anew from the start.
func (m *meter) add(readings map[string]reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = nil
	for id, f := range m.followed {
		r, found := readings[id]
		if !found {
			f.readings = nil
			continue
		}
		f.readings = append(f.readings, r)
		drop := 0
		for drop+1 < len(f.readings) && r.at.Sub(f.readings[drop+1].at) >= m.window {
			drop++
		}
		f.readings = slices.Delete(f.readings, 0, drop)
	}
}

// fail notes that nothing can be read.
func (m *meter) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.followed) > 0 {
		m.fault = err
	}
}

func (m *meter) samples(ctx context.Context) ([]scale.Sample, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := measurable(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return nil, m.fault
	}
	var samples []scale.Sample
	var all []usage
	working := 0
	for _, id := range slices.Sorted(maps.Keys(m.followed)) {
		f := m.followed[id]
		if u, ok := usageOf(f.readings, time.Time{}); ok {
			samples = m.report(samples, id, u)
		}
		if f.since.IsZero() {
			continue
		}
		working++
		if u, ok := usageOf(f.readings, f.since); ok {
			all = append(all, u)
		}
	}
	if len(all) > 0 {
		u := mean(all)
		if len(all) == working { // a sum without one of them would be too small
			u.disk, u.network = sumMoved(all, diskOf), sumMoved(all, networkOf)
		}
		samples = m.report(samples, "", u)
	}
	return samples, nil
}

// report adds the samples of one replica, or of the target.
func (m *meter) report(samples []scale.Sample, id string, u usage) []scale.Sample {
	s := scale.Sample{Signal: scale.CPUUtilization, Replica: id, At: u.at, Window: u.window, Value: u.cores / m.cores}
	samples = append(samples, s)
	if m.bytes > 0 {
		s.Signal, s.Value = scale.MemoryUtilization, u.rss/m.bytes
		samples = append(samples, s)
	}
	return reportMoved(samples, s, u)
}

// usage is what was used in the mean over the window before at.
type usage struct {
	at     time.Time
	window time.Duration
	cores  float64
	rss    float64 // bytes
	// disk and network are per second.
	disk, network moved
}

// usageOf is the usage between the first reading that is not before since
// and the last one; false when these are not two.
func usageOf(readings []reading, since time.Time) (usage, bool) {
	first := slices.IndexFunc(readings, func(r reading) bool { return !r.at.Before(since) })
	if first < 0 || first == len(readings)-1 {
		return usage{}, false
	}
	from, to := readings[first], readings[len(readings)-1]
	u := usage{at: to.at, window: to.at.Sub(from.at)}
	if u.window <= 0 {
		return usage{}, false
	}
	u.cores = (to.cpu - from.cpu).Seconds() / u.window.Seconds()
	for _, r := range readings[first:] {
		u.rss += r.rss / float64(len(readings)-first)
	}
	u.disk = movedBetween(readings[first:], func(r reading) moved { return r.disk })
	u.network = movedBetween(readings[first:], func(r reading) moved { return r.network })
	return u, true
}

// mean is the usage of one replica of many, over the longest of their
// windows. All were read at the same moment.
func mean(all []usage) usage {
	u := usage{at: all[0].at}
	for _, one := range all {
		u.window = max(u.window, one.window)
		u.cores += one.cores / float64(len(all))
		u.rss += one.rss / float64(len(all))
	}
	return u
}
