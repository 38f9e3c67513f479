//go:build unix

package remote

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// handsOver says that a successor can inherit listening sockets here.
const handsOver = true

// detach makes the process a session of its own: no signal of our terminal
// reaches it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// pass lets the process inherit files, numbered from firstFile on.
func pass(cmd *exec.Cmd, files []*os.File) ([]uintptr, error) {
	cmd.ExtraFiles = files
	return nil, nil
}

// restrict lets only this user use the socket at path.
func restrict(path string) error { return os.Chmod(path, 0o600) }

// fileOf returns a second descriptor of a listener. Unlike that of its method
// File it stays non-blocking when it is passed to a process: both share one
// open socket, and in blocking mode our own Accept could not be stopped.
func fileOf(l net.Listener) (*os.File, error) {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	second, fault := 0, error(nil)
	err = raw.Control(func(fd uintptr) {
		second, fault = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = cmp.Or(err, fault); err != nil {
		return nil, fmt.Errorf("duplicate %s: %w", l.Addr(), err)
	}
	return os.NewFile(uintptr(second), l.Addr().String()), nil
}
