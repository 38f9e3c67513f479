package dockertest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/flyball-io/flyball/internal/isolate"
)

// What makes a daemon hang, and go on.
const pause, resume = syscall.SIGSTOP, syscall.SIGCONT

// missing says what an engine of one's own lacks here; "" is nothing.
func missing() string {
	if os.Getuid() != 0 {
		return "root, to start a Docker engine for the test,"
	}
	for _, program := range programs {
		if _, err := isolate.Find(program); err != nil {
			return "the program " + program
		}
	}
	return ""
}

// endForgotten kills the processes of containers that have been made and not
// started: nothing is being started now. In the namespaces there are no others.
func endForgotten() {
	if !isolate.Inside() {
		return
	}
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return
	}
	for _, name := range names {
		comm, _ := os.ReadFile(name)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && strings.HasPrefix(string(comm), "runc:[2:INIT]") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
