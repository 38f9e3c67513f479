package process

import "github.com/flyball-io/flyball/scale"

// Signals names what a target of processes measures of itself.
func Signals() []string { return []string{scale.CPUUtilization, scale.MemoryUtilization} }

// Signals names what Collect delivers.
func (*Target) Signals() []string { return Signals() }
