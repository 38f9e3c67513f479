package evaluate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Reference returns one of the contestants that no document can name, for they
// are yardsticks and not policies, as it is written after --policy:
//
//	static:replicas=N     always so many
//	sqrt:beta=B           square-root staffing on the exact rate of the moment
//	sqrt:beta=B,hold=5m   that, never below the most of the last five minutes
//	oracle                meets the demand at every step, knowing the future
//	oracle:theta=T        what is cheapest when a violation costs T replica-seconds
//
// It is false when the text names none of them.
func Reference(text string) (Contestant, bool, error) {
	kind, params, _ := strings.Cut(text, ":")
	key := map[string]string{"static": "replicas", "sqrt": "beta", "oracle": "theta"}[kind]
	if key == "" {
		return Contestant{}, false, nil
	}
	if kind == "oracle" && params == "" {
		return EveryStep(), true, nil
	}
	params, hold, err := cutHold(kind, params)
	if err != nil {
		return Contestant{}, true, err
	}
	name, text, _ := strings.Cut(params, "=")
	value, err := strconv.ParseFloat(text, 64)
	whole := kind != "static" || value == math.Trunc(value) && value >= 1 && value < 1e6
	if name != key || err != nil || !(value >= 0) || math.IsInf(value, 1) || !whole {
		return Contestant{}, true, fmt.Errorf("--policy %s: needs %s=NUMBER and nothing else (static: a whole number from 1; others: from 0), got %q", kind, key, params)
	}
	switch kind {
	case "static":
		return Static(int(value)), true, nil
	case "sqrt":
		return SquareRootHeld(value, hold), true, nil
	}
	return AtPrice(value), true, nil
}

// cutHold cuts "hold=5m" off the parameters of sqrt.
func cutHold(kind, params string) (rest string, hold time.Duration, err error) {
	rest, text, held := strings.Cut(params, ",hold=")
	if kind != "sqrt" || !held {
		return params, 0, nil
	}
	if hold, err = time.ParseDuration(text); err != nil || hold < 0 {
		return "", 0, fmt.Errorf("--policy sqrt: hold must be a time such as 5m, got %q", text)
	}
	return rest, hold, nil
}

// Static asks for the same count all the time.
func Static(replicas int) Contestant {
	return Contestant{Policy: "static", Params: fmt.Sprintf("replicas=%d", replicas), Knob: float64(replicas),
		New: func(s *sim.Scenario) (sim.Decider, error) {
			n := min(max(replicas, s.Replicas.Min), s.Replicas.Max)
			return chooser(func(time.Duration) int { return n }).decider(s), nil
		}}
}

// SquareRoot is [SquareRootHeld] without holding.
func SquareRoot(beta float64) Contestant { return SquareRootHeld(beta, 0) }

// SquareRootHeld staffs for the exact expected rate of the moment, which nobody
// really knows, and does not look ahead: with a slots busy on average it asks
// for a + β·√a of them, the rule of Erlang's that Halfin and Whitt proved (1981).
// It never asks for less than it did within the time hold: where the rate goes
// up and down faster than replicas start, that is what saves it.
func SquareRootHeld(beta float64, hold time.Duration) Contestant {
	params := "beta=" + strconv.FormatFloat(beta, 'g', -1, 64)
	if hold > 0 {
		params += ",hold=" + hold.String()
	}
	return Contestant{Policy: "sqrt", Params: params, Knob: beta,
		New: func(s *sim.Scenario) (sim.Decider, error) {
			held := highest{over: hold}
			return chooser(func(t time.Duration) int {
				a := s.Load.Rate(t) * s.Service.Law.Mean()
				n := math.Ceil((a + beta*math.Sqrt(a)) / float64(s.Service.Slots))
				return min(max(held.of(t, int(n)), s.Replicas.Min), s.Replicas.Max)
			}).decider(s), nil
		}}
}

// highest is the highest count of a time that goes along.
type highest struct {
	over time.Duration
	past []call // counts fall, times grow
}

func (h *highest) of(t time.Duration, n int) int {
	for len(h.past) > 0 && h.past[len(h.past)-1].n <= n {
		h.past = h.past[:len(h.past)-1]
	}
	h.past = append(h.past, call{t, n})
	for h.past[0].at < t-h.over {
		h.past = h.past[1:]
	}
	return h.past[0].n
}

// EveryStep is the oracle that meets the demand at every step.
func EveryStep() Contestant {
	return Contestant{Policy: "oracle", Plan: func(o *Oracle) (Schedule, error) { return o.EveryStep().Schedule, nil }}
}

// AtPrice is the oracle for which a violation costs so many replica-seconds.
func AtPrice(theta float64) Contestant {
	return Contestant{Policy: "oracle", Params: "theta=" + strconv.FormatFloat(theta, 'g', -1, 64), Knob: theta,
		Plan: func(o *Oracle) (Schedule, error) { return o.AtPrice(theta).Schedule, nil }}
}

// chooser says how many there should be at an instant of the load.
type chooser func(t time.Duration) int

func (c chooser) decider(s *sim.Scenario) sim.Decider { return chosen{c, s.Start} }

// chosen decides what a chooser says.
type chosen struct {
	choose chooser
	start  time.Time
}

// Decide implements [sim.Decider].
func (c chosen) Decide(obs scale.Observation) scale.Decision {
	return scale.Decision{At: obs.At, CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: c.choose(obs.At.Sub(c.start))}
}

// Applied implements [sim.Decider].
func (chosen) Applied(time.Time, int, int) {}
