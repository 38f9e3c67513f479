package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/cgroups"
)

// Meter is what measuring containers needs of a Docker engine.
type Meter interface {
	// Machine is what a container without limits may use.
	Machine(ctx context.Context) (cgroups.Machine, error)
	// Running names the containers that run.
	Running(ctx context.Context) ([]Name, error)
	// Stats reports what a container uses about once a second, until ctx is
	// done or the stream breaks. It never returns nil, and ErrGone where the
	// container has ended. Limits are not told.
	Stats(ctx context.Context, id string, report func(Stats)) error
	// Vitals says what changes seldom. The size of the writable layer takes
	// the engine long where there are many files, so it is asked for apart.
	Vitals(ctx context.Context, id string, withSize bool) (Vitals, error)
}

// Name is by what a container is known.
type Name struct {
	ID, Name string
	// Task is that of the Swarm which it runs; "" for none.
	Task string
}

// Stats is what a container has used by one moment.
type Stats struct {
	At time.Time // by the engine's clock
	cgroups.Usage
}

// Vitals is what is known of a container beside what it uses.
type Vitals struct {
	// CPULimit is in cores, MemoryLimit in bytes; 0: none.
	CPULimit    float64 `json:"cpuLimit,omitempty"`
	MemoryLimit float64 `json:"memoryLimit,omitempty"`
	Health      Health  `json:"health"`
	// Restarts counts those that its restart policy made.
	Restarts int `json:"restarts"`
	// Size is of the writable layer, in bytes; nil: not asked for.
	Size *int64 `json:"size,omitempty"`
}

var _ Meter = (*Client)(nil)

// sizeTimeout bounds how long a writable layer is counted.
const sizeTimeout = time.Minute

// labelTask is how Swarm marks the container of a task.
const labelTask = "com.docker.swarm.task.id"

// Machine asks what the engine's machine has.
func (c *Client) Machine(ctx context.Context) (cgroups.Machine, error) {
	info, err := ask(ctx, askTimeout, func(ctx context.Context) (client.SystemInfoResult, error) {
		return c.api.Info(ctx, client.InfoOptions{})
	})
	if err != nil {
		return cgroups.Machine{}, fmt.Errorf("ask what the machine has: %w", err)
	}
	return cgroups.Machine{Cores: float64(info.Info.NCPU), Memory: float64(info.Info.MemTotal)}, nil
}

// Running lists what runs.
func (c *Client) Running(ctx context.Context) ([]Name, error) {
	found, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ContainerListResult, error) {
		return c.api.ContainerList(ctx, client.ContainerListOptions{})
	})
	if err != nil {
		return nil, fmt.Errorf("list what runs: %w", err)
	}
	all := make([]Name, 0, len(found.Items))
	for _, item := range found.Items {
		n := Name{ID: item.ID, Task: item.Labels[labelTask]}
		if len(item.Names) > 0 {
			n.Name = strings.TrimPrefix(item.Names[0], "/")
		}
		all = append(all, n)
	}
	return all, nil
}

// Stats follows the stream of a container.
func (c *Client) Stats(ctx context.Context, id string, report func(Stats)) error {
	stream, err := c.api.ContainerStats(ctx, id, client.ContainerStatsOptions{Stream: true})
	if err != nil {
		return fmt.Errorf("measure container %s: %w", id, named(err))
	}
	defer stream.Body.Close()
	decoder := json.NewDecoder(stream.Body)
	for {
		var s container.StatsResponse
		if err := decoder.Decode(&s); err != nil {
			return fmt.Errorf("measure container %s: %w", id, brokenOff(ctx, err))
		}
		if !s.Read.IsZero() { // else it does not run, and every count is 0
			report(Stats{At: s.Read, Usage: usageOf(s)})
		}
	}
}

// brokenOff is why a stream of measurements has ended. The engine closes it in
// order when the container is gone; one that goes away itself breaks it off.
func brokenOff(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it has ended", ErrGone)
	default:
		return lost(err)
	}
}

// usageOf is what the engine says in our words. It reads the files that
// package cgroups reads.
func usageOf(s container.StatsResponse) cgroups.Usage {
	cache, v1 := s.MemoryStats.Stats["total_inactive_file"]
	if !v1 {
		cache = s.MemoryStats.Stats["inactive_file"]
	}
	u := cgroups.Usage{
		CPU:       time.Duration(s.CPUStats.CPUUsage.TotalUsage), //nolint:gosec // 292 years
		Memory:    max(0, float64(s.MemoryStats.Usage)-float64(cache)),
		Processes: int64(s.PidsStats.Current), //nolint:gosec // no machine has so many
	}
	for _, n := range s.Networks {
		if u.Network == nil {
			u.Network = &cgroups.Traffic{}
		}
		u.Network.In += n.RxBytes
		u.Network.Out += n.TxBytes
	}
	for _, entry := range s.BlkioStats.IoServiceBytesRecursive {
		if u.Disk == nil {
			u.Disk = &cgroups.Traffic{}
		}
		switch strings.ToLower(entry.Op) {
		case "read":
			u.Disk.In += entry.Value
		case "write":
			u.Disk.Out += entry.Value
		}
	}
	return u
}

// Vitals inspects a container.
func (c *Client) Vitals(ctx context.Context, id string, withSize bool) (Vitals, error) {
	limit := askTimeout
	if withSize {
		limit = sizeTimeout
	}
	found, err := ask(ctx, limit, func(ctx context.Context) (client.ContainerInspectResult, error) {
		return c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{Size: withSize})
	})
	if err != nil {
		return Vitals{}, fmt.Errorf("inspect container %s: %w", id, err)
	}
	one := found.Container
	v := Vitals{Restarts: one.RestartCount, Size: one.SizeRw}
	if one.State != nil {
		v.Health = healthOf(one.State.Health)
	}
	if one.HostConfig != nil {
		v.CPULimit, v.MemoryLimit = cpuLimit(one.HostConfig.Resources), float64(one.HostConfig.Memory)
	}
	return v, nil
}

// cpuLimit is in cores; 0: none. A container that may run on some CPUs alone
// has no more than those.
func cpuLimit(r container.Resources) float64 {
	limit := float64(r.NanoCPUs) / 1e9
	if limit == 0 && r.CPUQuota > 0 {
		const usualPeriod = 100000
		period := r.CPUPeriod
		if period == 0 {
			period = usualPeriod
		}
		limit = float64(r.CPUQuota) / float64(period)
	}
	if cpus, err := cgroups.ParseCPUs([]byte(r.CpusetCpus)); err == nil && (limit == 0 || float64(cpus) < limit) {
		limit = float64(cpus)
	}
	return limit
}
