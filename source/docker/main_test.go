package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/docker"
)

func TestMain(m *testing.M) { dockertest.Main(m) }

// image holds the programs load and flyball, and nothing else.
const image = "measured:1"

// programs builds them once.
var programs = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "fly")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	all := map[string][]byte{}
	for name, folder := range map[string]string{"load": "source/docker/loadtest", "flyball": "cmd/flyball"} {
		file := filepath.Join(dir, name)
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", file, "github.com/flyball-io/flyball/"+folder)
		build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
		if all[name], err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// engine is that of the package, which has the image.
func engine(t *testing.T) *dockertest.Daemon {
	t.Helper()
	d := dockertest.Engine(t)
	if _, err := d.API.ImageInspect(t.Context(), image); err != nil {
		load(t, d)
	}
	return d
}

// load gives an engine the image.
func load(t *testing.T, d *dockertest.Daemon) {
	t.Helper()
	all, err := programs()
	must(t, err)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, name := range []string{"load", "flyball"} {
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(all[name]))}))
		_, err := w.Write(all[name])
		must(t, err)
	}
	must(t, w.Close())
	answer, err := d.API.ImageImport(t.Context(), client.ImageImportSource{Source: &layer, SourceName: "-"}, image, client.ImageImportOptions{})
	must(t, err)
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts a container, which is removed with the test.
func start(t *testing.T, d *dockertest.Daemon, name string, host container.HostConfig, config container.Config) string {
	t.Helper()
	config.Image = image
	made, err := d.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: name, Config: &config, HostConfig: &host})
	must(t, err)
	t.Cleanup(func() {
		if _, err := d.API.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	_, err = d.API.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	must(t, err)
	return made.ID
}

// resources are limits of a container.
func resources(cores float64, mib int64) container.HostConfig {
	return container.HostConfig{Resources: container.Resources{NanoCPUs: int64(cores * 1e9), Memory: mib << 20}}
}

// favour gives the containers of this engine more of a busy machine than all
// others have, so that only their limits hold them back.
func favour(t *testing.T, id string) {
	t.Helper()
	h, err := cgroups.Open(os.DirFS("/proc"), os.DirFS("/sys/fs/cgroup"))
	must(t, err)
	groups, err := h.Containers()
	must(t, err)
	parent := path.Dir(groups[id])
	if os.WriteFile(filepath.Join("/sys/fs/cgroup/cpu", parent, "cpu.shares"), []byte("262144"), 0o644) != nil {
		must(t, os.WriteFile(filepath.Join("/sys/fs/cgroup", parent, "cpu.weight"), []byte("10000"), 0o644))
	}
}

// running is a source that runs until the test ends.
func running(t *testing.T, cfg docker.Config, env source.Env) *docker.Source {
	t.Helper()
	env.Clock, env.Target = clock.System, "web"
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	s, err := docker.New("cpuUtilization", cfg, env)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// everything is what a source measures beside the signal itself.
func everything() []string {
	return slices.DeleteFunc(containers.Signals(), func(name string) bool { return name == scale.CPUUtilization })
}

// replicas are ready under these names, for as long as the test lasts.
func replicas(names ...string) func(context.Context) ([]scale.Replica, error) {
	return func(context.Context) ([]scale.Replica, error) {
		var all []scale.Replica
		for _, name := range names {
			all = append(all, scale.Replica{ID: name, Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true}})
		}
		return all, nil
	}
}

// values are what a source says now, by replica and signal.
type values map[string]map[string]float64

func collect(t *testing.T, s source.Source) (values, error) {
	t.Helper()
	samples, err := s.Collect(t.Context())
	all := values{}
	for _, sample := range samples {
		if all[sample.Replica] == nil {
			all[sample.Replica] = map[string]float64{}
		}
		all[sample.Replica][sample.Signal] = sample.Value
	}
	return all, err
}

// until waits for what a source is to say.
func until(t *testing.T, s source.Source, what string, holds func(values, error) bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		v, err := collect(t, s)
		if holds(v, err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain until %s; last: %v, %v", what, v, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// send sends so many bytes a second to a container, until the test ends.
func send(t *testing.T, d *dockertest.Daemon, id string, perSecond int) {
	t.Helper()
	found, err := d.API.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	must(t, err)
	address := found.Container.NetworkSettings.Networks["bridge"].IPAddress.String()
	var conn net.Conn
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if conn, err = net.Dial("tcp", address+":8080"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for began, sent := time.Now(), 0; ; {
			select {
			case <-ticker.C:
				due := int(time.Since(began).Seconds()*float64(perSecond)) - sent
				n, _ := conn.Write(make([]byte, max(0, due)))
				sent += n
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		conn.Close()
		<-done
	})
}

// reports are what an agent in a container prints, as messages of a bus.
func reports(t *testing.T, d *dockertest.Daemon, id string) func(context.Context, string) (<-chan any, error) {
	t.Helper()
	return func(ctx context.Context, subject string) (<-chan any, error) {
		if subject != containers.NodeSubject("*") {
			return deaf(ctx, subject)
		}
		messages := make(chan any)
		logs, err := d.API.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
		if err != nil {
			return nil, err
		}
		go func() {
			defer close(messages)
			defer logs.Close()
			lines := json.NewDecoder(logs) // a terminal: nothing is between the lines
			for {
				var line json.RawMessage
				if lines.Decode(&line) != nil {
					return
				}
				select {
				case messages <- []byte(line):
				case <-ctx.Done():
					return
				}
			}
		}()
		return messages, nil
	}
}
