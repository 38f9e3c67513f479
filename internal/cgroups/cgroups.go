// Package cgroups reads what the kernel says of the containers of a machine:
// who they are and what they use. It reads files of /proc and /sys/fs/cgroup
// and nothing else, so that who measures needs neither the socket of a
// container engine nor any right beyond reading them. Both trees are given as
// an fs.FS, since in a container those of the machine are mounted elsewhere.
//
// Control groups come in two versions. In the first each controller (cpuacct,
// memory, …) has a tree of its own, with the same groups in each; in the
// second there is one tree. A hybrid has the trees of the first, and one of
// the second without controllers.
package cgroups

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Usage is what a container has used by one moment. Counts are since it began
// and may be read at any pace.
type Usage struct {
	CPU time.Duration `json:"cpu"`
	// CPULimit is in cores, that of the quota or of the CPUs it may run on; 0:
	// none.
	CPULimit float64 `json:"cpuLimit,omitempty"`
	// Memory is in bytes, without pages of files that were not needed lately:
	// the kernel gives those back before anybody misses them.
	Memory float64 `json:"memory"`
	// MemoryLimit is in bytes; 0: none.
	MemoryLimit float64 `json:"memoryLimit,omitempty"`
	Processes   int64   `json:"processes"`
	// Disk and Network are nil where the kernel says nothing: that is not the
	// same as nothing.
	Disk    *Traffic `json:"disk,omitempty"`
	Network *Traffic `json:"network,omitempty"`
}

// Traffic is how many bytes came in (were read, were received) and went out.
type Traffic struct {
	In  uint64 `json:"in"`
	Out uint64 `json:"out"`
}

// Machine is what a container without limits may use.
type Machine struct {
	Cores  float64 `json:"cores"`
	Memory float64 `json:"memory"` // bytes
}

// Host is one machine.
type Host struct {
	proc  fs.FS
	files version
}

// version is how one version of control groups tells what a group uses.
type version interface {
	// tree is where groups are looked for.
	tree() fs.FS
	// usage reads all but the network.
	usage(group string) (Usage, error)
}

// Open finds out which version the trees are of. proc and cgroup are /proc
// and /sys/fs/cgroup of the machine, wherever they are mounted.
func Open(proc, cgroup fs.FS) (*Host, error) {
	entries, err := fs.ReadDir(cgroup, ".")
	if err != nil {
		return nil, fmt.Errorf("read control groups: %w", err)
	}
	trees := map[string]fs.FS{}
	for _, entry := range entries {
		tree, err := fs.Sub(cgroup, entry.Name())
		if err != nil {
			return nil, err
		}
		for controller := range strings.SplitSeq(entry.Name(), ",") {
			trees[controller] = tree
		}
	}
	switch {
	case trees["cpuacct"] != nil && trees["memory"] != nil:
		return &Host{proc: proc, files: version1{trees}}, nil
	case exists(cgroup, controllersFile):
		return &Host{proc: proc, files: version2{cgroup}}, nil
	case trees["unified"] != nil && exists(trees["unified"], controllersFile):
		return &Host{proc: proc, files: version2{trees["unified"]}}, nil
	}
	return nil, fmt.Errorf("no control groups: neither the folders cpuacct and memory (version 1) nor the file %s (version 2)", controllersFile)
}

// controllersFile is at the root of a tree of version 2.
const controllersFile = "cgroup.controllers"

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// Usage reads what the group of a container uses; pid is one of its
// processes, by which its network is found, or 0.
func (h *Host) Usage(group string, pid int) (Usage, error) {
	u, err := h.files.usage(group)
	if err != nil {
		return Usage{}, fmt.Errorf("read control group %s: %w", group, err)
	}
	u.Network = h.network(pid)
	return u, nil
}

// Machine reads what there is on the machine.
func (h *Host) Machine() (Machine, error) {
	stat, err := fs.ReadFile(h.proc, "stat")
	if err != nil {
		return Machine{}, fmt.Errorf("read the machine's cores: %w", err)
	}
	info, err := fs.ReadFile(h.proc, "meminfo")
	if err != nil {
		return Machine{}, fmt.Errorf("read the machine's memory: %w", err)
	}
	m := Machine{Cores: parseCores(stat), Memory: parseTotalMemory(info)}
	if m.Cores == 0 || m.Memory == 0 {
		return Machine{}, fmt.Errorf("the machine has %v cores and %v bytes of memory by stat and meminfo of its /proc", m.Cores, m.Memory)
	}
	return m, nil
}
