//go:build unix && !linux

package process

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// groupLeader makes a child the leader of a group of its own. Only Linux can
// tie it to the life of its parent.
func groupLeader(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// identity tells a process from a later one with the same number: by the
// time of its start.
func identity(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	started := strings.TrimSpace(string(out))
	if err != nil || started == "" {
		return "", fmt.Errorf("process %d: not found", pid)
	}
	return started, nil
}
