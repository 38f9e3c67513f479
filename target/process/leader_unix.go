//go:build unix

package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// leader is the first process of a replica, which leads its process group.
type leader struct {
	pid      int
	identity string
	cmd      *exec.Cmd // nil when it was adopted: then it is not our child
	handle   *os.File  // a pidfd; nil where there are none
}

func newLeader(cmd *exec.Cmd) (*leader, error) {
	l := &leader{pid: cmd.Process.Pid, cmd: cmd}
	var err error
	if l.identity, err = identity(l.pid); err != nil {
		return nil, err
	}
	l.handle = openHandle(l.pid)
	return l, nil
}

// adoptLeader takes over a process that is still the one that was seen.
func adoptLeader(pid int, seen string) (*leader, bool) {
	l := &leader{pid: pid, identity: seen, handle: openHandle(pid)}
	if now, err := identity(pid); err != nil || now != seen {
		l.close()
		return nil, false
	}
	return l, true
}

// await returns nil once the process has ended, or ctx's error.
func (l *leader) await(ctx context.Context) error {
	if l.handle != nil {
		if err := awaitHandle(ctx, l.handle); err == nil || ctx.Err() != nil {
			return err
		}
	}
	const poll = 50 * time.Millisecond
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for alive(l.pid, l.identity) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// terminate asks the whole group to end: a shell would not pass it on.
func (l *leader) terminate() { syscall.Kill(-l.pid, syscall.SIGTERM) }

func (l *leader) kill() { syscall.Kill(-l.pid, syscall.SIGKILL) }

// groupEmpty is true when no process of the group is left but zombies.
func (l *leader) groupEmpty() bool {
	if err := syscall.Kill(-l.pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	return !groupAlive(l.pid)
}

// reap says how the process ended.
func (l *leader) reap() exit {
	if l.cmd == nil {
		return exit{text: "exit status not known, it was started by another controller"}
	}
	err := l.cmd.Wait()
	if l.cmd.ProcessState == nil {
		return exit{text: err.Error()}
	}
	return exit{text: l.cmd.ProcessState.String(), success: l.cmd.ProcessState.Success()}
}

func (l *leader) close() {
	if l.handle != nil {
		l.handle.Close()
	}
}

var errLocked = errors.New("locked")

// lockFile takes the lock that the kernel gives back with the last process.
func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
