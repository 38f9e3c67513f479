package demo

import (
	"fmt"
	"math"

	"github.com/flyball-io/flyball/scale"
)

// verdict says in a sentence who kept the promise and what it took; "" when
// nothing was asked.
func (r Result) verdict() string {
	cards, names := r.cards(), r.names()
	for _, c := range cards {
		if c.Requests == 0 {
			return ""
		}
	}
	if len(cards) == 1 {
		return r.alone(cards[0])
	}
	may := share3(1 - r.ObjectiveTarget)
	missed := []string{share3(cards[0].ViolationRatio), share3(cards[1].ViolationRatio)}
	cost := spent(cards, names)
	switch first, second := r.kept(cards[0]), r.kept(cards[1]); {
	case first && second:
		return fmt.Sprintf("Both kept the promise, that at most %s of the requests miss; %s.", may, cost)
	case !first && !second:
		return fmt.Sprintf("Neither kept the promise: %s missed it with %s of the requests, %s with %s, and %s may miss; %s.", names[0], missed[0], names[1], missed[1], may, cost)
	case second:
		names[0], names[1], missed[0], missed[1] = names[1], names[0], missed[1], missed[0]
	}
	return fmt.Sprintf("%s kept the promise and %s broke it: %s and %s of the requests missed, %s may; %s.", names[0], names[1], missed[0], missed[1], may, cost)
}

// alone is the verdict on a service without another beside it. What a shadow
// wished was never tried, so nothing is said to be saved.
func (r Result) alone(c Scorecard) string {
	did := "kept"
	if !r.kept(c) {
		did = "broke"
	}
	text := fmt.Sprintf("%s %s the promise: %s of the requests failed or took over %s, and %s may. It took %s replicas on average",
		c.Policy, did, share3(c.ViolationRatio), scale.Because("", "{0s}", r.ThresholdSeconds), share3(1-r.ObjectiveTarget), scale.Number(c.MeanReplicas))
	for _, s := range c.Shadows {
		text += fmt.Sprintf("; %s, only watched, wished for %s", s.Policy, scale.Number(s.MeanReplicas))
	}
	return text + "."
}

func (r Result) kept(c Scorecard) bool { return c.ViolationRatio <= 1-r.ObjectiveTarget }

// spent says who took less; below half a percent nobody did.
func spent(cards []Scorecard, names []string) string {
	less, more := 0, 1
	if cards[0].ReplicaHours > cards[1].ReplicaHours {
		less, more = 1, 0
	}
	percent := math.Round(100 * (1 - cards[less].ReplicaHours/cards[more].ReplicaHours))
	if !(percent >= 1) {
		return "they took equally many replica-hours"
	}
	return fmt.Sprintf("%s took %.0f %% fewer replica-hours than %s", names[less], percent, names[more])
}

// names tells the services apart by their policies, or what these aim at.
func (r Result) names() []string {
	cards := r.cards()
	names := []string{cards[0].Policy}
	if len(cards) == 1 {
		return names
	}
	names = append(names, cards[1].Policy)
	if names[0] == names[1] {
		names = []string{cards[0].PolicyDescription, cards[1].PolicyDescription}
	}
	if names[0] == names[1] {
		names = []string{"the first " + cards[0].Policy, "the second " + cards[0].Policy}
	}
	return names
}

func (r Result) cards() []Scorecard {
	if r.Compare == nil {
		return []Scorecard{r.Scorecard}
	}
	return []Scorecard{r.Scorecard, *r.Compare}
}

// share3 writes a share in percent with three significant digits.
func share3(v float64) string { return scale.Because("", "{0%}", v).String() }
