package training

import (
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
)

// Where the calendar is left out nobody sees it, and a model does the same at any
// time, while what it calls usual is any time.
func TestALearnerOfDrawnLoadsSeesNoCalendar(t *testing.T) {
	testenv.Long(t)
	for _, algorithm := range []string{"ppo", "a2c"} {
		c := small(t, algorithm)
		g := ground(t, c)
		env := mustEnvironment(t, c, 1, g)
		step := rl.NewStep(env)
		env.Reset(step)
		for range 45 { // beyond the end of an episode
			env.Act(make([]int, env.Copies()), step)
		}
		for i, row := range [][]float32{step.Observations[:learned.Width], step.Final[:learned.Width]} {
			for _, x := range row[learned.CalendarAt:][:learned.CalendarNumbers] {
				if x != 0 {
					t.Fatalf("%s: row %d shows %v of the calendar", algorithm, i, x)
				}
			}
		}
		r, err := Train(t.Context(), Job{Config: c, Dir: t.TempDir(), Ground: g})
		if err != nil {
			t.Fatal(err)
		}
		m := r.Model
		row, one, other := make([]float32, learned.Width), make([]float32, len(m.Actions)), make([]float32, len(m.Actions))
		think := m.Net.NewInference()
		think.Infer(row, one)
		for i := range learned.CalendarNumbers {
			row[learned.CalendarAt+i] = 1
		}
		think.Infer(row, other)
		for i := range one {
			if one[i] != other[i] {
				t.Errorf("%s: at another time action %d is %v instead of %v", algorithm, i, other[i], one[i])
			}
		}
		if least, most := m.Features.Least[learned.CalendarAt], m.Features.Most[learned.CalendarAt]; least > -0.9 || most < 0.9 {
			t.Errorf("%s: the time of day is %v to %v in training: every other is strange to it", algorithm, least, most)
		}
	}
}
