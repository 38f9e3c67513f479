//go:build unix

package process

import (
	"errors"
	"fmt"
	"syscall"
)

// terminateGroup asks the whole group to end: a shell would not pass it on.
func terminateGroup(pid int) error {
	if err := syscall.Kill(-pid, syscall.SIGTERM); err != nil && !groupGone(pid) {
		return fmt.Errorf("SIGTERM to group %d: %w", pid, err)
	}
	return nil
}

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // gone already is fine

// groupGone is true when the kernel knows no process of the group, zombies
// included.
func groupGone(pid int) bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) }
