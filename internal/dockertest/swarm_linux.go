package dockertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/isolate"
)

// The two ends of the cable between a manager and a second node.
const (
	managerAddress = "10.99.0.1"
	workerAddress  = "10.99.0.2"
	swarmPort      = ":2377"
)

// Swarm makes the engine the manager of a swarm of its own, alone, for a test.
func (d *Daemon) Swarm(t testing.TB) { d.swarm(t, "127.0.0.1") }

func (d *Daemon) swarm(t testing.TB, address string) {
	t.Helper()
	_, err := d.API.SwarmInit(t.Context(), client.SwarmInitOptions{ListenAddr: address + swarmPort, AdvertiseAddr: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := d.API.SwarmLeave(context.Background(), client.SwarmLeaveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
}

// SwarmOfTwo makes the engine the manager of a swarm, and returns a second
// engine in a network of its own that has joined it as a worker. Both end with
// the test. The worker can be killed, and not be started again.
//
// Each has its control groups apart from the other's, and shows them at
// Cgroups: what reads files there on one node sees nothing of the other.
func (d *Daemon) SwarmOfTwo(t testing.TB) (worker *Daemon) {
	t.Helper()
	worker = d.second(t)
	d.cable(t, worker)
	d.Cgroups = filepath.Join(d.dir, "cgroup")
	worker.Cgroups = d.Cgroups
	t.Cleanup(func() { d.Cgroups = "" })
	d.show(t, isolate.Cgroup(d.dir))
	worker.show(t, isolate.Cgroup(d.dir)+"-"+filepath.Base(worker.dir))
	d.swarm(t, managerAddress)
	tokens, err := d.API.SwarmInspect(t.Context(), client.SwarmInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = worker.API.SwarmJoin(t.Context(), client.SwarmJoinOptions{
		ListenAddr: workerAddress + swarmPort, AdvertiseAddr: workerAddress,
		RemoteAddrs: []string{managerAddress + swarmPort}, JoinToken: tokens.Swarm.JoinTokens.Worker, Availability: swarm.NodeAvailabilityActive,
	})
	if err != nil {
		t.Fatal(err)
	}
	return worker
}

// show mounts the control groups below a parent, as the kernel lays them out, at
// Cgroups of the mount namespace of an engine.
func (d *Daemon) show(t testing.TB, parent string) {
	t.Helper()
	const root = "/sys/fs/cgroup"
	mounts := map[string]string{root + parent: d.Cgroups} // version 2 has one tree
	if _, err := os.Stat(root + "/cgroup.controllers"); err != nil {
		clear(mounts)
		for _, controller := range []string{"cpu", "cpuacct", "cpu,cpuacct", "cpuset", "memory", "blkio", "pids"} {
			if _, err := os.Stat(filepath.Join(root, controller)); err == nil {
				mounts[filepath.Join(root, controller)+parent] = filepath.Join(d.Cgroups, controller)
			}
		}
	}
	for from, at := range mounts {
		if err := errors.Join(os.MkdirAll(from, 0o755), os.MkdirAll(at, 0o755)); err != nil {
			t.Fatal(err)
		}
		d.inside(t, "mount", "--bind", from, at)
		t.Cleanup(func() {
			if d.running() { // else it went with the mount namespace
				d.inside(t, "umount", at)
			}
		})
	}
}

// second starts another engine, in a network of its own. It ends with the test.
func (d *Daemon) second(t testing.TB) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp(d.dir, "n")
	if err != nil {
		t.Fatal(err)
	}
	program, err := isolate.Find("dockerd")
	if err != nil {
		t.Fatal(err)
	}
	other := &Daemon{dir: dir, Endpoint: "unix://" + filepath.Join(dir, "docker.sock"), exited: make(chan struct{})}
	if other.API, err = client.New(client.WithHost(other.Endpoint)); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	other.cmd = exec.Command(program, "--host", other.Endpoint, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "docker.pid"), "--cgroup-parent", isolate.Cgroup(d.dir)+"-"+filepath.Base(dir), "--shutdown-timeout", "2")
	other.cmd.Stdout, other.cmd.Stderr = log, log
	other.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := other.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(other.exited)
		_ = other.cmd.Wait() // how it ended is in its log
	}()
	t.Cleanup(func() {
		if err := other.terminate(); err != nil {
			t.Error(err)
		}
	})
	other.inside(t, "ip", "link", "set", "lo", "up")
	if err := other.await(); err != nil {
		t.Fatal(err)
	}
	return other
}

// cable connects the networks of two engines.
func (d *Daemon) cable(t testing.TB, worker *Daemon) {
	t.Helper()
	pid := strconv.Itoa(worker.cmd.Process.Pid)
	run(t, "ip", "link", "add", "flymgr", "type", "veth", "peer", "name", "flywrk", "netns", pid)
	run(t, "ip", "addr", "add", managerAddress+"/24", "dev", "flymgr")
	run(t, "ip", "link", "set", "flymgr", "up")
	worker.inside(t, "ip", "addr", "add", workerAddress+"/24", "dev", "flywrk")
	worker.inside(t, "ip", "link", "set", "flywrk", "up")
	t.Cleanup(func() {
		if path, err := isolate.Find("ip"); err == nil {
			_ = exec.Command(path, "link", "del", "flymgr").Run() // it goes with the other end, too
		}
	})
}

// inside runs a program in the network of an engine, and with its mounts.
func (d *Daemon) inside(t testing.TB, program string, args ...string) {
	t.Helper()
	path, err := isolate.Find(program)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "nsenter", append([]string{"--net", "--mount", "--target", strconv.Itoa(d.cmd.Process.Pid), path}, args...)...)
}

func run(t testing.TB, program string, args ...string) {
	t.Helper()
	path, err := isolate.Find(program)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s %v: %w: %s", program, args, err, out))
	}
}
