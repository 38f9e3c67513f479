package process

import (
	"bytes"
	"cmp"
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

// killMarked kills every process of this owner whose replica is chosen,
// wherever it went, and all of its group, and returns how many there were.
func killMarked(owner string, chosen func(replica string) bool) int {
	n := 0
	for _, m := range scanMarked() {
		if m.owner != owner || !chosen(m.replica) {
			continue
		}
		n++
		m.kill()
	}
	return n
}

// kill ends the process and its group, if it is still the one that was seen.
func (m marked) kill() {
	if !alive(m.pid, m.identity) {
		return
	}
	if m.group == syscall.Getpgrp() {
		_ = syscall.Kill(m.pid, syscall.SIGKILL) // it joined our group: the rest is ours
		return
	}
	killGroup(m.group)
}

// findLeaders lists the first process of each replica of this owner: the one
// that was written down or, where the controller died before it could write,
// the first one that leads a group.
func findLeaders(owner string, known map[string]record) map[string]marked {
	leaders := map[string]marked{}
	for id, r := range known {
		// Looked up by number: a program may have overwritten its mark.
		if alive(r.PID, r.Identity) {
			leaders[id] = marked{pid: r.PID, group: r.PID, identity: r.Identity, owner: owner, replica: id, config: r.Config, port: r.Port}
		}
	}
	for _, m := range scanMarked() {
		if _, written := known[m.replica]; written || m.owner != owner || m.pid != m.group {
			continue
		}
		if other, ok := leaders[m.replica]; !ok || m.before(other) {
			leaders[m.replica] = m
		}
	}
	return leaders
}

// before is true when m started before the other, which is of the same boot.
func (m marked) before(other marked) bool {
	return cmp.Or(
		cmp.Compare(len(m.identity), len(other.identity)), // the shorter number is the smaller one
		cmp.Compare(m.identity, other.identity),
		cmp.Compare(m.pid, other.pid),
	) < 0
}
