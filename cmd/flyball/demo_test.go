package main

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/flyball-io/flyball/app/demo"
)

// On the load of the demonstration the default policy costs less than an HPA on
// the same signals and breaks the promise no more often, whatever the seed.
func TestTheDemonstrationShowsWhatTheDefaultPolicyIsFor(t *testing.T) {
	t.Parallel()
	missed, missedByHPA := 0.0, 0.0
	for seed := range 3 {
		out, errOut, status := execute(t.Context(), "demo", "--simulate", "--compare", "hpa", "--json", "--seed", strconv.Itoa(seed+1))
		var r demo.Result
		if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil || r.Compare == nil {
			t.Fatalf("status %d, %v: %s%s", status, err, out, errOut)
		}
		if r.ViolationRatio > r.Compare.ViolationRatio || r.ReplicaHours > 0.97*r.Compare.ReplicaHours {
			t.Errorf("seed %d: predictive misses %.3g of the requests in %.4f replica-hours, hpa %.3g in %.4f; want no more misses, and 3 %% fewer hours",
				seed+1, r.ViolationRatio, r.ReplicaHours, r.Compare.ViolationRatio, r.Compare.ReplicaHours)
		}
		missed, missedByHPA = missed+r.ViolationRatio, missedByHPA+r.Compare.ViolationRatio
	}
	if missed >= missedByHPA {
		t.Errorf("predictive misses %.3g of all requests, hpa %.3g; want fewer", missed/3, missedByHPA/3)
	}
}
