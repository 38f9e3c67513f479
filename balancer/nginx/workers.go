package nginx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// errNotRunning is returned where there is no nginx to be steered or measured.
var errNotRunning = errors.New("nginx is not running")

// process is one process, known again by when it began: ids are used anew.
type process struct {
	pid   int
	began string
}

// master is the process nginx was started as.
func (p *Plane) master() (int, error) {
	text, err := os.ReadFile(p.cfg.PIDFile)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNotRunning, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%w: %s holds %.20q", errNotRunning, p.cfg.PIDFile, text)
	}
	found, err := os.FindProcess(pid)
	if err == nil {
		err = found.Signal(syscall.Signal(0))
	}
	if err != nil {
		return 0, fmt.Errorf("%w: process %d of %s: %w", errNotRunning, pid, p.cfg.PIDFile, err)
	}
	return pid, nil
}

// workers are the worker processes of a master; those that only finish what
// they have are apart. One that was just forked has its master's title until it
// gets a processor, and then takes requests.
func workers(master int) (serving, leaving []process, err error) {
	children, err := childrenOf(master)
	if err != nil {
		return nil, nil, fmt.Errorf("processes of nginx: %w", err)
	}
	for _, pid := range children {
		one, alive := identify(pid)
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		switch {
		case !alive || err != nil || !bytes.Contains(title, []byte("worker process")) && !bytes.Contains(title, []byte("master process")):
		case bytes.Contains(title, []byte("shutting down")):
			leaving = append(leaving, one)
		default:
			serving = append(serving, one)
		}
	}
	return serving, leaving, nil
}

func childrenOf(master int) ([]int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", master))
	if err != nil {
		return scanned(master) // a kernel without that file
	}
	var out []int
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			out = append(out, pid)
		}
	}
	return out, nil
}

func scanned(master int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(files) == 0 {
		return nil, errors.New("there is no table of processes in /proc")
	}
	var out []int
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(file))
		if err != nil {
			continue
		}
		if fields := stat(pid); len(fields) > 1 && fields[1] == strconv.Itoa(master) {
			out = append(out, pid)
		}
	}
	return out, nil
}

// stat are the fields of /proc/PID/stat after the name: the state, the parent,
// …; none when the process is gone.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	end := bytes.LastIndexByte(text, ')')
	if err != nil || end < 0 {
		return nil
	}
	return strings.Fields(string(text[end+1:]))
}

// identify finds a process; one that ended and waits for its parent is gone.
func identify(pid int) (process, bool) {
	fields := stat(pid)
	if len(fields) < 20 || fields[0] == "Z" {
		return process{}, false
	}
	return process{pid, fields[19]}, true
}

// awake reports whether a process has something to do, not waiting for whatever
// comes: it runs, waits for a processor or a disk, or somebody has stopped it.
func awake(one process) bool {
	fields := stat(one.pid)
	return len(fields) > 0 && fields[0] != "S" && fields[0] != "Z"
}

// alive reports whether one of them goes on.
func alive(all []process) bool {
	for _, one := range all {
		if now, there := identify(one.pid); there && now == one {
			return true
		}
	}
	return false
}
