package training

import (
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/scaling"
)

// timeless hides the calendar from who learns: of loads that were drawn it can say
// nothing, and what can say nothing is learned by heart. Weights that lead from
// numbers that are always 0 have no gradient, so those of a net that began without
// them ([forgetCalendar]) stay 0: it reads the calendar later and does not mind it.
type timeless struct{ *scaling.Environment }

var (
	_ rl.Resumable = timeless{}
	_ rl.Reporter  = timeless{}
)

// Reset implements [rl.Environment].
func (t timeless) Reset(step *rl.Step) {
	t.Environment.Reset(step)
	hideCalendar(step.Observations)
}

// Act implements [rl.Environment].
func (t timeless) Act(actions []int, step *rl.Step) {
	t.Environment.Act(actions, step)
	hideCalendar(step.Observations)
	hideCalendar(step.Final)
}

// hideCalendar clears the calendar in rows of observations.
func hideCalendar(rows []float32) {
	for ; len(rows) >= learned.Width; rows = rows[learned.Width:] {
		clear(rows[learned.CalendarAt:][:learned.CalendarNumbers])
	}
}

// forgetCalendar takes the calendar out of what a net reads.
func forgetCalendar(net *neural.Net) {
	weights, biases := net.Weights(0)
	n := len(biases)
	clear(weights[learned.CalendarAt*n : (learned.CalendarAt+learned.CalendarNumbers)*n])
}

// timeless reports whether the calendar is left out. Learners of values begin with
// a net of their own that cannot be told to forget: the clock is only turned for them.
func (c Config) timeless() bool {
	return c.Environment == onScaling && c.Scaling.Timeless && c.Algorithm != "dqn"
}
