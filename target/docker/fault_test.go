package docker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// soon lets what failed be tried again soon.
func soon(cfg *docker.Config) {
	cfg.Backoff.Min, cfg.Backoff.Max = scale.Duration(200*time.Millisecond), scale.Duration(time.Second)
}

// What cannot be started is told at once, by its name and with what is
// missing; nothing is left of the attempts, and it succeeds once it can.
func TestWhatIsMissingIsToldAndTriedAgain(t *testing.T) {
	daemon := dockertest.Engine(t)
	for _, test := range []struct {
		condition string
		change    func(*docker.Config)
		mention   string
		repair    func(t *testing.T)
	}{
		{
			docker.ImageMissing,
			func(cfg *docker.Config) { cfg.Image = "missing:1" }, "missing:1",
			func(t *testing.T) { daemon.Image(t, "missing:1") },
		},
		{
			docker.NetworkMissing,
			func(cfg *docker.Config) { cfg.Networks = []string{"late"} }, "late",
			func(t *testing.T) { newNetwork(t, daemon, "late") },
		},
		{
			docker.TemplateMissing,
			func(cfg *docker.Config) { cfg.Image, cfg.From = "", "late" }, "late",
			func(t *testing.T) { newContainer(t, daemon, "late") },
		},
	} {
		t.Run(test.condition, func(t *testing.T) {
			w := newWorld(t, func(cfg *docker.Config) { soon(cfg); test.change(cfg) })
			w.Run()
			w.Set(2)
			s := w.Until("it is told", targettest.Told(test.condition))
			if c := targettest.Condition(s, test.condition); !strings.Contains(c.Message, test.mention) || c.Since.IsZero() {
				t.Errorf("told is %+v", c)
			}
			w.Until("nothing is left of the attempt", func(s target.Status) bool {
				return len(s.Replicas) == 0 && len(owned(t, daemon, w.dir)) == 0
			})
			test.repair(t)
			s = w.Until("both are ready", targettest.Ready(2))
			if c := targettest.Condition(s, test.condition); c.Type != "" {
				t.Errorf("still told: %+v", c)
			}
			w.Set(0)
			w.Until("none is left", targettest.Ready(0))
		})
	}
}

func TestImageThatIsRemovedEndsNoReplica(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) { soon(cfg); cfg.Image = "passing:1" })
	w.daemon.Image(t, "passing:1", "LABEL which=passing")
	w.Run()
	w.Set(1)
	first := w.Until("1 is ready", targettest.Ready(1)).Replicas[0].ID
	if _, err := w.daemon.API.ImageRemove(t.Context(), "passing:1", client.ImageRemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.Set(2)
	s := w.Until("it is told", func(s target.Status) bool { return targettest.Told(docker.ImageMissing)(s) && len(s.Replicas) == 1 })
	if !targettest.Has(s, first) || !s.Replicas[0].TakesWork() {
		t.Errorf("the first one: %+v", s.Replicas)
	}
	w.Set(1)
	w.Until("the condition goes with the need", func(s target.Status) bool { return len(s.Conditions) == 0 && targettest.Ready(1)(s) })
}

func TestForeignContainerWithTheNameIsLeftAlone(t *testing.T) {
	w := newWorld(t, soon)
	newContainer(t, w.daemon, "flyball-web-foreign")
	names := []string{"flyball-web-foreign"}
	if err := w.Target.NameReplicas(t.Context(), func(service string) string {
		if len(names) == 0 {
			return docker.RandomName(service)
		}
		name := names[0]
		names = names[1:]
		return name
	}); err != nil {
		t.Fatal(err)
	}
	w.Run()
	w.Set(1)
	s := w.Until("it is told", targettest.Told(docker.NameTaken))
	t.Log(targettest.Condition(s, docker.NameTaken).Message)
	w.Until("it has another name", targettest.Ready(1))
	if _, err := w.daemon.API.ContainerInspect(t.Context(), "flyball-web-foreign", client.ContainerInspectOptions{}); err != nil {
		t.Errorf("the foreign one: %v", err)
	}
}

