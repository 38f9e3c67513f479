package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leader is the first process of a replica, which leads its process group.
type leader struct {
	pid      int
	identity string
	cmd      *exec.Cmd // nil when it was adopted: then it is not our child
	pidfd    *os.File  // nil where the kernel has none
}

// groupLeader makes a child the leader of a group of its own, so that a
// Ctrl-C meant for the controller does not reach it and all that it starts
// can be ended with it.
func groupLeader(dieWithController bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if dieWithController {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}

// newLeader is a child that has just been started.
func newLeader(cmd *exec.Cmd, _ bool) (*leader, error) {
	l := &leader{pid: cmd.Process.Pid, cmd: cmd}
	var err error
	if l.identity, err = identity(l.pid); err != nil {
		return nil, err
	}
	l.pidfd = openPidfd(l.pid)
	return l, nil
}

// adoptLeader takes over a process, if it is still the one that was seen.
func adoptLeader(pid int, seen string) (*leader, bool) {
	l := &leader{pid: pid, identity: seen, pidfd: openPidfd(pid)}
	if !l.alive() {
		l.close()
		return nil, false
	}
	return l, true
}

func openPidfd(pid int) *os.File {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd) // polled instead
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd")
}

// await returns nil once the process has ended, or ctx's error.
func (l *leader) await(ctx context.Context) error {
	if l.pidfd != nil {
		if err := awaitReadable(ctx, l.pidfd); err == nil || ctx.Err() != nil {
			return err
		}
	}
	const poll = 50 * time.Millisecond
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for l.alive() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// awaitReadable waits until a pidfd is readable, which is when its process
// has ended. The runtime's poller does the waiting: no thread is blocked.
func awaitReadable(ctx context.Context, pidfd *os.File) error {
	if err := pidfd.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("pidfd: %w", err)
	}
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return fmt.Errorf("pidfd: %w", err)
	}
	longAgo := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { _ = pidfd.SetReadDeadline(longAgo) })
	defer stop()
	err = conn.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// alive is true while the process exists and is no zombie.
func (l *leader) alive() bool { return alive(l.pid, l.identity) }

func (l *leader) terminate() error { return terminateGroup(l.pid) }
func (l *leader) kill()            { killGroup(l.pid) }

// groupEmpty is true when no process of the group is left but zombies.
func (l *leader) groupEmpty() bool { return groupGone(l.pid) || !groupAlive(l.pid) }

// reap says how the process ended. It must have.
func (l *leader) reap() exit {
	if l.cmd == nil {
		// An earlier target of this process may have started it: then nobody
		// else takes the zombie away.
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(l.pid, &status, syscall.WNOHANG, nil); err != nil || pid != l.pid {
			return exit{text: "exit status not known, an earlier controller started it"}
		}
		return exit{text: fmt.Sprintf("exit status %d", status.ExitStatus()), success: status.ExitStatus() == 0}
	}
	err := l.cmd.Wait()
	if l.cmd.ProcessState == nil {
		return exit{text: err.Error()}
	}
	return exit{text: l.cmd.ProcessState.String(), success: l.cmd.ProcessState.Success()}
}

func (l *leader) close() {
	if l.pidfd != nil {
		l.pidfd.Close()
	}
}
