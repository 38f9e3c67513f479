package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

var _ Cluster = (*Client)(nil)

// The manager's own words. A conflict is answered with status 500.
var (
	outOfSequenceWords = []string{"update out of sequence"}
	noManagerWords     = []string{"not a swarm manager", "does not have a leader", "is locked"}
)

// swarmNamed gives an error of a manager the name that callers branch on.
func swarmNamed(err error) error {
	says := func(words []string) bool {
		text := strings.ToLower(err.Error())
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case err == nil || errors.Is(err, ErrUnreachable):
		return err
	case says(outOfSequenceWords):
		return fmt.Errorf("%w: %w", ErrOutOfSequence, err)
	case says(noManagerWords):
		return fmt.Errorf("%w: %w", ErrNoManager, err)
	case errdefs.IsNotFound(err):
		return fmt.Errorf("%w: %w", ErrNoService, err)
	default:
		return err
	}
}

// askSwarm asks a manager for at most a few seconds and says about what.
func askSwarm[R any](ctx context.Context, about string, call func(context.Context) (R, error)) (R, error) {
	result, err := ask(ctx, askTimeout, call)
	if err != nil {
		return result, fmt.Errorf("%s: %w", about, swarmNamed(err))
	}
	return result, nil
}

// Service describes a service, by ID or name.
func (c *Client) Service(ctx context.Context, name string) (Service, error) {
	found, err := askSwarm(ctx, "inspect service "+name, func(ctx context.Context) (client.ServiceInspectResult, error) {
		return c.api.ServiceInspect(ctx, name, client.ServiceInspectOptions{})
	})
	if err != nil {
		return Service{}, err
	}
	return serviceOf(found.Service), nil
}

