package app_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// heard counts what the model of a learned policy says.
type heard struct {
	sim.Decider
	codes map[string]int
	all   int
}

func (h *heard) Decide(obs scale.Observation) scale.Decision {
	d := h.Decider.Decide(obs)
	h.all++
	for _, p := range d.Recommendation.Proposals {
		if p.Signal == "model" {
			h.codes[p.Reason.Code]++
		}
	}
	return d
}

// The model that ships is asked, on a service and a load like any, and now and then
// says something else than its base.
func TestTheModelThatShipsDecides(t *testing.T) {
	who, err := app.Contestants{Plugins: builtin.New()}.Parse("learned")
	if err != nil {
		t.Fatal(err)
	}
	const hours = 3 * time.Hour
	s := sim.Default()
	s.Load = workload.MMPP{States: []workload.State{{RPS: 200, Stay: 15 * time.Minute}, {RPS: 900, Stay: 6 * time.Minute}}, Seed: 3, For: hours}.Shape()
	s.Replicas.Max, s.Replicas.Initial = 60, 6
	d, err := who.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	world, err := sim.NewFluid(&s, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{Decider: d, codes: map[string]int{}}
	sim.Run(&s, world, h, sim.Options{})
	if h.codes["Learned"] == 0 || h.codes["Learned"]+h.codes["AsBase"] < h.all*3/4 {
		t.Errorf("of %d decisions the model says %v; want that it decides on three of four, and on some otherwise than its base", h.all, h.codes)
	}
}
