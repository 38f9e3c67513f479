package docker_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/dockertest"
)

func TestMain(m *testing.M) { dockertest.Main(m) }

// open is a client of the package's engine, which has the image web:1.
func open(t *testing.T) (*docker.Client, *dockertest.Daemon) {
	t.Helper()
	daemon := dockertest.Engine(t)
	daemon.Image(t, "web:1")
	c, err := docker.Open(daemon.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, daemon
}

// mine marks the containers of one test, which are removed with it.
func mine(t *testing.T, c *docker.Client) map[string]string {
	t.Helper()
	labels := map[string]string{"test": t.Name()}
	t.Cleanup(func() {
		all, err := c.List(context.Background(), labels)
		if err != nil {
			t.Error(err)
		}
		for _, one := range all {
			if err := c.Remove(context.Background(), one.ID); err != nil {
				t.Error(err)
			}
		}
	})
	return labels
}

func run(t *testing.T, c *docker.Client, name string, spec docker.Spec) docker.Container {
	t.Helper()
	id, err := c.Create(t.Context(), name, spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	one, err := c.Inspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func newNetwork(t *testing.T, d *dockertest.Daemon, name string) {
	t.Helper()
	if _, err := d.API.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Driver: "bridge"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := d.API.NetworkRemove(context.Background(), name, client.NetworkRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func get(t *testing.T, address string) {
	t.Helper()
	var err error
	for range 100 {
		var resp *http.Response
		if resp, err = http.Get("http://" + address + "/healthz"); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error(err)
}

func TestContainerFromBeginToEnd(t *testing.T) {
	c, daemon := open(t)
	newNetwork(t, daemon, "front")
	newNetwork(t, daemon, "back")
	labels := mine(t, c)
	one := run(t, c, "begin-to-end", docker.Spec{
		Image: "web:1", Labels: labels, Networks: []string{"front", "back"}, Alias: "web", Port: 8080,
		Publish: &docker.Publish{IP: "127.0.0.1"}, CPUs: 0.5, Memory: 64 << 20, Env: map[string]string{"A": "b"},
	})
	if one.State != docker.Running || one.StartedAt.IsZero() || one.Image != "web:1" || len(one.Addresses) != 2 {
		t.Errorf("got %+v", one)
	}
	get(t, one.Address("8080", "front"))
	get(t, one.Address("8080", "back"))
	get(t, one.Published[8080])
	if err := c.Start(t.Context(), one.ID); err != nil {
		t.Errorf("starting it again: %v", err)
	}
	if err := c.Stop(t.Context(), one.ID, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	all, err := c.List(t.Context(), labels)
	if err != nil || len(all) != 1 || all[0].State != docker.Exited || all[0].ExitCode != 0 || len(all[0].Addresses) != 0 {
		t.Errorf("after Stop: %+v, %v", all, err)
	}
	if err := c.Remove(t.Context(), one.ID); err != nil {
		t.Error(err)
	}
	if err := c.Remove(t.Context(), one.ID); !errors.Is(err, docker.ErrGone) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestErrorsHaveNames(t *testing.T) {
	c, _ := open(t)
	labels := mine(t, c)
	spec := func(change func(*docker.Spec)) docker.Spec {
		s := docker.Spec{Image: "web:1", Labels: maps.Clone(labels), Port: 8080}
		change(&s)
		return s
	}
	fixed := func(s *docker.Spec) { s.Publish = &docker.Publish{IP: "127.0.0.1", Ports: "18080"} }
	run(t, c, "first-one", spec(fixed))
	for _, test := range []struct {
		fault string
		name  string
		spec  docker.Spec
		want  error
	}{
		{"image missing", "other", spec(func(s *docker.Spec) { s.Image = "no/such:1" }), docker.ErrNoImage},
		{"name taken", "first-one", spec(func(*docker.Spec) {}), docker.ErrNameTaken},
		{"network missing", "network-web", spec(func(s *docker.Spec) { s.Networks = []string{"no-such"} }), docker.ErrNoNetwork},
		{"second network missing", "other", spec(func(s *docker.Spec) { s.Networks = []string{"bridge", "no-such"} }), docker.ErrNoNetwork},
		{"port taken", "other", spec(fixed), docker.ErrPortTaken},
	} {
		t.Run(test.fault, func(t *testing.T) {
			id, err := c.Create(t.Context(), test.name, test.spec)
			if err == nil { // 20.10 finds out at the start
				err = c.Start(t.Context(), id)
				defer c.Remove(t.Context(), id)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if all, err := c.List(t.Context(), labels); err != nil || len(all) != 1 {
		t.Errorf("left behind: %+v, %v", all, err)
	}
	for _, gone := range []string{"no-such-network", "nothing"} {
		if _, err := c.Inspect(t.Context(), gone); !errors.Is(err, docker.ErrGone) {
			t.Errorf("inspect %s: %v", gone, err)
		}
	}
	away, err := docker.Open("unix:///nowhere/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.List(t.Context(), nil); !errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("no engine: %v", err)
	}
}
