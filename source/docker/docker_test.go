package docker_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/bus/redis"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/redistest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/docker"
	"github.com/flyball-io/flyball/source/sourcetest"
)

// measured is a configuration that delivers everything, from an engine.
func measured(d *dockertest.Daemon) docker.Config {
	cfg := docker.Default()
	cfg.Also, cfg.Endpoint, cfg.Window = everything(), d.Endpoint, scale.Duration(5*time.Second)
	return cfg
}

// near reports a value that is further from what is wanted than a tenth.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.1*want {
		t.Errorf("%s: got %v, want %v within a tenth", what, got, want)
	}
}

// One container computes at its limit of half a core, the other has filled
// the cache of pages; the engine tells of both, and so does an agent that may
// do nothing but read files.
func TestWhatContainersUse(t *testing.T) {
	d := engine(t)
	busy := start(t, d, "busy", resources(0.5, 128), container.Config{Entrypoint: []string{"/load", "busy"}})
	favour(t, busy)
	files := start(t, d, "files", resources(1, 256), container.Config{Entrypoint: []string{"/load", "files", "64"},
		Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/flyball", "version"}, Interval: 2 * time.Second}})
	const perSecond = 200_000
	send(t, d, files, perSecond)
	engine := running(t, measured(d), source.Env{Replicas: replicas("busy", "files")})

	agent := start(t, d, "agent", container.HostConfig{
		Binds:          []string{"/proc:/host/proc:ro", "/sys/fs/cgroup:/host/cgroup:ro"},
		ReadonlyRootfs: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, NetworkMode: "none",
	}, container.Config{Entrypoint: []string{"/flyball", "agent", "--print"}, User: "65532:65532", Tty: true,
		Env: []string{"HOST_PROC=/host/proc", "HOST_CGROUP=/host/cgroup"}})
	cfg := measured(d)
	cfg.From, cfg.Endpoint = docker.FromAgents, ""
	agents := running(t, cfg, source.Env{Replicas: replicas(busy, files[:12]), Subscribe: reports(t, d, agent)})

	// The engine's log of the agent is read as containers write; both must
	// have a window of the same load.
	settled := func(v values, err error) bool {
		own, all := v["busy"], v["files"]
		if len(own) == 0 {
			own, all = v[busy], v[files[:12]]
		}
		rate := all[scale.NetworkReceiveRate]
		return err == nil && math.Abs(own[scale.CPUUtilization]-1) < 0.1 && math.Abs(rate/perSecond-1) < 0.15 && len(v[""]) > 6
	}
	until(t, engine, "the engine's figures have settled", func(v values, err error) bool {
		return settled(v, err) && v["files"][containers.HealthyRatio] == 1 && v["files"][containers.WritableLayerBytes] > 0
	})
	until(t, agents, "the agent's figures have settled", settled)
	byEngine, err := collect(t, engine)
	must(t, err)
	byAgent, err := collect(t, agents)
	must(t, err)
	t.Logf("engine: %v\nagent: %v", byEngine, byAgent)

	near(t, "CPU of its limit", byEngine["busy"][scale.CPUUtilization], 1)
	near(t, "cores", byEngine["busy"][containers.CPUCores], 0.5)
	whole := wholeMemory(t, d, files)
	if m := byEngine["files"][containers.MemoryBytes]; whole < 80<<20 || m > 60<<20 || m < 40<<20 {
		t.Errorf("memory is %v of %v bytes, want the 40 MiB that it keeps and no page of the file of 64 MiB", m, whole)
	}
	near(t, "memory of its limit", byEngine["files"][scale.MemoryUtilization], byEngine["files"][containers.MemoryBytes]/(256<<20))
	near(t, "writable layer", byEngine["files"][containers.WritableLayerBytes], 64<<20)
	if _, known := byEngine["busy"][containers.HealthyRatio]; known {
		t.Error("a container without a health check has a health")
	}
	for _, v := range []values{byEngine, byAgent} {
		if _, known := v[""][scale.DiskReadRate]; known != diskKnown() {
			t.Errorf("disks are measured: %v; the kernel tells: %v", known, diskKnown())
		}
	}
	near(t, "CPU by the agent", byAgent[busy][scale.CPUUtilization], byEngine["busy"][scale.CPUUtilization])
	for _, signal := range []string{containers.MemoryBytes, scale.MemoryUtilization, scale.NetworkReceiveRate, containers.Processes} {
		for replica, id := range map[string]string{"files": files[:12], "": ""} {
			if signal == containers.Processes { // the health check comes and goes
				replica, id = "busy", busy
			}
			near(t, replica+" by the agent: "+signal, byAgent[id][signal], byEngine[replica][signal])
		}
	}
	near(t, "the total of both", byEngine[""][containers.CPUCores], byEngine["busy"][containers.CPUCores]+byEngine["files"][containers.CPUCores])
}

// wholeMemory is that of a container with all its pages.
func wholeMemory(t *testing.T, d *dockertest.Daemon, id string) float64 {
	t.Helper()
	answer, err := d.API.ContainerStats(t.Context(), id, client.ContainerStatsOptions{})
	must(t, err)
	defer answer.Body.Close()
	var s container.StatsResponse
	must(t, json.NewDecoder(answer.Body).Decode(&s))
	return float64(s.MemoryStats.Usage)
}

// diskKnown reports whether this kernel counts what disks move for a group.
func diskKnown() bool {
	for _, file := range []string{"/sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes_recursive", "/sys/fs/cgroup/io.stat"} {
		if raw, err := os.ReadFile(file); err == nil && strings.TrimSpace(strings.TrimPrefix(string(raw), "Total 0")) != "" {
			return true
		}
	}
	return false
}

// Without a limit there is only the machine to compare with, which is said,
// once; cores that are requested are compared with before any limit.
func TestWithoutALimit(t *testing.T) {
	d := engine(t)
	start(t, d, "free", container.HostConfig{}, container.Config{Entrypoint: []string{"/load", "files", "1"}})
	var log bytes.Buffer
	free := running(t, measured(d), source.Env{Replicas: replicas("free"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	cfg := measured(d)
	cfg.CPUs, cfg.Memory = 2, "100Mi"
	requested := running(t, cfg, source.Env{Replicas: replicas("free")})
	for _, s := range []*docker.Source{free, requested} {
		until(t, s, "there are values", func(v values, err error) bool { return err == nil && v["free"][containers.MemoryBytes] > 0 })
	}
	v, _ := collect(t, requested)
	near(t, "of what is requested", v["free"][scale.CPUUtilization], v["free"][containers.CPUCores]/2)
	near(t, "of what is requested", v["free"][scale.MemoryUtilization], v["free"][containers.MemoryBytes]/(100<<20))
	v, _ = collect(t, free)
	info, err := d.API.Info(t.Context(), client.InfoOptions{})
	must(t, err)
	near(t, "of the machine", v["free"][scale.CPUUtilization], v["free"][containers.CPUCores]/float64(info.Info.NCPU))
	near(t, "of the machine", v["free"][scale.MemoryUtilization], v["free"][containers.MemoryBytes]/float64(info.Info.MemTotal))
	if said := strings.Count(log.String(), "of=CPU"); said != 1 {
		t.Errorf("said %d times:\n%s", said, log.String())
	}
}

// An agent, a real Redis, and a source that has no engine.
func TestAgentsOverRedis(t *testing.T) {
	d := engine(t)
	busy := start(t, d, "far", resources(0.2, 64), container.Config{Entrypoint: []string{"/load", "busy"}})
	favour(t, busy)
	server := redistest.Start(t)
	program := t.TempDir() + "/flyball"
	all, err := programs()
	must(t, err)
	must(t, os.WriteFile(program, all["flyball"], 0o755))
	agent := exec.Command(program, "agent", "--bus", server.Address, "--node", "n1")
	agent.Env, agent.Stderr = append(os.Environ(), "FLYBALL_BUS_PASSWORD="+server.Password), os.Stderr
	must(t, agent.Start())
	t.Cleanup(func() {
		_ = agent.Process.Signal(os.Interrupt)
		if err := agent.Wait(); err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	where, err := redis.Parse(server.Address)
	must(t, err)
	where.Password = server.Password
	b, err := redis.Open(t.Context(), redis.Options{Server: where, Namespace: "default", Instance: "monitor", Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { b.Close() })
	cfg := measured(d)
	cfg.From, cfg.Endpoint = docker.FromAgents, ""
	s := running(t, cfg, source.Env{Replicas: replicas("web-1"), Subscribe: b.Subscribe})
	until(t, s, "it is said that nobody knows the container", func(_ values, err error) bool {
		return err != nil && strings.Contains(err.Error(), "1 of 1 replicas are not measured (web-1)")
	})
	roll := containers.Roll{Target: "web", At: time.Now(), Replicas: map[string]containers.Entry{"web-1": {Container: busy}}}
	must(t, b.Publish(t.Context(), containers.RollSubject("web"), roll))
	until(t, s, "the replica is measured", func(v values, err error) bool {
		return err == nil && math.Abs(v[""][scale.CPUUtilization]-1) < 0.1 && v["web-1"][containers.MemoryBytes] > 0
	})
}

func TestConformance(t *testing.T) {
	d := engine(t)
	sourcetest.Run(t, sourcetest.Harness{
		New: func(t *testing.T) source.Source {
			d := engine(t)
			start(t, d, "conforming", resources(0.2, 64), container.Config{Entrypoint: []string{"/load", "files", "1"}})
			s := running(t, measured(d), source.Env{Replicas: replicas("conforming")})
			until(t, s, "there are samples", func(v values, err error) bool { return err == nil && len(v[""]) > 5 })
			return s
		},
		Now:     clock.System.Now,
		Signals: []string{scale.CPUUtilization, scale.MemoryUtilization, containers.MemoryBytes, scale.NetworkReceiveRate, containers.Restarts},
		Break: func(t *testing.T, s source.Source) {
			d.Kill(t)
			t.Cleanup(func() { d.Start(t) })
			until(t, s, "the fault is noticed", func(_ values, err error) bool { return err != nil })
		},
	})
}
