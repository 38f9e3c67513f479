package main

import (
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
)

// Once curves are there and memories are full, deciding allocates nothing: what
// is left are the two goroutines of a pass.
func TestDecidingAllocatesNothing(t *testing.T) {
	testenv.Long(t)
	f, err := newFleet(options{targets: 6, workers: 2, more: "  policy: {predictive: {}}\n"})
	if err != nil {
		t.Fatal(err)
	}
	for range 700 {
		f.pass()
	}
	least := f.pass().allocations // a curve may yet grow in some passes
	for range 20 {
		least = min(least, f.pass().allocations)
	}
	if least > 5 {
		t.Errorf("%d allocations in a pass over %d targets, want at most the 5 of the pass itself", least, len(f.plans))
	}
}
