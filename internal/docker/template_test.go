package docker_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/dockertest"
)

// original is a container with a bit of everything.
func original(t *testing.T, d *dockertest.Daemon) {
	t.Helper()
	network := func(name string) *network.NetworkingConfig {
		return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: {Aliases: []string{"shop"}}}}
	}
	made, err := d.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: "original",
		Config: &container.Config{
			Image: "web:1", Env: []string{"COLOUR=blue"}, User: "65532", StopSignal: "SIGTERM",
			Labels: map[string]string{"traefik.enable": "true", "com.docker.compose.project": "shop"},
			Healthcheck: &container.HealthConfig{
				Test: []string{"CMD", "/server", "healthy"}, Interval: time.Second, Timeout: time.Second, Retries: 2,
			},
		},
		HostConfig: &container.HostConfig{
			NetworkMode: "front", Binds: []string{"data:/data"}, ReadonlyRootfs: true, CapDrop: []string{"ALL"},
			SecurityOpt: []string{"no-new-privileges"}, RestartPolicy: container.RestartPolicy{Name: "always"},
			Mounts:       []mount.Mount{{Type: mount.TypeTmpfs, Target: "/scratch"}},
			Resources:    container.Resources{NanoCPUs: 5e8, Memory: 64 << 20},
			PortBindings: publishedAt("18090"), PublishAllPorts: true, ExtraHosts: []string{"db:10.1.2.3"},
		},
		NetworkingConfig: network("front"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, d, made.ID) })
	if _, err := d.API.NetworkConnect(t.Context(), "back", client.NetworkConnectOptions{Container: made.ID, EndpointConfig: network("back").EndpointsConfig["back"]}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.API.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
}

func publishedAt(hostPort string) network.PortMap {
	return network.PortMap{network.MustParsePort("8080/tcp"): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: hostPort}}}
}

func remove(t *testing.T, d *dockertest.Daemon, id string) {
	if _, err := d.API.ContainerRemove(context.Background(), id, client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Log(err)
	}
}

func TestCopyIsLikeItsTemplate(t *testing.T) {
	c, daemon := open(t)
	newNetwork(t, daemon, "front")
	newNetwork(t, daemon, "back")
	labels := mine(t, c)
	original(t, daemon)
	template, err := c.Template(t.Context(), "original")
	if err != nil {
		t.Fatal(err)
	}
	if got := template.Networks(); !slices.Equal(got, []string{"front", "back"}) {
		t.Errorf("networks: got %v", got)
	}
	run(t, c, "copy", docker.Spec{Like: &template, Labels: labels, Port: 8080})
	first, second := inspect(t, daemon, "original"), inspect(t, daemon, "copy")
	if second.Config.Hostname == first.Config.Hostname {
		t.Error("the copy has the name of its original")
	}
	if diff := cmp.Diff(*first.Config, *second.Config, cmpopts.IgnoreFields(container.Config{}, "Hostname", "Labels"), ports()); diff != "" {
		t.Errorf("-original +copy:\n%s", diff)
	}
	if diff := cmp.Diff(*first.HostConfig, *second.HostConfig, cmpopts.EquateComparable(netip.Addr{}), ports(),
		cmpopts.IgnoreFields(container.HostConfig{}, "RestartPolicy", "PortBindings", "PublishAllPorts")); diff != "" {
		t.Errorf("-original +copy:\n%s", diff)
	}
	if open := published(second); len(open) > 0 {
		t.Errorf("the copy is reached at %v of the host, past the balancer", open)
	}
	run(t, c, "reached", docker.Spec{Like: &template, Labels: labels, Port: 8080, Publish: &docker.Publish{IP: "127.0.0.1"}})
	if open := published(inspect(t, daemon, "reached")); len(open) != 1 || open[0].HostIP.String() != "127.0.0.1" || open[0].HostPort == "18090" {
		t.Errorf("a copy that is to be published is reached at %v", open)
	}
	if diff := cmp.Diff(map[string]string{"traefik.enable": "true", "test": t.Name()}, second.Config.Labels); diff != "" {
		t.Errorf("labels: -want +got:\n%s", diff)
	}
	for _, name := range []string{"front", "back"} {
		if e := second.NetworkSettings.Networks[name]; e == nil || !slices.Contains(e.Aliases, "shop") || slices.Contains(e.Aliases, "original") {
			t.Errorf("in network %s the copy is %+v", name, e)
		}
	}
	if second.HostConfig.RestartPolicy.Name != "no" {
		t.Errorf("restart policy %q: the engine would bring back what was ended", second.HostConfig.RestartPolicy.Name)
	}
}

// published are the ports of the host at which a container is reached.
func published(c container.InspectResponse) (all []network.PortBinding) {
	for _, bindings := range c.NetworkSettings.Ports {
		all = append(all, bindings...)
	}
	return all
}

func ports() cmp.Option { return cmp.Comparer(func(a, b network.Port) bool { return a == b }) }

func inspect(t *testing.T, d *dockertest.Daemon, name string) container.InspectResponse {
	t.Helper()
	found, err := d.API.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Container
}

func TestContainersOnTheHostsNetworkAreNoTemplates(t *testing.T) {
	c, daemon := open(t)
	made, err := daemon.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: "web:1"}, HostConfig: &container.HostConfig{NetworkMode: "host"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer remove(t, daemon, made.ID)
	if _, err := c.Template(t.Context(), made.ID); !errors.Is(err, docker.ErrOnlyOne) {
		t.Errorf("got %v, want %v", err, docker.ErrOnlyOne)
	}
}
