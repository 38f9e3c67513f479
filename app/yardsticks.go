package app

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/evaluate"
)

// The contestants that are no policy: they know what no policy can, or nothing
// at all. Without parameters static has what the peak demands, and sqrt a
// reserve of one square root.
const (
	static     = "static"
	squareRoot = "sqrt"
	oracle     = "oracle"
)

func yardsticks() []string { return []string{oracle, squareRoot, static} }

// yardstick makes one of what is written.
func yardstick(w builtin.Written) (evaluate.Contestant, error) {
	params := w.Parameters()
	if _, stated := w.Fields["envelope"]; stated {
		return evaluate.Contestant{}, fmt.Errorf("envelope: cannot be put around %s, which is no policy: it knows the load beforehand", w.Kind)
	}
	switch {
	case w.Kind == static && (params == "" || strings.HasPrefix(params, "peak=")):
		percent, err := staticShare(params)
		if err != nil {
			return evaluate.Contestant{}, err
		}
		return evaluate.StaticPeak(percent), nil
	case w.Kind == squareRoot && params == "":
		return evaluate.SquareRoot(1), nil
	}
	made, _, err := evaluate.Reference(strings.TrimSuffix(w.Kind+":"+params, ":"))
	if err != nil {
		// Whoever parses says of what.
		return made, errors.New(strings.TrimPrefix(err.Error(), "--policy "+w.Kind+": "))
	}
	return made, nil
}

func staticShare(params string) (float64, error) {
	if params == "" {
		return 100, nil
	}
	text := strings.TrimPrefix(params, "peak=")
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(percent > 0 && percent <= 1000) || !strings.HasSuffix(text, "%") {
		return 0, fmt.Errorf("peak: must be a share of what the peak demands such as 100%%, got %q", text)
	}
	return percent, nil
}

// yardstickKnobs are those of the yardsticks. The oracle has one of its own:
// its schedules for each price of a violation are played in any case.
func yardstickKnobs() []knob {
	return []knob{
		{kind: static, field: "peak", about: "replicas as a share of what the peak demands", values: []float64{50, 60, 70, 75, 80, 85, 90, 95, 100, 110}, turn: share("peak")},
		{kind: squareRoot, field: "beta", about: "reserve in square roots of the load", values: []float64{0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4}},
	}
}
