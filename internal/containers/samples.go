package containers

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// silence is how long a replica may go without a reading before that is said.
// Readings come once a second.
const silence = 10 * time.Second

// samples are those of each replica, then those of the target.
func (m *Meter) samples() []scale.Sample {
	var all []scale.Sample
	total := sums{}
	working := 0
	for _, replica := range slices.Sorted(maps.Keys(m.followed)) {
		f := m.followed[replica]
		share := m.shares(replica, f)
		for _, s := range f.samples(time.Time{}, share) {
			s.Replica = replica
			all = append(all, s)
		}
		if f.Since.IsZero() || f.ended {
			continue
		}
		working++
		if m.fault == nil && f.fault == nil && !m.isSilent(f) {
			total.add(f.samples(f.Since, share))
		}
	}
	return append(all, total.samples(working)...)
}

// share is what all of a resource is to one replica.
type share struct{ cores, bytes float64 }

// shares is what utilization is a share of: what is requested, else the limit
// of the container, else what the machine has, which is said once.
func (m *Meter) shares(replica string, f *followed) share {
	limits := f.limits()
	of := share{cores: cmp.Or(m.requested.Cores, limits.Cores), bytes: cmp.Or(m.requested.Bytes, limits.Memory)}
	if of.cores == 0 {
		of.cores = f.machine.Cores
		m.sayMachine("CPU", replica, f.machine.Cores)
	}
	if of.bytes == 0 {
		of.bytes = f.machine.Memory
		m.sayMachine("memory", replica, f.machine.Memory)
	}
	return of
}

func (m *Meter) sayMachine(what, replica string, all float64) {
	if all == 0 || m.said[what] {
		return // nothing was read yet, or it was said
	}
	m.said[what] = true
	m.log.Warn("no limit: utilization is a share of what the machine has", slog.String("of", what), slog.String("replica", replica), slog.Float64("machine", all))
}

// limits are those of the container as its newest reading or its vitals say.
func (f *followed) limits() cgroups.Machine {
	limits := cgroups.Machine{Cores: f.vitals.CPULimit, Memory: f.vitals.MemoryLimit}
	if n := len(f.readings); n > 0 {
		last := f.readings[n-1]
		limits = cgroups.Machine{Cores: cmp.Or(last.CPULimit, limits.Cores), Memory: cmp.Or(last.MemoryLimit, limits.Memory)}
	}
	return limits
}

// samples is what one replica used between the first reading that is not
// before since and the last, and how it is.
func (f *followed) samples(since time.Time, of share) []scale.Sample {
	first := slices.IndexFunc(f.readings, func(r Reading) bool { return !r.At.Before(since) })
	if first < 0 {
		return f.seldom(nil)
	}
	readings := f.readings[first:]
	last := readings[len(readings)-1]
	s := scale.Sample{At: last.At, Window: last.Tick.Sub(readings[0].Tick)}
	var all []scale.Sample
	add := func(signal string, value float64) {
		s.Signal, s.Value = signal, value
		all = append(all, s)
	}
	if s.Window > 0 {
		seconds := s.Window.Seconds()
		cores := (last.CPU - readings[0].CPU).Seconds() / seconds
		add(CPUCores, cores)
		if of.cores > 0 {
			add(scale.CPUUtilization, cores/of.cores)
		}
		memory := meanMemory(readings)
		add(MemoryBytes, memory)
		if of.bytes > 0 {
			add(scale.MemoryUtilization, memory/of.bytes)
		}
		if in, out, known := moved(readings, func(r Reading) *cgroups.Traffic { return r.Network }); known {
			add(scale.NetworkReceiveRate, in/seconds)
			add(scale.NetworkTransmitRate, out/seconds)
		}
		if in, out, known := moved(readings, func(r Reading) *cgroups.Traffic { return r.Disk }); known {
			add(scale.DiskReadRate, in/seconds)
			add(scale.DiskWriteRate, out/seconds)
		}
	}
	if s.Window = 0; last.Processes > 0 { // 0: nobody counts them
		add(Processes, float64(last.Processes))
	}
	return f.seldom(all)
}

