package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// Longest times for a component to begin and to end, on a busy machine.
const (
	startTimeout = 2 * time.Minute
	endTimeout   = 30 * time.Second
)

// Component is one program of the cluster, which tests may stop, kill, hang
// and start again. What is down when a test ends is up for the next.
type Component struct {
	Name string
	// Took is how long its last start took, until it was ready.
	Took time.Duration

	command []string // the program, and its name in there
	flags   []string
	extra   []string // those of the test
	ready   func(context.Context) error
	log     string

	wanted bool
	begun  time.Time
	cmd    *exec.Cmd
	exited chan struct{}
}

func (c *Component) running() bool {
	if c.cmd == nil {
		return false
	}
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// ensure runs it with the flags of a test, whatever became of it before.
func (c *Component) ensure(extra []string) error {
	c.wanted = true
	if c.running() && slices.Equal(c.extra, extra) {
		return nil
	}
	if err := c.signal(syscall.SIGTERM); err != nil {
		return err
	}
	c.extra = extra
	return c.begin()
}

// begin starts the program without waiting until it is ready.
func (c *Component) begin() error {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c.cmd = exec.Command(c.command[0], slices.Concat(c.command[1:], c.flags, c.extra)...)
	c.cmd.Dir = filepath.Dir(c.log)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.begun, c.Took = clock.System.Now(), 0
	if err := c.cmd.Start(); err != nil {
		c.cmd = nil
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	exited := make(chan struct{})
	c.exited = exited
	go func(cmd *exec.Cmd) {
		defer close(exited)
		_ = cmd.Wait() // how it ended is in its log
	}(c.cmd)
	return nil
}

// await returns when it is ready.
func (c *Component) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := c.ready(ctx)
		if err == nil {
			c.noteReady()
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s ended at once:\n%s", c.Name, c.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %v: %w\n%s", c.Name, startTimeout, err, c.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Component) noteReady() {
	if c.Took == 0 {
		c.Took = clock.System.Now().Sub(c.begun)
	}
}

// MemoryMiB is what it holds of the machine's memory, in MiB.
func (c *Component) MemoryMiB(t testing.TB) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize() >> 20
}

// Pid is the process that runs it.
func (c *Component) Pid() int { return c.cmd.Process.Pid }

// lastWords are the end of its log.
func (c *Component) lastWords() string {
	const enough = 4000
	raw, _ := os.ReadFile(c.log)
	return string(raw[max(0, len(raw)-enough):])
}

// Log is all that it has written, over all its starts.
func (c *Component) Log(t testing.TB) string {
	t.Helper()
	raw, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Start starts it again and waits until it is ready.
func (c *Component) Start(t testing.TB) {
	t.Helper()
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	if err := c.await(context.Background()); err != nil { // the test may be over already
		t.Fatal(err)
	}
}

// Stop ends it in order.
func (c *Component) Stop(t testing.TB) { c.stop(t, syscall.SIGTERM) }

// Kill kills it.
func (c *Component) Kill(t testing.TB) { c.stop(t, syscall.SIGKILL) }

func (c *Component) stop(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := c.signal(s); err != nil {
		t.Fatal(err)
	}
}

// Restart ends it in order and starts it again.
func (c *Component) Restart(t testing.TB) {
	t.Helper()
	c.Stop(t)
	c.Start(t)
}

// Hang stops it without ending it, until the function that is returned is
// called, or the test ends: connections are taken and nobody is answered.
func (c *Component) Hang(t testing.TB) (goOn func()) {
	t.Helper()
	if err := c.cmd.Process.Signal(pause); err != nil {
		t.Fatal(err)
	}
	process := c.cmd.Process
	goOn = func() { _ = process.Signal(resume) } // it may have been killed meanwhile
	t.Cleanup(goOn)
	return goOn
}

// signal sends it and waits until the program has ended.
func (c *Component) signal(s syscall.Signal) error {
	if !c.running() {
		return nil
	}
	if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(endTimeout):
		_ = c.cmd.Process.Kill() // else the next test would find it ending
		<-c.exited
		return fmt.Errorf("%s did not end in %v after %v:\n%s", c.Name, endTimeout, s, c.lastWords())
	}
}
