package docker_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// The target says itself what its containers use, of their limits.
func TestWhatTheContainersUse(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) { cfg.Limits = docker.Limits{CPUs: 0.5, Memory: "128Mi"} })
	w.Run()
	w.Set(2)
	w.Until("two are ready", targettest.Ready(2))
	deadline := time.Now().Add(time.Minute)
	for {
		samples, err := w.Target.Collect(t.Context())
		got := map[string]float64{}
		for _, s := range samples {
			if s.Replica == "" || s.Replica == w.Status().Replicas[0].ID {
				got[s.Replica+" "+s.Signal] = s.Value
			}
		}
		bytes, share := got[" "+containers.MemoryBytes], got[" "+scale.MemoryUtilization]
		_, own := got[w.Status().Replicas[0].ID+" "+scale.CPUUtilization]
		if _, network := got[" "+scale.NetworkReceiveRate]; err == nil && own && network && bytes > 0 {
			// The total in bytes is a sum, that of the shares a mean.
			if want := bytes / 2 / (128 << 20); share < 0.99*want || share > 1.01*want {
				t.Errorf("%v bytes in both are a share of %v, want %v", bytes, share, want)
			}
			roll, err := w.Target.Roll(t.Context())
			if err != nil || len(roll.Replicas) != 2 || roll.Replicas[w.Status().Replicas[0].ID].Container == "" {
				t.Errorf("got the roll %+v, %v", roll, err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain: %v, %v", got, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
