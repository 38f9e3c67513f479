package app

import (
	"fmt"

	"github.com/flyball-io/flyball/guard"
)

// budget is the guard of what replicas may cost in a day. Each decider has
// one of its own: a shadow sees the real counts, and so the real costs.
func (s *Spec) budget() (*guard.Budget, error) {
	zone, err := s.Cost.Zone()
	if err != nil {
		return nil, fmt.Errorf("objective.cost: %w", err)
	}
	return guard.NewBudget(guard.BudgetConfig{
		PerReplicaHour: s.Cost.PerReplicaHour, PerDay: s.Cost.BudgetPerDay, Hard: s.Cost.Hard,
		Min: s.Min, Objective: s.Objective, Sync: s.Sync.Std(), Zone: zone,
	}), nil
}
