package kubernetes

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// condition says who else scales, or rests.
func (r *rivals) condition(s *seen, name string, takeOver bool) (scale.Condition, bool) {
	active := r.active()
	switch {
	case len(active) > 0 && takeOver && r.trouble != nil:
		return scale.Condition{Type: ScaledByOther, Since: r.since, Message: fmt.Sprintf("%s scales it, and could not be taken over: %v%s", names(active), r.trouble, r.fix())}, true
	case len(active) > 0 && takeOver:
		return scale.Condition{Type: ScaledByOther, Since: r.since, Message: names(active) + " scales it; it is taken over once Flyball is to scale and has data to decide on"}, true
	case len(active) > 0:
		return scale.Condition{Type: ScaledByOther, Since: r.since,
			Message: names(active) + " scales it, so Flyball leaves it alone; takeOver: true lets it rest while Flyball scales, or delete it"}, true
	}
	var resting []string
	for _, one := range r.all {
		if one.SuspendedBy != "" {
			resting = append(resting, fmt.Sprintf("%s rests on behalf of %s", one, one.SuspendedBy))
		}
	}
	return scale.Condition{Type: TakenOver, Since: s.at, Message: strings.Join(resting, ", ") + "; " + r.outlook(s.at, name, takeOver)}, len(resting) > 0
}

// outlook says what becomes of those that rest.
func (r *rivals) outlook(now time.Time, name string, takeOver bool) string {
	switch {
	case len(r.from) > 0 && r.contest.Again() && now.Sub(r.contest.Last()) <= replicas.ContestPeace:
		return fmt.Sprintf("this document and %s take it over from each other again and again: end one of the two, for both scale", strings.Join(r.from, ", "))
	case len(r.strangers(name)) == 0:
		return "it is handed back when Flyball scales no more"
	case takeOver && r.trouble != nil:
		return fmt.Sprintf("it could not be taken over from there: %v%s", r.trouble, r.fix())
	case takeOver:
		return "it goes over to this document once Flyball is to scale, and is handed back when Flyball scales no more"
	default:
		return "whoever runs that document hands it back, and where nobody does flyball stop"
	}
}

// fix is what to do about the trouble.
func (r *rivals) fix() string {
	if errors.Is(r.trouble, kubernetes.ErrForbidden) {
		return "; grant the right to update it (in the chart of the operator rbac.takeOver: true)"
	}
	return ""
}

// unseen says that there may be others, and which right is lacking to know.
func (s *seen) unseen() (scale.Condition, bool) {
	if s.unknown == nil {
		return scale.Condition{}, false
	}
	return scale.Condition{Type: RivalsUnknown, Since: s.at, Message: s.unknown.Error() + "; grant list and watch of it (docs/kubernetes.md), or two may scale at once"}, true
}

func names(all []kubernetes.Rival) string {
	words := make([]string, len(all))
	for i := range all {
		words[i] = all[i].String()
	}
	return strings.Join(words, ", ")
}
