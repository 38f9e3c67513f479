//go:build !linux

package dockertest

import "os"

// missing says what an engine of one's own lacks here.
func missing() string { return "Linux, to start a Docker engine for the test," }

func endForgotten() {}

// Nothing is paused where nothing is started.
var pause, resume = os.Kill, os.Kill
