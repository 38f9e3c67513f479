package season_test

import (
	"testing"

	"github.com/flyball-io/flyball/forecast/season"
)

// tried is a trial in which the first variant says too much and the second too
// little, each step but those of a gap.
func tried(steps int64, gap func(step int64) bool) season.Trial {
	trial := season.NewTrial(2)
	for step := int64(1); step <= steps; step++ {
		if gap(step) {
			continue
		}
		trial.Judge(step, 100, 10, func(_ int, level float64) float64 { return 2 * level })
		copy(trial.Promise(step), []float64{60, 49})
	}
	return trial
}

func TestTheVariantThatWasWrongLeastIsBest(t *testing.T) {
	trial := tried(200, func(int64) bool { return false })
	if got := trial.Best(); got != 1 || trial.Misses[0] < 19.9 || trial.Misses[1] > 2 {
		t.Errorf("wrong by 20 and by 2: %v are remembered, %d is best", trial.Misses, got)
	}
	if equal := season.NewTrial(3); equal.Best() != 0 {
		t.Errorf("among equals %d is best, want the first", equal.Best())
	}
}

func TestOnlyWhatWasSaidOfAStepIsJudged(t *testing.T) {
	for what, trial := range map[string]season.Trial{
		"before anything came due":                   tried(season.Ahead, func(int64) bool { return false }),
		"where eleven steps before nothing was said": tried(200, func(step int64) bool { return step/season.Ahead%2 == 1 }),
	} {
		if trial.Misses[0] != 0 {
			t.Errorf("%s: an error of %v is remembered", what, trial.Misses[0])
		}
	}
	trial := tried(100, func(int64) bool { return false })
	before := trial.Misses[0]
	trial.Forget()
	for step := int64(101); step <= 111; step++ {
		trial.Judge(step, 1e6, 10, func(int, float64) float64 { return 0 })
	}
	if trial.Misses[0] != before {
		t.Error("what was forgotten is judged")
	}
}
