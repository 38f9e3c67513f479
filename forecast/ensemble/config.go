package ensemble

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config says how far ahead the ensemble looks, and how fast it learns. Times
// are counted in steps; a half-life is after how many steps something counts
// half. The defaults were chosen on the tuning traces of bench/protocol.yaml.
type Config struct {
	Step     time.Duration `json:"step"`
	Horizons []int         `json:"horizons"` // steps ahead, growing
	Levels   []float64     `json:"levels"`   // of the quantiles, growing, between 0 and 1

	// ErrorHalfLife is how fast the size of a model's errors is forgotten: short
	// enough to tell a wild hour from a quiet one. Memory is how many steps the
	// shape of their distribution is learned from. Both are those of one step
	// ahead; h steps ahead they are √h and h times as long.
	ErrorHalfLife float64 `json:"errorHalfLife"`
	Memory        float64 `json:"memory"`
	// Prior is how wrong a model is thought to be before it was ever seen, as a
	// share of the level; it counts as much as one error that was seen.
	Prior float64 `json:"prior"`
	// Rate is how much the weights of the models move with each loss, Share how
	// much of all weight is spread evenly again (fixed share), so that a model
	// that was bad for weeks may lead within tens of steps.
	Rate  float64 `json:"rate"`
	Share float64 `json:"share"`
	// Gamma is the step of the conformal correction, in error sizes: larger, and
	// what is asked for is kept over fewer steps; smaller, and the quantiles are
	// calmer. It is that of one step ahead, h steps ahead it is by √h smaller.
	Gamma float64 `json:"gamma"`
}

// Default is the one setting used everywhere.
func Default(step time.Duration, horizons ...int) Config {
	return Config{
		Step: step, Horizons: horizons,
		Levels:        []float64{.05, .1, .25, .5, .75, .9, .95, .975, .99, .995, .999},
		ErrorHalfLife: 20, Memory: 1000, Prior: 0.5,
		Rate: 0.05, Share: 0.0005, Gamma: 0.01,
	}
}

// Validate says everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	complain := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	complain(c.Step <= 0, "step: must be above 0, got %v", c.Step)
	complain(!growing(c.Horizons) || c.Horizons[0] < 1, "horizons: want growing numbers of steps from 1 on, got %v", c.Horizons)
	complain(!growing(c.Levels) || !(c.Levels[0] > 0) || !(c.Levels[len(c.Levels)-1] < 1),
		"levels: want growing numbers between 0 and 1, got %v", c.Levels)
	complain(!(c.ErrorHalfLife > 0), "errorHalfLife: must be above 0, got %v", c.ErrorHalfLife)
	complain(!(c.Memory >= 1), "memory: must be at least 1, got %v", c.Memory)
	complain(!(c.Prior > 0), "prior: must be above 0, got %v", c.Prior)
	complain(!(c.Rate >= 0), "rate: must be at least 0, got %v", c.Rate)
	complain(!(c.Share >= 0 && c.Share < 1), "share: must be at least 0 and below 1, got %v", c.Share)
	complain(!(c.Gamma >= 0), "gamma: must be at least 0, got %v", c.Gamma)
	return errors.Join(errs...)
}

func growing[T int | float64](values []T) bool {
	return len(values) > 0 && slices.IsSorted(values) && len(slices.Compact(slices.Clone(values))) == len(values)
}
