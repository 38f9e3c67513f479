package builtin

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

func TestABackendThatWasTakenOutSaysWhy(t *testing.T) {
	r := start(t, nil)
	if err := r.SetBackends(t.Context(), []balancer.Backend{{ID: "gone", Address: "127.0.0.1:1"}}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		all, err := r.Backends(t.Context())
		if err == nil && all[0].State == balancer.Unhealthy && strings.Contains(all[0].Fault, "dial tcp") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, %v; want unhealthy and why", all, err)
		}
	}
}
