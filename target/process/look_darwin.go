package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// look tells a process from a later one with the same number, by the time of
// its start, and whether it is a zombie.
func look(pid int) (identity string, dead bool, err error) {
	const zombie = 5 // SZOMB of sys/proc.h
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", false, fmt.Errorf("process %d: %w", pid, err)
	}
	start := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", start.Sec, start.Usec), info.Proc.P_stat == zombie, nil
}
