package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// program is the program under test while it runs.
type program struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *output
	exited         chan struct{}
	status         int // valid once exited is closed; -1: ended by a signal
}

// start starts the program. It is killed at the end of the test if it still
// runs.
func (p *place) start(args ...string) *program { return p.startIn(nil, args...) }

// startIn starts the program with changes to its environment.
func (p *place) startIn(environment []string, args ...string) *program {
	p.t.Helper()
	r := &program{t: p.t, cmd: exec.Command(p.program, args...), stdout: &output{}, stderr: &output{}, exited: make(chan struct{})}
	r.cmd.Dir = p.dir
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + p.scratch(),
		"XDG_STATE_HOME=" + filepath.Join(p.dir, "home-state")}, environment...)
	r.cmd.Stdout, r.cmd.Stderr = r.stdout, r.stderr
	// A Ctrl-C meant for the test must not reach it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A replica that outlives the program must not keep Wait waiting.
	r.cmd.WaitDelay = time.Second
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(r.exited)
		if err := r.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			p.t.Errorf("wait for %s: %v", args[0], err)
		}
		r.status = r.cmd.ProcessState.ExitCode()
	}()
	p.t.Cleanup(func() {
		r.signal(syscall.SIGKILL)
		<-r.exited
		if strings.Contains(r.stderr.String(), dataRace) {
			p.t.Error("the program found a data race")
		}
		if p.t.Failed() {
			p.t.Logf("flyball %s\n%s%s", strings.Join(args, " "), r.stdout, r.stderr)
		}
	})
	return r
}

// run runs the program to its end.
func (p *place) run(args ...string) *program {
	p.t.Helper()
	r := p.start(args...)
	r.wait(patience)
	return r
}

// signal sends a signal; a program that has ended is left alone.
func (r *program) signal(s syscall.Signal) {
	if err := r.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Errorf("%v: %v", s, err)
	}
}

// wait returns the exit status.
func (r *program) wait(within time.Duration) int {
	r.t.Helper()
	select {
	case <-r.exited:
	case <-clock.System.After(within):
		r.t.Fatalf("the program still runs after %v", within)
	}
	return r.status
}

// ends sends a signal and fails the test unless the program ends with the
// status.
func (r *program) ends(s syscall.Signal, status int) {
	r.t.Helper()
	r.signal(s)
	if got := r.wait(patience); got != status {
		r.t.Errorf("after %v: exit status %d, want %d", s, got, status)
	}
}

// says waits until standard error has a text that matches and returns the
// first group, or all of it. Only what comes after an offset counts.
func (r *program) says(after int, pattern string) string {
	r.t.Helper()
	expression := regexp.MustCompile(pattern)
	var found []string
	eventually(r.t, patience, "standard error has "+pattern, func() bool {
		found = expression.FindStringSubmatch(r.stderr.String()[after:])
		select {
		case <-r.exited:
			if found == nil {
				r.t.Fatalf("the program ended with status %d without saying %s", r.status, pattern)
			}
		default:
		}
		return found != nil
	}, func() string { return "" })
	return found[len(found)-1]
}

// output is what a program writes.
type output struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// length is where what comes next will begin.
func (o *output) length() int { return len(o.String()) }
