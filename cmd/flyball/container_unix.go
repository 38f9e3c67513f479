//go:build unix

package main

import (
	"os"
	"syscall"
)

// softly is the signal on which a balancer answers its requests and ends.
func softly(balancer string) os.Signal {
	if balancer == "haproxy" {
		return syscall.SIGUSR1
	}
	return syscall.SIGQUIT
}

// groupOf is the group of a file; below 0 nobody knows.
func groupOf(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	if stat, is := info.Sys().(*syscall.Stat_t); is {
		return int(stat.Gid)
	}
	return -1
}
