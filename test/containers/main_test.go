//go:build linux

// Package containers puts every target behind every balancer, the real programs
// of all of them, under real load: what each promises alone must hold together.
package containers

import (
	"testing"

	"github.com/flyball-io/flyball/internal/dockertest"
)

// TestMain gives the tests an engine of their own.
func TestMain(m *testing.M) { dockertest.Main(m) }
