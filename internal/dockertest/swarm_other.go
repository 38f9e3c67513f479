//go:build !linux

package dockertest

import "testing"

// Swarm is never called where there is no engine.
func (d *Daemon) Swarm(testing.TB) {}

// SwarmOfTwo is never called where there is no engine.
func (d *Daemon) SwarmOfTwo(testing.TB) *Daemon { return nil }
