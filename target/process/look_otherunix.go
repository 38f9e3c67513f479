//go:build unix && !linux && !darwin

package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// look tells a process from a later one with the same number, by the time of
// its start, and whether it is a zombie.
func look(pid int) (identity string, dead bool, err error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	state, started, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || started == "" {
		return "", false, fmt.Errorf("process %d: not found", pid)
	}
	return strings.TrimSpace(started), strings.HasPrefix(state, "Z"), nil
}
