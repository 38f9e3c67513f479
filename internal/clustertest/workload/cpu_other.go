//go:build !linux

package main

import "time"

// Pods are Linux's.
func threadCPU() time.Duration { return time.Hour }
