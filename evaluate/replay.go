package evaluate

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/sim"
)

// Pictures plays single runs again to see what happened in them. It plays them
// as a fluid, which takes no time, whatever they were judged as. One owner
// calls it.
type Pictures struct {
	curves  curves
	grounds map[string]*ground
}

// NewPictures returns the pictures of cases, each of which must have a name of
// its own. Their scenarios say how far apart the moments of a timeline are.
func NewPictures(cases []Case) (*Pictures, error) {
	p := &Pictures{grounds: map[string]*ground{}}
	for _, c := range cases {
		c.Fluid = true
		if c.Scenario.Timeline == 0 {
			c.Scenario.Timeline = timelineStep
		}
		g, err := newGround(c, &p.curves)
		if err != nil {
			return nil, err
		}
		p.grounds[c.Trace] = g
	}
	return p, nil
}

// Timeline is what a contestant does on a trace; nil for one that is not among
// the cases.
func (p *Pictures) Timeline(trace string, who Contestant, seed uint64) ([]sim.Moment, error) {
	g := p.grounds[trace]
	if g == nil {
		return nil, nil
	}
	_, result, err := g.play(context.Background(), who, seed)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	return result.Timeline, nil
}

// Demand is that of each trace.
func (p *Pictures) Demand() map[string]*Demand {
	all := map[string]*Demand{}
	for trace, g := range p.grounds {
		all[trace] = g.demand
	}
	return all
}
