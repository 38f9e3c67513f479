package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// ContainerOf is the ID of the container that a control group belongs to; ""
// when it is none's. An engine that makes groups itself names them
// docker/ID, one that asks systemd docker-ID.scope. Groups below belong to the
// container too, unless it has containers of its own.
//
//	/docker/3f4e…                     3f4e…
//	/system.slice/docker-3f4e….scope  3f4e…
//	/docker/3f4e…/init.scope          3f4e…
func ContainerOf(group string) string {
	for group != "" {
		var last string
		group, last = cutLast(group)
		if id := containerID(last); id != "" {
			return id
		}
	}
	return ""
}

func cutLast(group string) (before, last string) {
	at := strings.LastIndexByte(group, '/')
	if at < 0 {
		return "", group
	}
	return group[:at], group[at+1:]
}

// idLength is the length of an ID: 256 bits in hexadecimal.
const idLength = 64

// containerID is the ID that is all or the end of the name of a group. The
// group of who watches over a container ends with its ID too.
func containerID(name string) string {
	engine, id := "", strings.TrimSuffix(name, ".scope")
	if at := strings.LastIndexByte(id, '-'); at >= 0 {
		engine, id = id[:at], id[at+1:]
	}
	if len(id) != idLength || strings.Trim(id, "0123456789abcdef") != "" || strings.HasSuffix(engine, "conmon") {
		return ""
	}
	return id
}

// Containers finds the group of each container, by ID.
func (h *Host) Containers() (map[string]string, error) {
	groups := map[string]string{}
	err := fs.WalkDir(h.files.tree(), ".", func(group string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && group != ".":
			return nil // it ended meanwhile
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		}
		if id := containerID(path.Base(group)); id != "" {
			groups[id] = group
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for control groups: %w", err)
	}
	return groups, nil
}

// Processes finds one process of each container that is wanted, by ID. It
// reads the table of processes, since the list of a group may name them by
// other numbers than those below /proc.
func (h *Host) Processes(wanted func(id string) bool) (map[string]int, error) {
	entries, err := fs.ReadDir(h.proc, ".")
	if err != nil {
		return nil, fmt.Errorf("read the table of processes: %w", err)
	}
	found := map[string]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid <= 0 {
			continue
		}
		if id := h.ContainerOfProcess(pid); id != "" && found[id] == 0 && wanted(id) {
			found[id] = pid
		}
	}
	return found, nil
}

// ContainerOfProcess is the ID of the container that a process is in; "" when
// it is in none, or has ended.
func (h *Host) ContainerOfProcess(pid int) string {
	raw, err := fs.ReadFile(h.proc, strconv.Itoa(pid)+"/cgroup")
	if err != nil {
		return ""
	}
	return parseMembership(raw)
}

// network reads what the interfaces of a container moved; nil when it has
// none of its own. The files of two processes are the same one exactly when
// they share a network namespace, also where the links that name namespaces
// may not be read.
func (h *Host) network(pid int) *Traffic {
	if pid == 0 {
		return nil
	}
	name := strconv.Itoa(pid) + "/net/dev"
	own, err := fs.Stat(h.proc, name)
	if err != nil {
		return nil
	}
	if machine, err := fs.Stat(h.proc, "1/net/dev"); err != nil || os.SameFile(own, machine) {
		return nil
	}
	raw, err := fs.ReadFile(h.proc, name)
	if err != nil {
		return nil
	}
	t, err := parseNetwork(raw)
	if err != nil {
		return nil
	}
	return &t
}

// IsGone reports that a group ended while it was read.
func IsGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoDevice)
}
