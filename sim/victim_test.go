package sim_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/sim"
)

// Who takes no work yet goes first: taking back an increase costs no capacity.
func TestReplicasThatStartGoFirst(t *testing.T) {
	s := steady(100, 10*time.Minute)
	s.Replicas.Initial = 3
	w := sim.NewEvents(s)
	w.Advance(time.Minute)
	w.SetReplicas(5)
	w.Advance(time.Minute + 10*time.Second)
	w.SetReplicas(3)
	changes := w.Result().Changes
	if last := changes[len(changes)-1]; last.Ready != 3 || last.Billed != 3 {
		t.Errorf("got %d ready of %d paid, want the 3 that were ready and no other", last.Ready, last.Billed)
	}
}
