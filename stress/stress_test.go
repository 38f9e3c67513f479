//go:build linux

package stress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// here runs the programs on this machine: a shell is a shell.
type here struct {
	names []string
	mu    sync.Mutex // guards used
	used  time.Duration
}

func (h *here) List(context.Context) ([]string, error) { return h.names, nil }

func (h *here) Exec(ctx context.Context, _ string, command []string, in io.Reader, out io.Writer) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = out, out
	stdin, err := cmd.StdinPipe() // Run would wait for in, which nobody reads to its end
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(stdin, in)
		_ = stdin.Close()
	}()
	err = cmd.Wait()
	h.mu.Lock()
	h.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	h.mu.Unlock()
	if left := group(cmd.Process.Pid); len(left) > 0 {
		return fmt.Errorf("left behind: %q", left)
	}
	return err
}

// group are the processes of a group.
func group(id int) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []string
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, after, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(after); len(fields) > 2 && fields[2] == fmt.Sprint(id) {
			found = append(found, string(text[:min(len(text), 40)]))
		}
	}
	return found
}

func options(load Load, lasts time.Duration) Options {
	return Options{Load: load, Duration: lasts, Refresh: time.Second, Clock: clock.System}
}

func TestWorkersBurnCPUAndEndInTime(t *testing.T) {
	h, begin := &here{names: []string{"web-1"}}, time.Now() //nolint:forbidigo // a real shell has real time
	result, err := Run(t.Context(), h, options(CPU{Workers: 2}, 2*time.Second))
	if err != nil || !slices.Equal(result.Replicas, []string{"web-1"}) || len(result.Failed) > 0 {
		t.Fatalf("got %+v, %v", result, err)
	}
	if h.used < 200*time.Millisecond { // two seconds of two workers, on a machine that may do other things
		t.Errorf("used %v of CPU", h.used)
	}
	if took := time.Since(begin); took < 2*time.Second || took > 30*time.Second { //nolint:forbidigo // as above
		t.Errorf("took %v, want 2s", took)
	}
}

func TestMemoryIsHeldAndGivenBack(t *testing.T) {
	h := &here{names: []string{"web-1"}}
	held := func() int64 {
		files, _ := filepath.Glob("/dev/shm/flyball-stress.*")
		var sum int64
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				sum += info.Size()
			}
		}
		return sum
	}
	before := held()
	ctx, cancel := context.WithCancel(t.Context())
	o := options(Memory{Megabytes: 3}, time.Minute)
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, h, o)
		done <- err
	}()
	for deadline := time.After(20 * time.Second); held() < before+3<<20; { //nolint:forbidigo // as above
		select {
		case <-deadline:
			t.Fatalf("holds %d bytes, want 3 MB more than %d", held(), before)
		case <-time.After(10 * time.Millisecond): //nolint:forbidigo // as above
		}
	}
	cancel() // as Ctrl-C does: long before the minute is over
	if err := <-done; err != nil {
		t.Error(err)
	}
	if held() != before {
		t.Errorf("%d bytes stay, want %d", held(), before)
	}
}

func TestNoMoreThanThereIsRoomForIsHeld(t *testing.T) {
	h := &here{names: []string{"web-1"}}
	var said string
	o := options(Memory{Megabytes: 1 << 30}, time.Second)
	o.Load = within{o.Load.(Memory), 2}
	o.Tell = func(e Event) {
		if e.What == Ended {
			said = e.Says
		}
	}
	if _, err := Run(t.Context(), h, o); err != nil || !strings.Contains(said, "holds 2 MB of 1073741824") {
		t.Errorf("said %q, %v", said, err)
	}
}

// within is memory where /dev/shm is as small as a test wants it.
type within struct {
	Memory
	free int
}

func (w within) script(seconds int) string {
	return strings.Replace(w.Memory.script(seconds), "df -k /dev/shm", fmt.Sprintf("echo x x x %d", (w.free+1)*1024), 1)
}

// crowd are replicas in memory that come, go and fail.
type crowd struct {
	mu      sync.Mutex // guards what follows
	names   []string
	refuses map[string]error
	lost    error
	now     int
	most    int
}

func (c *crowd) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *crowd) List(context.Context) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.names), c.lost
}

func (c *crowd) Exec(_ context.Context, replica string, _ []string, in io.Reader, out io.Writer) error {
	c.mu.Lock()
	err := c.refuses[replica]
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer c.set(func() { c.now-- })
	if err != nil {
		fmt.Fprintln(out, "no such shell")
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	return nil
}

func TestReplicasThatComeAreStressedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{names: []string{"a", "b"}}
		go func() {
			<-clock.System.After(5 * time.Second)
			c.set(func() { c.names = []string{"a", "b", "c"} })
		}()
		result, err := Run(t.Context(), c, options(CPU{Workers: 1}, 20*time.Second))
		if err != nil || !slices.Equal(result.Replicas, []string{"a", "b", "c"}) || result.Most != 3 {
			t.Errorf("got %+v, %v", result, err)
		}
	})
}

func TestNoMoreThanTheMostAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{names: []string{"a", "b", "c"}}
		o := options(CPU{Workers: 1}, 10*time.Second)
		o.MaxReplicas = 2
		if result, err := Run(t.Context(), c, o); err != nil || c.most != 2 || result.Most != 2 {
			t.Errorf("%d at a time, result %+v, %v; want 2", c.most, result, err)
		}
	})
}

func TestWhereItCannotBeDoneIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("exit status 127")
		c := &crowd{names: []string{"a", "b"}, refuses: map[string]error{"b": refused}}
		result, err := Run(t.Context(), c, options(CPU{Workers: 1}, 10*time.Second))
		if err != nil || !slices.Equal(result.Replicas, []string{"a"}) || result.Failed["b"] != "no such shell: exit status 127" {
			t.Errorf("got %+v, %v", result, err)
		}
		c = &crowd{names: []string{"b"}, refuses: map[string]error{"b": refused}}
		if _, err := Run(t.Context(), c, options(CPU{Workers: 1}, 10*time.Second)); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "b: no such shell") {
			t.Errorf("got %v", err)
		}
		c = &crowd{names: []string{"b"}, refuses: map[string]error{"b": errors.New(`OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown`)}}
		if _, err := Run(t.Context(), c, options(CPU{Workers: 1}, 10*time.Second)); err == nil || err.Error() != "no replica could be stressed: b: "+errNoShell.Error() {
			t.Errorf("got %v", err)
		}
		c = &crowd{lost: errors.New("server is away")}
		if _, err := Run(t.Context(), c, options(CPU{Workers: 1}, 10*time.Second)); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "server is away") {
			t.Errorf("got %v", err)
		}
	})
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	_, err := Run(t.Context(), &crowd{}, Options{MaxReplicas: -1})
	for _, want := range []string{"duration: must be at least 1s", "refresh: must be at least 1s", "most replicas: must be 0 (all) or more, got -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if CPU.Validate(CPU{}) == nil || Memory.Validate(Memory{}) == nil || CPU.Validate(CPU{Workers: 2}) != nil || Memory.Validate(Memory{Megabytes: 1}) != nil {
		t.Error("workers and megabytes are checked wrongly")
	}
}