func TestCrashLoopBacksOffAndSaysWhy(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) {
		cfg.Command = []string{"fail"}
		cfg.Backoff.Min, cfg.Backoff.Max = scale.Duration(500*time.Millisecond), scale.Duration(time.Second)
	})
	w.Run()
	began := time.Now()
	w.Set(2)
	s := w.Until("the crash loop is told", func(s target.Status) bool {
		return strings.Contains(targettest.Condition(s, scale.CrashLoop).Message, "4 failed starts")
	})
	// Between four failures lie three waits: 0.5, 1 and 1 s.
	if took := time.Since(began); took < 2500*time.Millisecond {
		t.Errorf("4 failures in %v: no back-off", took)
	}
	if m := targettest.Condition(s, scale.CrashLoop).Message; !strings.Contains(m, "exit status 3: told to fail") {
		t.Errorf("the condition lacks exit code or last line: %s", m)
	}
	w.Set(0)
	w.Until("nothing is left", func(s target.Status) bool {
		return len(s.Replicas) == 0 && len(s.Conditions) == 0 && len(owned(t, w.daemon, w.dir)) == 0
	})
}

func TestReplicasAreLikeTheirTemplate(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) {
		cfg.Image, cfg.From, cfg.Service = "", "shop", "shop"
		cfg.Env = map[string]string{"COLOUR": "red"}
	})
	newNetwork(t, w.daemon, "front")
	newContainer(t, w.daemon, "shop", func(o *client.ContainerCreateOptions) {
		o.Config.Env = []string{"COLOUR=blue", "SIZE=9"}
		o.HostConfig.NetworkMode = "front"
		o.HostConfig.Memory = 64 << 20
	})
	w.Run()
	w.Set(2)
	s := w.Until("2 are ready", targettest.Ready(2))
	for _, r := range s.Replicas {
		found, err := w.daemon.API.ContainerInspect(t.Context(), r.ID, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := found.Container
		if !slices.Contains(c.Config.Env, "COLOUR=red") || !slices.Contains(c.Config.Env, "SIZE=9") || slices.Contains(c.Config.Env, "COLOUR=blue") {
			t.Errorf("environment: %v", c.Config.Env)
		}
		if e := c.NetworkSettings.Networks["front"]; e == nil || !slices.Contains(e.Aliases, "shop") || !strings.HasPrefix(r.Address, e.IPAddress.String()+":") {
			t.Errorf("%s is in %+v", r.Address, e)
		}
		if c.HostConfig.Memory != 64<<20 || !strings.HasPrefix(c.Name, "/flyball-shop-") {
			t.Errorf("%s has a limit of %d bytes", c.Name, c.HostConfig.Memory)
		}
	}
	w.Set(0)
	w.Until("none is left", targettest.Ready(0))
	if _, err := w.daemon.API.ContainerInspect(t.Context(), "shop", client.ContainerInspectOptions{}); err != nil {
		t.Errorf("the template: %v", err)
	}
}

func newNetwork(t *testing.T, d *dockertest.Daemon, name string) {
	t.Helper()
	if _, err := d.API.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Driver: "bridge"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := d.API.NetworkRemove(context.Background(), name, client.NetworkRemoveOptions{}); err != nil {
			t.Log(err)
		}
	})
}

// newContainer is one of somebody else's.
func newContainer(t *testing.T, d *dockertest.Daemon, name string, change ...func(*client.ContainerCreateOptions)) {
	t.Helper()
	options := client.ContainerCreateOptions{Name: name, Config: &container.Config{Image: image}, HostConfig: &container.HostConfig{}}
	for _, f := range change {
		f(&options)
	}
	made, err := d.API.ContainerCreate(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeContainer(t, d, made.ID) })
}
