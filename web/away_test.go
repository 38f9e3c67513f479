package web_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/web"
)

// Who cannot reach the bus says so of every target, until it is back: what is
// shown is of before, whatever this process measures itself.
func TestABusThatIsAwayIsAFaultOfEveryTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cart := shop()
		cart.Name = "cart"
		r := newRig(t, shop(), cart)
		defer r.stop()
		r.report(seen(start(), 1, 0))
		faults := func(name string) []web.FaultView {
			var got targetAnswer
			r.get("/api/v1/targets/"+name, &got)
			return got.Target.Faults
		}
		r.server.BusAway(second(1), errors.New("connection refused"))
		r.server.BusAway(second(1), errors.New("timed out"))
		r.report(seen(second(2), 1, 0))
		want := []web.FaultView{{From: "bus", Error: "timed out", Since: float64(second(1).Unix())}}
		for _, name := range []string{"shop", "cart"} {
			if diff := cmp.Diff(want, faults(name)); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
		r.server.BusAway(second(9), nil)
		if left := faults("shop"); len(left) != 0 {
			t.Errorf("faults %+v although the bus is back", left)
		}
	})
}
