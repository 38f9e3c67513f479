package replicas

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Behind is what a balancer does not do for a replica that is to end: it goes on
// sending requests there.
type Behind struct {
	ID    string
	Why   error
	Since time.Time
}

// Next is what is known after the balancer was asked once more. It logs what is
// new.
func (b Behind) Next(log *slog.Logger, id string, now time.Time, why error) Behind {
	switch {
	case why == nil:
		log.Info("replica ends: the balancer has left it", slog.String("replica", id))
		return Behind{}
	case b.Why == nil:
		log.Warn("replica cannot end: the balancer may still send requests there", slog.String("replica", id), slog.Any("error", why))
		return Behind{id, why, now}
	}
	b.Why = why
	return b
}

// BehindCondition is what an operator should know of all of them; false where
// there is none.
func BehindCondition(all []Behind) (scale.Condition, bool) {
	if len(all) == 0 {
		return scale.Condition{}, false
	}
	first := all[0]
	for _, b := range all[1:] {
		if b.Since.Before(first.Since) {
			first = b
		}
	}
	who, they := first.ID, "it goes on serving, and ends"
	if n := len(all) - 1; n > 0 {
		who, they = fmt.Sprintf("%s and %d more", who, n), "they go on serving, and end"
	}
	return scale.Condition{Type: scale.BalancerBehind, Since: first.Since,
		Message: fmt.Sprintf("the balancer may still send requests to %s, which should end: %v; %s once it follows", who, first.Why, they)}, true
}
