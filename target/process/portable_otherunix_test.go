//go:build unix && !linux

package process_test

import (
	"errors"
	"syscall"
)

// runs is true while there is such a process.
func runs(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
