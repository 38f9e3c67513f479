package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// version1 has a tree for each controller, by its name.
type version1 struct{ trees map[string]fs.FS }

func (v version1) tree() fs.FS { return v.trees["cpuacct"] }

func (v version1) usage(group string) (Usage, error) {
	read := reader{group: group}
	cpu := read.number(v.trees["cpuacct"], "cpuacct.usage")
	used := read.number(v.trees["memory"], "memory.usage_in_bytes")
	limit := read.number(v.trees["memory"], "memory.limit_in_bytes")
	cache := read.field(v.trees["memory"], "memory.stat", "total_inactive_file")
	if read.err != nil {
		return Usage{}, read.err
	}
	u := Usage{
		CPU: time.Duration(cpu), Memory: max(0, used-cache),
		CPULimit:  smallest(v.quota(group), cpusOf(v.trees["cpuset"], group, "cpuset.effective_cpus")),
		Processes: int64(reader{group: group}.optional(v.trees["pids"], "pids.current")),
		Disk:      v.disk(group),
	}
	// Without a limit the kernel says the highest count of pages that it knows.
	const unlimited = 1 << 60
	if limit < unlimited {
		u.MemoryLimit = limit
	}
	return u, nil
}

// quota is the limit in cores; 0: none.
func (v version1) quota(group string) float64 {
	read := reader{group: group}
	quota := read.optional(v.trees["cpu"], "cpu.cfs_quota_us") // -1: none
	period := read.optional(v.trees["cpu"], "cpu.cfs_period_us")
	if quota <= 0 || period <= 0 {
		return 0
	}
	return quota / period
}

// disk reads what the devices moved. Which file counts depends on the
// scheduler of the device; only one of them is in use.
func (v version1) disk(group string) *Traffic {
	for _, name := range []string{"blkio.throttle.io_service_bytes_recursive", "blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"} {
		raw, err := readFile(v.trees["blkio"], group, name)
		if err != nil {
			continue
		}
		if t, err := parseServiceBytes(raw); err == nil && t != nil {
			return t
		}
	}
	return nil
}

// reader reads the files of a group and keeps the first thing that goes wrong.
type reader struct {
	group string
	err   error
}

func (r *reader) number(tree fs.FS, name string) float64 {
	raw, err := readFile(tree, r.group, name)
	if err != nil {
		r.fail(err)
		return 0
	}
	n, err := parseNumber(raw)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", name, err))
	}
	return n
}

// field is that of a file whose lines are names with numbers.
func (r *reader) field(tree fs.FS, name, field string) float64 {
	raw, err := readFile(tree, r.group, name)
	if err != nil {
		r.fail(err)
		return 0
	}
	n, err := parseField(raw, field)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", name, err))
	}
	return n
}

func (r *reader) fail(err error) { r.err = errors.Join(r.err, err) }

// optional is a number that need not be there; then it is 0.
func (r reader) optional(tree fs.FS, name string) float64 {
	n := r.number(tree, name)
	if r.err != nil {
		return 0
	}
	return n
}

// readFile reads a file of a group, from a tree that need not be there.
func readFile(tree fs.FS, group, name string) ([]byte, error) {
	if tree == nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return fs.ReadFile(tree, path.Join(group, name))
}

// cpusOf is how many CPUs a group may run on, when those are not all; 0: all
// of them, or not known.
func cpusOf(tree fs.FS, group, name string) float64 {
	raw, err := readFile(tree, group, name)
	if err != nil {
		return 0
	}
	own, err := ParseCPUs(raw)
	if err != nil {
		return 0
	}
	if raw, err = readFile(tree, ".", name); err != nil {
		return 0
	}
	if all, err := ParseCPUs(raw); err != nil || own >= all {
		return 0
	}
	return float64(own)
}

// smallest is the smaller of two limits, where 0 is none.
func smallest(a, b float64) float64 {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