// Services describes all services, by name.
func (c *Client) Services(ctx context.Context) ([]Service, error) {
	found, err := askSwarm(ctx, "list services", func(ctx context.Context) (client.ServiceListResult, error) {
		return c.api.ServiceList(ctx, client.ServiceListOptions{})
	})
	all := make([]Service, 0, len(found.Items))
	for _, s := range found.Items {
		all = append(all, serviceOf(s))
	}
	slices.SortFunc(all, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// Scale sends a service back with another count. Private images stay within
// reach: the registry's credentials are those that the service has.
func (c *Client) Scale(ctx context.Context, s Service, replicas int) error {
	read, ok := s.raw.(swarm.Service)
	if !ok || replicas < 0 || s.Mode != Replicated {
		return fmt.Errorf("scale service %s to %d: must be a replicated service as it was read, and a count of 0 or more", s.Name, replicas)
	}
	count := uint64(replicas)
	spec := read.Spec
	spec.Mode.Replicated = &swarm.ReplicatedService{Replicas: &count}
	_, err := askSwarm(ctx, fmt.Sprintf("scale service %s to %d", s.Name, replicas), func(ctx context.Context) (client.ServiceUpdateResult, error) {
		return c.api.ServiceUpdate(ctx, s.ID, client.ServiceUpdateOptions{Version: read.Version, Spec: spec, RegistryAuthFrom: swarm.RegistryAuthFromSpec})
	})
	return err
}

// Tasks describes all tasks of a service, by ID.
func (c *Client) Tasks(ctx context.Context, service string) ([]Task, error) {
	found, err := askSwarm(ctx, "list tasks of service "+service, func(ctx context.Context) (client.TaskListResult, error) {
		return c.api.TaskList(ctx, client.TaskListOptions{Filters: client.Filters{}.Add("service", service)})
	})
	all := make([]Task, 0, len(found.Items))
	for _, t := range found.Items {
		all = append(all, taskOf(t))
	}
	slices.SortFunc(all, func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

// Nodes describes all nodes, by ID.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	found, err := askSwarm(ctx, "list nodes", func(ctx context.Context) (client.NodeListResult, error) {
		return c.api.NodeList(ctx, client.NodeListOptions{})
	})
	all := make([]Node, 0, len(found.Items))
	for _, n := range found.Items {
		all = append(all, nodeOf(n))
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

// Node is the ID of the engine's own node; "" outside of a swarm.
func (c *Client) Node(ctx context.Context) (string, error) {
	found, err := askSwarm(ctx, "ask for the node", func(ctx context.Context) (client.SystemInfoResult, error) {
		return c.api.Info(ctx, client.InfoOptions{})
	})
	return found.Info.Swarm.NodeID, err
}

// Happenings follows services, nodes and the containers of this node's tasks.
func (c *Client) Happenings(ctx context.Context) (<-chan struct{}, <-chan error) {
	wanted := client.Filters{}
	for _, kind := range []events.Type{events.ServiceEventType, events.NodeEventType, events.ContainerEventType} {
		wanted.Add("type", string(kind))
	}
	for _, action := range []events.Action{
		events.ActionCreate, events.ActionUpdate, events.ActionRemove, events.ActionStart, events.ActionKill,
		events.ActionDie, events.ActionHealthStatus,
	} {
		wanted.Add("event", string(action))
	}
	stream, end := c.follow(ctx, wanted)
	told, failed := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		defer end()
		for {
			select {
			case <-stream.Messages:
				select {
				case told <- struct{}{}:
				default: // it is told already
				}
			case err := <-stream.Err:
				failed <- fmt.Errorf("follow the swarm: %w", lost(err))
				return
			}
		}
	}()
	return told, failed
}

// serviceOf is a service in our words.
func serviceOf(s swarm.Service) Service {
	d := Service{ID: s.ID, Name: s.Spec.Name, Labels: s.Spec.Labels, Version: s.Version.Index, Mode: modeOf(s.Spec.Mode), raw: s}
	if r := s.Spec.Mode.Replicated; r != nil {
		d.Replicas = 1 // where the description leaves it out
		if r.Replicas != nil {
			d.Replicas = int(*r.Replicas)
		}
	}
	if u := s.UpdateStatus; u != nil {
		d.Rollout, d.RolloutSays = rolloutOf(u.State), u.Message
		if u.StartedAt != nil && d.Rollout != NoRollout {
			d.RolloutSince = *u.StartedAt
		}
	}
	if c := s.Spec.TaskTemplate.ContainerSpec; c != nil {
		d.StopGracePeriod = 10 * time.Second // the engine's own
		if c.StopGracePeriod != nil {
			d.StopGracePeriod = *c.StopGracePeriod
		}
		d.Checked = c.Healthcheck != nil && len(c.Healthcheck.Test) > 0 && c.Healthcheck.Test[0] != "NONE"
	}
	d.Placement, d.Demands = placementOf(s.Spec)
	return d
}

func modeOf(m swarm.ServiceMode) Mode {
	switch {
	case m.Global != nil:
		return Global
	case m.ReplicatedJob != nil:
		return ReplicatedJob
	case m.GlobalJob != nil:
		return GlobalJob
	default:
		return Replicated
	}
}

func rolloutOf(s swarm.UpdateState) Rollout {
	switch s {
	case swarm.UpdateStateUpdating, swarm.UpdateStateRollbackStarted:
		return RollingOut
	case swarm.UpdateStatePaused, swarm.UpdateStateRollbackPaused:
		return RolloutPaused
	default:
		return NoRollout
	}
}

// placementOf is what decides where a task may run, and whether it takes
// something away that others may want.
func placementOf(s swarm.ServiceSpec) (placement string, demands bool) {
	var host []swarm.PortConfig
	if s.EndpointSpec != nil {
		for _, p := range s.EndpointSpec.Ports {
			if p.PublishMode == swarm.PortConfigPublishModeHost {
				host = append(host, p)
			}
		}
	}
	var reserved *swarm.Resources
	if r := s.TaskTemplate.Resources; r != nil {
		reserved = r.Reservations
	}
	return inJSON(s.TaskTemplate.Placement, reserved, host, s.TaskTemplate.Networks), reserved != nil || len(host) > 0
}

// inJSON is a text that is equal when the parts are: maps are sorted.
func inJSON(parts ...any) string {
	raw, err := json.Marshal(parts)
	if err != nil {
		return err.Error() // plain data has none
	}
	return string(raw)
}

// taskOf is a task in our words.
func taskOf(t swarm.Task) Task {
	d := Task{ID: t.ID, Slot: t.Slot, Node: t.NodeID, CreatedAt: t.CreatedAt, Since: t.Status.Timestamp,
		State: taskStateOf(t.Status.State), Removed: t.DesiredState == swarm.TaskStateRemove, Published: map[int]int{}}
	d.Stays = t.DesiredState == swarm.TaskStateRunning || t.DesiredState == swarm.TaskStateReady
	d.Says = cmp.Or(t.Status.Err, t.Status.Message)
	if c := t.Status.ContainerStatus; c != nil {
		d.Container = c.ContainerID
	}
	for _, n := range t.NetworksAttachments {
		a := Attachment{Network: n.Network.Spec.Name, Ingress: n.Network.Spec.Ingress}
		if len(n.Addresses) > 0 {
			a.Address = n.Addresses[0].Addr().String()
		}
		d.Networks = append(d.Networks, a)
	}
	for _, p := range t.Status.PortStatus.Ports {
		if p.Protocol == network.TCP && p.PublishMode == swarm.PortConfigPublishModeHost {
			d.Published[int(p.TargetPort)] = int(p.PublishedPort)
		}
	}
	return d
}

func taskStateOf(s swarm.TaskState) TaskState {
	switch s {
	case swarm.TaskStateNew, swarm.TaskStateAllocated, swarm.TaskStatePending:
		return TaskPending
	case swarm.TaskStateAssigned, swarm.TaskStateAccepted, swarm.TaskStatePreparing, swarm.TaskStateReady:
		return TaskAssigned
	case swarm.TaskStateStarting:
		return TaskStarting
	case swarm.TaskStateRunning:
		return TaskRunning
	case swarm.TaskStateFailed, swarm.TaskStateRejected, swarm.TaskStateOrphaned:
		return TaskFailed
	default: // complete, shutdown, remove
		return TaskEnded
	}
}

// nodeOf is a node in our words.
func nodeOf(n swarm.Node) Node {
	d := Node{ID: n.ID, Name: n.Description.Hostname, Address: n.Status.Addr, Down: n.Status.State == swarm.NodeStateDown}
	if m := n.ManagerStatus; m != nil && (d.Address == "" || d.Address == "0.0.0.0") {
		if host, _, err := net.SplitHostPort(m.Addr); err == nil {
			d.Address = host
		}
	}
	d.Room = inJSON(n.ID, n.Status.State, n.Spec.Availability, n.Spec.Role, n.Spec.Labels, n.Description.Hostname,
		n.Description.Engine.Labels, n.Description.Platform, n.Description.Resources)
	return d
}
