//go:build !linux

package dockertest

import "os"

// missing says what an engine of one's own lacks here.
func missing() string { return "Linux, to start a Docker engine for the test," }

func isolate() int { return 1 }

func runInit() int { return 1 }

func endForgotten() {}

func cgroupParent(string) string { return "" }

// Nothing is paused where nothing is started.
var pause, resume = os.Kill, os.Kill
