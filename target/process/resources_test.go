package process

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestsAreThousandths(t *testing.T) {
	for _, test := range []struct {
		resources Resources
		want      map[string]int64
	}{
		{Resources{CPU: 1}, map[string]int64{"cpu": 1000}},
		{Resources{CPU: 0.25, Memory: "1Mi"}, map[string]int64{"cpu": 250, "memory": 1048576000}},
		{Resources{CPU: maxCores, Memory: "1000T"}, map[string]int64{"cpu": 1e9, "memory": 1e18}},
	} {
		if err := test.resources.validate(); err != nil {
			t.Errorf("%+v: %v", test.resources, err)
		}
		if diff := cmp.Diff(test.want, test.resources.requests()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.resources, diff)
		}
	}
}

func TestResourcesThatNoReplicaCanHaveAreRefused(t *testing.T) {
	for _, cpu := range []float64{0, -1, 0.0001, 1e7, math.NaN(), math.Inf(1)} {
		if err := (Resources{CPU: cpu}).validate(); err == nil || !strings.Contains(err.Error(), "resources.cpu: must be 0.001 to 1000000 cores") {
			t.Errorf("cpu %v: %v", cpu, err)
		}
	}
	if err := (Resources{CPU: 1, Memory: "lots"}).validate(); err == nil || !strings.Contains(err.Error(), "resources.memory: must be") {
		t.Errorf("memory: %v", err)
	}
}
