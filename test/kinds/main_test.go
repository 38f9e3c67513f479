//go:build linux

// Package kinds runs the real program with documents that name containers and
// balancers that are programs of their own: everything between a line of YAML
// and a request that is answered.
package kinds

import (
	"testing"

	"github.com/flyball-io/flyball/internal/dockertest"
)

// TestMain gives the tests an engine of their own.
func TestMain(m *testing.M) { dockertest.Main(m) }
