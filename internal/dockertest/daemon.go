package dockertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/isolate"
)

// Longest times for a daemon to begin and to end, on a busy machine.
const (
	startTimeout = time.Minute
	endTimeout   = 30 * time.Second
)

// Daemon is a dockerd that tests may stop, kill and start again.
type Daemon struct {
	// Endpoint is where it answers (unix:///…).
	Endpoint string
	// API is for what tests do to it behind the back of who is tested.
	API *client.Client
	// Cgroups is where containers on this node find its control groups, the same
	// path on each node of a swarm of two; "" without one.
	Cgroups string

	dir    string
	flags  []string
	cmd    *exec.Cmd
	exited chan struct{}
	killed bool // and what it forgot has not been taken away yet
}

// start begins a daemon that has all of its files in dir.
func start(dir string) (*Daemon, error) {
	d := &Daemon{dir: dir, Endpoint: "unix://" + filepath.Join(dir, "docker.sock")}
	d.flags = []string{
		"--host", d.Endpoint, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "docker.pid"), "--cgroup-parent", isolate.Cgroup(dir), "--shutdown-timeout", "5",
	}
	api, err := client.New(client.WithHost(d.Endpoint))
	if err != nil {
		return nil, err
	}
	d.API = api
	return d, d.begin()
}

// begin starts the program and waits until it answers.
func (d *Daemon) begin(flags ...string) error {
	program, err := isolate.Find("dockerd")
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command(program, append(flags, d.flags...)...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	d.exited = exited
	go func(cmd *exec.Cmd) {
		defer close(exited)
		_ = cmd.Wait() // how it ended is in its log
	}(d.cmd)
	return d.await()
}

func (d *Daemon) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if _, err := d.API.Ping(ctx, client.PingOptions{}); err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("dockerd ended at once:\n%s", d.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("dockerd does not answer after %v:\n%s", startTimeout, d.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d *Daemon) lastWords() string {
	const enough = 4000
	raw, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return string(raw[max(0, len(raw)-enough):])
}

func (d *Daemon) running() bool {
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// ensure brings it back after a test that left it down, and takes away what an
// engine forgot that was killed: a process that it was about to start has an
// address, which the next one gives to another container.
func (d *Daemon) ensure(t testing.TB) {
	t.Helper()
	if d.killed {
		endForgotten()
		d.killed = false
	}
	if !d.running() {
		d.Start(t)
	}
}

// Start starts it again, with further flags.
func (d *Daemon) Start(t testing.TB, flags ...string) {
	t.Helper()
	err := d.begin(flags...)
	for tries := 5; err != nil && tries > 0; tries-- {
		time.Sleep(time.Second) // what the one before left behind ends first
		err = d.begin(flags...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Stop ends it in order: it ends its containers, unless it was started with
// --live-restore.
func (d *Daemon) Stop(t testing.TB) {
	t.Helper()
	if err := d.terminate(); err != nil {
		t.Fatal(err)
	}
}

// Kill kills it. Its containers go on until it is back.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	d.killed = true
	if err := d.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// Hang stops it without ending it, until the function that is returned is
// called: it takes connections and answers nobody.
func (d *Daemon) Hang(t testing.TB) (goOn func()) {
	t.Helper()
	if err := d.cmd.Process.Signal(pause); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := d.cmd.Process.Signal(resume); err != nil {
			t.Error(err)
		}
	}
}

func (d *Daemon) terminate() error { return d.signal(syscall.SIGTERM) }

// signal sends it and waits until the daemon has ended.
func (d *Daemon) signal(s syscall.Signal) error {
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.exited:
		return nil
	case <-time.After(endTimeout):
		return fmt.Errorf("dockerd did not end in %v after %v:\n%s", endTimeout, s, d.lastWords())
	}
}
