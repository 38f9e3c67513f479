package process

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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

// openHandle returns a pidfd, which tells of the end of a process without
// polling; nil where the kernel has none.
func openHandle(pid int) *os.File {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd")
}

// awaitHandle waits until a pidfd is readable, which is when its process has
// ended.
func awaitHandle(ctx context.Context, handle *os.File) error {
	if err := handle.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	conn, err := handle.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { handle.SetReadDeadline(time.Unix(1, 0)) })
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
