package main

import (
	"syscall"
	"time"
)

// threadCPU is the CPU time that this thread has used.
func threadCPU() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	_ = syscall.Getrusage(thread, &used) // it fails for no thread of ours
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
