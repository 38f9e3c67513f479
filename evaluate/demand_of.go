package evaluate

import "github.com/flyball-io/flyball/sim"

// DemandOf is the demand of a valid scenario, for those who draw it.
func DemandOf(s *sim.Scenario) (*Demand, error) {
	d, _, err := newDemand(s, &curves{})
	return d, err
}