// seldom adds what is not read from counts.
func (f *followed) seldom(all []scale.Sample) []scale.Sample {
	if f.vitalsAt.IsZero() {
		return all
	}
	// A restart is counted by the engine, or by a target that makes another
	// container instead; who sees both sees the same ones.
	all = append(all, scale.Sample{Signal: Restarts, At: f.vitalsAt, Value: float64(max(f.vitals.Restarts, f.Restarts))})
	if f.vitals.Size != nil {
		all = append(all, scale.Sample{Signal: WritableLayerBytes, At: f.sizeAt, Value: float64(*f.vitals.Size)})
	}
	switch f.vitals.Health {
	case docker.Healthy:
		all = append(all, scale.Sample{Signal: HealthyRatio, At: f.vitalsAt, Value: 1})
	case docker.Unhealthy, docker.HealthStarting:
		all = append(all, scale.Sample{Signal: HealthyRatio, At: f.vitalsAt})
	case docker.NoHealthCheck:
	}
	return all
}

func meanMemory(readings []Reading) float64 {
	sum := 0.0
	for _, r := range readings {
		sum += r.Memory
	}
	return sum / float64(len(readings))
}

// moved adds up the growth of a count; false where it is not known throughout.
// A count that fell began again, or lost an interface: that step is left out.
func moved(readings []Reading, of func(Reading) *cgroups.Traffic) (in, out float64, known bool) {
	before := of(readings[0])
	for _, r := range readings[1:] {
		now := of(r)
		if before == nil || now == nil {
			return 0, 0, false
		}
		if now.In >= before.In && now.Out >= before.Out {
			in += float64(now.In - before.In)
			out += float64(now.Out - before.Out)
		}
		before = now
	}
	return in, out, true
}

// sums adds up the samples of replicas, by signal.
type sums map[string]*sum

type sum struct {
	scale.Sample
	replicas int
}

func (t sums) add(samples []scale.Sample) {
	for _, s := range samples {
		if t[s.Signal] == nil {
			t[s.Signal] = &sum{Sample: scale.Sample{Signal: s.Signal}}
		}
		one := t[s.Signal]
		one.Value += s.Value
		one.Window = max(one.Window, s.Window)
		one.replicas++
		if s.At.After(one.At) {
			one.At = s.At
		}
	}
}

// samples are those of the target, of so many replicas that take work.
func (t sums) samples(working int) []scale.Sample {
	var all []scale.Sample
	for _, signal := range Signals() {
		one := t[signal]
		switch {
		case one == nil:
		case signal == scale.CPUUtilization || signal == scale.MemoryUtilization || signal == HealthyRatio:
			one.Value /= float64(one.replicas)
			all = append(all, one.Sample)
		case one.replicas == working:
			all = append(all, one.Sample)
		}
	}
	return all
}

// isSilent is true when a replica has not been read for long.
func (m *Meter) isSilent(f *followed) bool { return m.clock.Now().Sub(f.heard()) > silence }

// heard is when a replica was read last.
func (f *followed) heard() time.Time {
	if n := len(f.readings); n > 0 {
		return f.readings[n-1].At
	}
	return f.from
}

// silent says which replicas that take work are not measured, and why.
func (m *Meter) silent() error {
	const named = 3
	var names []string
	var first error
	count := 0
	for _, replica := range slices.Sorted(maps.Keys(m.followed)) {
		f := m.followed[replica]
		if f.Since.IsZero() || (f.fault == nil && !m.isSilent(f)) {
			continue
		}
		if count++; count <= named {
			names = append(names, replica)
		}
		if first == nil {
			first = f.fault
		}
	}
	switch {
	case count == 0:
		return nil
	case first != nil:
		return fmt.Errorf("%d of %d replicas are not measured (%s): %w", count, len(m.followed), strings.Join(names, ", "), first)
	default:
		return fmt.Errorf("%d of %d replicas are not measured (%s): no reading of their containers for %v", count, len(m.followed), strings.Join(names, ", "), silence)
	}
}
