//go:build linux

// Package operator drives the operator against the real API server, with
// exactly the rights that are shipped. What it scales is of this package: the
// targets of clusters have tests of their own.
package operator

import (
	"testing"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// TestMain gives the tests a cluster of their own.
func TestMain(m *testing.M) { clustertest.Main(m) }
