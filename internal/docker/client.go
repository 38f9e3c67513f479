package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/calls"
)

// Longest times for an answer. An engine that hangs is one that cannot be
// reached; starting on a busy machine may take long.
const (
	askTimeout  = 10 * time.Second
	makeTimeout = 2 * time.Minute
	// stopTimeout bounds grace periods that are not known here.
	stopTimeout = 15 * time.Minute
)

// Client is an [Engine] behind a socket. It connects when it is first used,
// and again after the engine was away.
type Client struct{ api *client.Client }

var _ Engine = (*Client)(nil)

// Open returns the client of an endpoint (unix:///path or tcp://host:port);
// where it is empty, that of DOCKER_HOST, or of this machine.
func Open(endpoint string) (*Client, error) {
	options := []client.Opt{client.FromEnv}
	if endpoint != "" {
		options = append(options, client.WithHost(endpoint))
	}
	api, err := client.New(options...)
	if err != nil {
		return nil, fmt.Errorf("docker endpoint %q: %w", endpoint, err)
	}
	return &Client{api: api}, nil
}

// Endpoint is where the engine answers, also where the environment says that.
func (c *Client) Endpoint() string { return c.api.DaemonHost() }

// EndpointOf is where the engine of a configuration answers, without asking:
// the same words for the same place.
func EndpointOf(endpoint string) string {
	return cmp.Or(endpoint, os.Getenv(client.EnvOverrideHost), client.DefaultDockerHost)
}

// Close gives its connections back.
func (c *Client) Close() error { return c.api.Close() }

// ask calls the engine, for at most limit, and names what goes wrong.
func ask[R any](ctx context.Context, limit time.Duration, call func(context.Context) (R, error)) (R, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answered := calls.Process().Begin(calls.Docker)
	result, err := call(limited)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return result, ctx.Err()
	case limited.Err() != nil:
		err = lost(fmt.Errorf("no answer within %v", limit))
	default:
		err = named(err)
	}
	answered(err, errors.Is(err, ErrUnreachable))
	return result, err
}

// Create makes the container in its first network and connects it to the
// others: an engine of API 1.41 takes only one at creation.
func (c *Client) Create(ctx context.Context, name string, spec Spec) (string, error) {
	config, host, networks := spec.request()
	options := client.ContainerCreateOptions{Name: name, Config: config, HostConfig: host}
	options.NetworkingConfig = firstOf(networks)
	made, err := ask(ctx, makeTimeout, func(ctx context.Context) (client.ContainerCreateResult, error) {
		return c.api.ContainerCreate(ctx, options)
	})
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", name, err)
	}
	for _, n := range networks[min(1, len(networks)):] {
		_, err := ask(ctx, askTimeout, func(ctx context.Context) (client.NetworkConnectResult, error) {
			return c.api.NetworkConnect(ctx, n.network, client.NetworkConnectOptions{Container: made.ID, EndpointConfig: n.settings})
		})
		if err != nil {
			return "", fmt.Errorf("connect container %s to network %s: %w", name, n.network, errors.Join(err, c.undo(ctx, made.ID)))
		}
	}
	return made.ID, nil
}

// undo takes a container away that could not be completed, also when ctx is
// done.
func (c *Client) undo(ctx context.Context, id string) error {
	if err := c.Remove(context.WithoutCancel(ctx), id); !errors.Is(err, ErrGone) {
		return err
	}
	return nil
}

// Start starts a container.
func (c *Client) Start(ctx context.Context, id string) error {
	_, err := ask(ctx, makeTimeout, func(ctx context.Context) (client.ContainerStartResult, error) {
		return c.api.ContainerStart(ctx, id, client.ContainerStartOptions{})
	})
	return err
}

// Stop asks a container to end.
func (c *Client) Stop(ctx context.Context, id string, grace time.Duration) error {
	limit, options := stopTimeout, client.ContainerStopOptions{}
	if grace > 0 {
		seconds := int((grace + time.Second - 1) / time.Second)
		limit, options.Timeout = grace+askTimeout, &seconds
	}
	_, err := ask(ctx, limit, func(ctx context.Context) (client.ContainerStopResult, error) {
		return c.api.ContainerStop(ctx, id, options)
	})
	return err
}

