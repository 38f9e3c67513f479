package doctor

import (
	"net"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/scale"
)

// What an engine calls ready may be where nobody else gets to.
func TestReadyReplicasThatCannotBeReached(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	ready := func(id, address string) scale.Replica {
		return scale.Replica{ID: id, Phase: scale.Running, Address: address, Readiness: scale.Readiness{Known: true, Ready: true}}
	}
	for _, tc := range []struct {
		what  string
		one   scale.Replica
		asked int
		why   string // "": it is reached
	}{
		{"one that listens", ready("a", open.Addr().String()), 1, ""},
		{"one that nobody gets to", ready("b", closed.Addr().String()), 1, "refused"},
		{"one without an address", ready("c", ""), 1, "has no address"},
		{"one that is not ready", scale.Replica{ID: "d", Phase: scale.Running}, 0, ""},
	} {
		asked, why := unreached(t.Context(), []scale.Replica{tc.one})
		if got := strings.Join(why, "; "); asked != tc.asked || (got == "") != (tc.why == "") || !strings.Contains(got, tc.why) {
			t.Errorf("%s: asked %d and told %q, want %d and %q", tc.what, asked, got, tc.asked, tc.why)
		}
	}
	many := make([]scale.Replica, 100)
	for i := range many {
		many[i] = ready("n", open.Addr().String())
	}
	if asked, _ := unreached(t.Context(), many); asked != enoughReplicas {
		t.Errorf("of 100 replicas %d were asked, want %d", asked, enoughReplicas)
	}
}
