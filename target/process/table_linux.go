package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// marked is a process that carries the mark of a replica.
type marked struct {
	pid, group int
	identity   string
	owner      string
	replica    string
	config     string
	port       int
}

// scanMarked lists the live processes of all replicas of all controllers.
func scanMarked() []marked {
	var found []marked
	for _, pid := range pids() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !bytes.Contains(env, []byte(markerOwner+"=")) {
			continue
		}
		m := marked{pid: pid}
		for entry := range strings.SplitSeq(string(env), "\x00") {
			key, value, _ := strings.Cut(entry, "=")
			switch key {
			case markerOwner:
				m.owner = value
			case markerReplica:
				m.replica = value
			case markerConfig:
				m.config = value
			case markerPort:
				m.port, _ = strconv.Atoi(value)
			}
		}
		s, err := readStat(pid)
		if err != nil || s.dead() || m.owner == "" {
			continue
		}
		m.group, m.identity = s.group, s.identity()
		found = append(found, m)
	}
	return found
}

func pids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// stat is the part of /proc/PID/stat that matters here.
type stat struct {
	state byte
	group int
	start string // clock ticks since boot
}

// readStat reads the fields behind the command name, which is in brackets and
// may hold anything.
func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// State is field 3 of stat, process group 5, start time 22.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	group, err := strconv.Atoi(fields[2])
	if err != nil {
		return stat{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return stat{state: fields[0][0], group: group, start: fields[19]}, nil
}

func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

func (s stat) identity() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(boot)) + "/" + s.start
}

// identity tells a process from a later one with the same number.
func identity(pid int) (string, error) {
	s, err := readStat(pid)
	if err != nil {
		return "", err
	}
	return s.identity(), nil
}

// alive is true while the process exists and is no zombie.
func alive(pid int, seen string) bool {
	s, err := readStat(pid)
	return err == nil && !s.dead() && s.identity() == seen
}

// groupAlive is true while a process of the group is no zombie.
func groupAlive(group int) bool {
	for _, pid := range pids() {
		if s, err := readStat(pid); err == nil && s.group == group && !s.dead() {
			return true
		}
	}
	return false
}

// killMarked kills every process that carries the mark of a replica, wherever
// it went, and returns how many there were.
func killMarked(owner, replica string) int {
	n := 0
	for _, m := range scanMarked() {
		if m.owner != owner || m.replica != replica {
			continue
		}
		n++
		if process, err := os.FindProcess(m.pid); err == nil && alive(m.pid, m.identity) {
			process.Signal(syscall.SIGKILL)
		}
	}
	return n
}