// Remove takes a container away.
func (c *Client) Remove(ctx context.Context, id string) error {
	_, err := ask(ctx, makeTimeout, func(ctx context.Context) (client.ContainerRemoveResult, error) {
		return c.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	})
	return err
}

// Inspect describes a container.
func (c *Client) Inspect(ctx context.Context, id string) (Container, error) {
	found, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ContainerInspectResult, error) {
		return c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	})
	if err != nil {
		return Container{}, fmt.Errorf("inspect container %s: %w", id, err)
	}
	one := describe(found.Container)
	if one.State == Exited {
		one.Exit += c.lastLine(ctx, one.ID)
	}
	return one, nil
}

// Template reads what a container is made of.
func (c *Client) Template(ctx context.Context, id string) (Template, error) {
	found, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ContainerInspectResult, error) {
		return c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	})
	if err != nil {
		return Template{}, fmt.Errorf("read container %s as a template: %w", id, err)
	}
	return templateOf(found.Container)
}

// List describes all containers with these labels. A listing lacks what
// matters (when it was started, how it ended), so each is inspected.
func (c *Client) List(ctx context.Context, labels map[string]string) ([]Container, error) {
	found, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ContainerListResult, error) {
		return c.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters(labels)})
	})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	all := make([]Container, 0, len(found.Items))
	for _, item := range found.Items {
		one, err := c.Inspect(ctx, item.ID)
		if errors.Is(err, ErrGone) {
			continue // meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Container) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func filters(labels map[string]string) client.Filters {
	f := client.Filters{}
	for key, value := range labels {
		f.Add("label", key+"="+value)
	}
	return f
}

// endingSignals ask a process to end, as engines tell of them: SIGINT, SIGQUIT,
// SIGTERM, SIGWINCH (Apache) and SIGRTMIN+3 (systemd). SIGKILL does not ask:
// docker stop sends it last, and alone it is how things die in an accident.
var endingSignals = []string{"2", "3", "15", "28", "37"}

// Events follows what matters here. The engine leaves out the rest: each run
// of a health check is three events.
func (c *Client) Events(ctx context.Context, labels map[string]string) (<-chan Event, <-chan error) {
	wanted := filters(labels).Add("type", string(events.ContainerEventType))
	for _, action := range []events.Action{
		events.ActionCreate, events.ActionStart, events.ActionKill, events.ActionDie, events.ActionDestroy, events.ActionHealthStatus,
		events.ActionPause, events.ActionUnPause,
	} {
		wanted.Add("event", string(action))
	}
	stream, end := c.follow(ctx, wanted)
	told, failed := make(chan Event), make(chan error, 1)
	go func() {
		defer end()
		for {
			select {
			case m := <-stream.Messages:
				asked := m.Action == events.ActionKill
				if asked && !slices.Contains(endingSignals, m.Actor.Attributes["signal"]) {
					continue // another signal asks for something else
				}
				select {
				case told <- Event{ID: m.Actor.ID, Destroyed: m.Action == events.ActionDestroy, Asked: asked}:
				case <-ctx.Done():
				}
			case err := <-stream.Err:
				failed <- fmt.Errorf("follow events: %w", lost(err))
				return
			}
		}
	}()
	return told, failed
}

// follow begins to follow events, until ctx is done or end is called. An engine
// that hangs is waited for no longer than for any answer.
func (c *Client) follow(ctx context.Context, wanted client.Filters) (stream client.EventsResult, end context.CancelFunc) {
	ctx, end = context.WithCancel(ctx)
	patience := time.AfterFunc(askTimeout, end)
	stream = c.api.Events(ctx, client.EventsListOptions{Filters: wanted}) // returns once the answer has begun
	if !patience.Stop() {
		late := make(chan error, 1)
		late <- fmt.Errorf("no answer within %v", askTimeout)
		stream.Err = late
	}
	return stream, end
}
