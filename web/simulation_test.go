package web_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/web"
)

// simulated is a server of a world that runs 600 times as fast.
func simulated(t *testing.T) (*rig, *clock.Fast) {
	clk := clock.NewFast(start().Add(24*time.Hour), 600)
	return newRigWith(t, web.Options{Targets: []web.TargetInfo{shop()}, Clock: clk, Wall: clock.System,
		Simulation: &web.Simulation{Speed: 600, Load: "shape diurnal"}}), clk
}

func TestAnswersSayThatTheyAreSimulated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, clk := simulated(t)
		defer r.stop()
		time.Sleep(time.Second)
		r.decide(decision(clk.Now(), 5, 8, 8))
		var all web.TargetsAnswer
		var one web.TargetAnswer
		var decided web.DecisionAnswer
		r.get("/api/v1/targets", &all)
		r.get("/api/v1/targets/shop", &one)
		r.get(fmt.Sprintf("/api/v1/targets/shop/decisions/%d", one.Target.Decision.ID), &decided)
		for path, got := range map[string]struct {
			now float64
			s   *web.Simulation
		}{"targets": {all.Now, all.Simulation}, "target": {one.Now, one.Simulation}, "decision": {decided.Now, decided.Simulation}} {
			if want := float64(start().Unix() + 24*3600 + 600); got.now != want || got.s == nil || *got.s != (web.Simulation{Speed: 600, Load: "shape diurnal"}) {
				t.Errorf("%s: now %v, %+v; want %v, 600 times as fast", path, got.now, got.s, want)
			}
		}
	})
}

// A page draws sixty points a second at most: of ten minutes in a second it is
// sent one in ten. Connections live by the clock of those who hold them.
func TestTheStreamOfASimulationIsNotFasterThanAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, clk := simulated(t)
		defer r.stop()
		c := r.listen("/api/v1/stream?target=shop", "", nil)
		defer c.cancel()
		c.read()
		for range 600 {
			time.Sleep(time.Second / 600)
			r.report(seen(clk.Now(), 10, 0))
		}
		text := c.read()
		if n := strings.Count(text, "event: point"); n < 50 || n > 61 {
			t.Errorf("%d points in a second, want about 60", n)
		}
		if strings.Contains(text, "still here") {
			t.Error("a heartbeat within a second: want one in ten of the reader's")
		}
	})
}
