package docker

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// describe is a container in our words.
func describe(c container.InspectResponse) Container {
	d := Container{
		ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"),
		Addresses: map[string]string{}, Published: map[int]string{},
	}
	if c.Config != nil {
		d.Image, d.Labels, d.StopGrace = c.Config.Image, c.Config.Labels, graceOf(c.Config.StopTimeout)
	}
	if c.HostConfig != nil {
		d.Network = string(c.HostConfig.NetworkMode)
	}
	if c.State != nil {
		d.State, d.Health = stateOf(c.State), healthOf(c.State.Health)
		d.Paused = d.State == Running && c.State.Paused
		d.StartedAt = timeOf(c.State.StartedAt)
		d.ExitCode, d.Exit = c.State.ExitCode, exitOf(c.State)
	}
	if c.NetworkSettings != nil && d.State == Running {
		d.addAddresses(c.NetworkSettings)
	}
	return d
}

func (c *Container) addAddresses(s *container.NetworkSettings) {
	for name, endpoint := range s.Networks {
		if endpoint != nil && endpoint.IPAddress.IsValid() {
			c.Addresses[name] = endpoint.IPAddress.String()
		}
	}
	for port, bindings := range s.Ports {
		for _, b := range bindings {
			if port.Proto() == network.TCP && c.Published[int(port.Num())] == "" {
				c.Published[int(port.Num())] = net.JoinHostPort(reachable(b), b.HostPort)
			}
		}
	}
}

// reachable is the address at which this machine reaches a published port.
func reachable(b network.PortBinding) string {
	if !b.HostIP.IsValid() || b.HostIP.IsUnspecified() {
		return "127.0.0.1"
	}
	return b.HostIP.String()
}

// Address is host:port in a network of the container: the first that it has
// of the preferred ones, else the one it was made in, else the first by name;
// "" while it has none.
func (c Container) Address(port string, preferred ...string) string {
	candidates := append(slices.Clone(preferred), c.Network)
	for _, name := range append(candidates, slices.Sorted(maps.Keys(c.Addresses))...) {
		if ip := c.Addresses[name]; ip != "" {
			return net.JoinHostPort(ip, port)
		}
	}
	return ""
}

// graceOf is a container's own time from the stop signal to SIGKILL; the engine
// gives 10 s to one that says nothing.
func graceOf(seconds *int) time.Duration {
	if seconds == nil {
		return 10 * time.Second
	}
	return time.Duration(*seconds) * time.Second
}

func stateOf(s *container.State) State {
	switch {
	case s.Status == container.StateRemoving || s.Dead, s.Restarting:
		return Exited // one that the engine will start again has ended all the same
	case s.Running:
		return Running
	case s.Status == container.StateCreated:
		return Created
	default:
		return Exited
	}
}

func healthOf(h *container.Health) Health {
	if h == nil {
		return NoHealthCheck
	}
	switch h.Status {
	case container.Healthy:
		return Healthy
	case container.Unhealthy:
		return Unhealthy
	case container.Starting:
		return HealthStarting
	default:
		return NoHealthCheck
	}
}

func exitOf(s *container.State) string {
	text := fmt.Sprintf("exit status %d", s.ExitCode)
	if s.OOMKilled {
		text += ", out of memory"
	}
	if s.Error != "" {
		text += ": " + s.Error
	}
	return text
}

// timeOf reads the engine's times; its zero is the year 1.
func timeOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 2 {
		return time.Time{}
	}
	return t
}
