package process

import (
	"bytes"
	"cmp"
	"errors"
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

// pids lists the processes that can be seen.
func pids() []int {
	all, _ := pidsIn("/proc") // without /proc there is nothing to be seen
	return all
}

func pidsIn(procfs string) ([]int, error) {
	dir, err := os.Open(procfs)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all, err
}

// stat is the part of /proc/PID/stat that matters here. CPU times are in
// ticks of 10 ms.
type stat struct {
	state         byte
	parent, group int
	own           int64  // CPU time of all its threads
	reaped        int64  // CPU time of the children it has waited for, and of theirs
	start         string // clock ticks since boot
	rss           int64  // pages
}

// readStat reads what the kernel says of a process.
func readStat(pid int) (stat, error) { return readStatIn("/proc", pid) }

func readStatIn(procfs string, pid int) (stat, error) {
	path := fmt.Sprintf("%s/%d/stat", procfs, pid)
	raw, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(raw)
	if err != nil {
		return stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// parseStat reads the fields behind the command name, which is in brackets and
// may hold anything, brackets too.
func parseStat(raw []byte) (stat, error) {
	// State is field 3 of stat; it has the index 0 here.
	const parent, group, utime, stime, cutime, cstime, start, rss = 1, 2, 11, 12, 13, 14, 19, 21
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) <= rss {
		return stat{}, fmt.Errorf("%d fields behind the command, want more than %d", len(fields), rss)
	}
	var errs []error
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("field %d: %w", i+3, err))
		}
		return n
	}
	s := stat{
		state: fields[0][0], start: fields[start],
		parent: int(number(parent)), group: int(number(group)),
		own: number(utime) + number(stime), reaped: number(cutime) + number(cstime),
		rss: number(rss),
	}
	return s, errors.Join(errs...)
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
