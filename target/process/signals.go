package process

import "github.com/flyball-io/flyball/scale"

// Signals names what a target of processes may measure of itself. Disk and
// network are measured on Linux only, and the network where a replica has a
// network namespace of its own.
func Signals() []string {
	return []string{scale.CPUUtilization, scale.DiskReadRate, scale.DiskWriteRate, scale.MemoryUtilization,
		scale.NetworkReceiveRate, scale.NetworkTransmitRate}
}

// Signals names what Collect delivers.
func (*Target) Signals() []string { return Signals() }
