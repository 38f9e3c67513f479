package cgroups

import (
	"bytes"
	"io/fs"
	"time"
)

// version2 has one tree.
type version2 struct{ root fs.FS }

func (v version2) tree() fs.FS { return v.root }

func (v version2) usage(group string) (Usage, error) {
	read := reader{group: group}
	cpu := read.field(v.root, "cpu.stat", "usage_usec")
	used := read.number(v.root, "memory.current")
	cache := read.field(v.root, "memory.stat", "inactive_file")
	if read.err != nil {
		return Usage{}, read.err
	}
	return Usage{
		CPU: time.Duration(cpu) * time.Microsecond, Memory: max(0, used-cache),
		CPULimit:    smallest(v.quota(group), cpusOf(v.root, group, "cpuset.cpus.effective")),
		MemoryLimit: reader{group: group}.optional(v.root, "memory.max"), // "max": none
		Processes:   int64(reader{group: group}.optional(v.root, "pids.current")),
		Disk:        v.disk(group),
	}, nil
}

// quota is the limit in cores; 0: none. The file holds "50000 100000", or
// "max 100000" without a limit.
func (v version2) quota(group string) float64 {
	raw, err := readFile(v.root, group, "cpu.max")
	if err != nil {
		return 0
	}
	first, second, _ := bytes.Cut(bytes.TrimSpace(raw), []byte(" "))
	quota, errQuota := parseNumber(first)
	period, errPeriod := parseNumber(second)
	if errQuota != nil || errPeriod != nil || period <= 0 {
		return 0
	}
	return quota / period
}

func (v version2) disk(group string) *Traffic {
	raw, err := readFile(v.root, group, "io.stat")
	if err != nil {
		return nil
	}
	t, err := parseIOStat(raw)
	if err != nil {
		return nil
	}
	return t
}
