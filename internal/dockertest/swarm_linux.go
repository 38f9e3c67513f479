package dockertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
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
func (d *Daemon) SwarmOfTwo(t testing.TB) (worker *Daemon) {
	t.Helper()
	worker = d.second(t)
	d.cable(t, worker)
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

// second starts another engine, in a network of its own. It ends with the test.
func (d *Daemon) second(t testing.TB) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp(d.dir, "n")
	if err != nil {
		t.Fatal(err)
	}
	program, err := find("dockerd")
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
		"--pidfile", filepath.Join(dir, "docker.pid"), "--cgroup-parent", cgroupParent(d.dir), "--shutdown-timeout", "2")
	other.cmd.Stdout, other.cmd.Stderr = log, log
	other.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
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
	other.inNetwork(t, "ip", "link", "set", "lo", "up")
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
	worker.inNetwork(t, "ip", "addr", "add", workerAddress+"/24", "dev", "flywrk")
	worker.inNetwork(t, "ip", "link", "set", "flywrk", "up")
	t.Cleanup(func() {
		if path, err := find("ip"); err == nil {
			_ = exec.Command(path, "link", "del", "flymgr").Run() // it goes with the other end, too
		}
	})
}

// inNetwork runs a program in the network of an engine.
func (d *Daemon) inNetwork(t testing.TB, program string, args ...string) {
	t.Helper()
	path, err := find(program)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "nsenter", append([]string{"--net", "--target", strconv.Itoa(d.cmd.Process.Pid), path}, args...)...)
}

func run(t testing.TB, program string, args ...string) {
	t.Helper()
	path, err := find(program)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s %v: %w: %s", program, args, err, out))
	}
}
