package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// handsOver says that a successor can inherit listening sockets here. Go
// cannot make a listener of an inherited socket on Windows.
const handsOver = false

// detach gives the process no console: neither Ctrl-C nor closing ours
// reaches it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// pass lets the process inherit files and returns the numbers they have there.
func pass(cmd *exec.Cmd, files []*os.File) ([]uintptr, error) {
	var handles []uintptr
	for _, f := range files {
		handle := windows.Handle(f.Fd())
		if err := windows.SetHandleInformation(handle, windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		cmd.SysProcAttr.AdditionalInheritedHandles = append(cmd.SysProcAttr.AdditionalInheritedHandles, syscall.Handle(handle))
		handles = append(handles, uintptr(handle))
	}
	return handles, nil
}

// restrict has nothing to do: the socket has the access rights of its folder,
// which is below the user's own.
func restrict(string) error { return nil }

func fileOf(l net.Listener) (*os.File, error) {
	return nil, fmt.Errorf("hand over %s: %w", l.Addr(), errors.ErrUnsupported)
}
