// Package vpadiff proves that package vertical recommends what the recommender
// of the Vertical Pod Autoscaler 1.8 does: the same series into both, and every
// target and bound they come to must be equal. It is a module of its own, so
// that the product never depends on k8s.io/autoscaler.
//
//	cd test/vpadiff && go test ./...                    # golden series, 3,000 fuzzed ones
//	cd test/vpadiff && go test -run Golden -update ./...  # write vertical/testdata/upstream.json anew
//
// A difference prints its seed and the rule behind our number. What it shows
// becomes a test of package vertical before it is repaired.
package vpadiff
