//go:build !linux

package clustertest

import "os"

// Nothing is paused where nothing is started.
var pause, resume = os.Kill, os.Kill

// missing says what a cluster of one's own lacks here.
func missing() string { return "Linux, to start a Kubernetes cluster for the test," }

func prepare(string) error { return nil }

func makeCgroups(string) error { return nil }
