// Package forecasts judges those who tell what a load will be: by rolling
// origin over recorded traces at their own step, against two yardsticks that
// anybody has for nothing. It reads no clock; the same series and contestants
// give the same results byte for byte.
//
//	     warm-up          scored
//	├──────────────┼──────────────────────►
//	      seen      o─┬──h                    origin o: told up to here, asked for o+h
//	                 o─┬──h                   then one step later, and so on
//	                   └ value at o+h, and the largest of o+1 … o+h (the peak)
package forecasts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/forecast"
)

// Series is a trace as it is judged: one value per step, NaN where nothing was
// measured.
type Series struct {
	Name   string
	Group  Group
	Step   time.Duration
	Values []float64
}

// Contestant is one who forecasts. New makes one that knows nothing yet; it
// must answer all levels and horizons that it is told.
type Contestant struct {
	Name string
	New  func(Setting) (forecast.Forecaster, error)
}

// Setting is what a contestant is told of a series beforehand: nothing that it
// would not know live.
type Setting struct {
	Step     time.Duration
	Horizons []int // steps, rising
	Levels   []float64
	// Season is that of the yardstick, in steps; 1 where there is none. Others
	// find their own.
	Season int
}

// Options say what is asked for.
type Options struct {
	// Startup and Sync make the first horizon: as long as a replica that is
	// asked for now takes to serve.
	Startup, Sync time.Duration
	// Progress is told how many of all plays are done.
	Progress func(done, all int)
}

// Default are the options that the targets are set for.
func Default() Options { return Options{Startup: 30 * time.Second, Sync: 15 * time.Second} }

// Validate reports options that make no horizon.
func (o Options) Validate() error {
	const most = time.Hour
	if o.Startup < 0 || o.Sync < 0 || o.Startup+o.Sync > most {
		return fmt.Errorf("start-up and sync: must be 0 or more and at most %v together, got %v and %v", most, o.Startup, o.Sync)
	}
	return nil
}

// Horizon is how far ahead is asked.
type Horizon struct {
	Name  string `json:"name"` // start-up, 5 steps or 20 steps
	Steps int    `json:"steps"`
}

// Horizons of a series: what start-up and sync take, rounded up to whole steps
// and at least one; 5 steps; 20 steps.
func (o Options) Horizons(step time.Duration) []Horizon {
	startup := max(1, int((o.Startup+o.Sync+step-1)/step))
	return []Horizon{{"start-up", startup}, {"5 steps", 5}, {"20 steps", 20}}
}

// Levels of the quantiles that are asked for. The first nine make the CRPS, as
// GIFT-Eval has it; the last three are those whose coverage is told.
func Levels() []float64 {
	return []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}
}

// Among the levels: those of the CRPS, the median, those of the coverage.
const (
	scoredLevels = 9
	median       = 4
	firstCovered = 8
)

// season of the yardstick: the day where a series holds more than two, else 1,
// which makes seasonal naive the last value.
func (s Series) season() int {
	const day = 24 * time.Hour
	if s.Step <= 0 || day%s.Step != 0 || time.Duration(len(s.Values))*s.Step <= 2*day {
		return 1
	}
	return int(day / s.Step)
}

// warmup is how many steps are seen before the first origin: a tenth or two
// seasons, whichever is more, but at most half.
func (s Series) warmup() int {
	return min(len(s.Values)/2, max(len(s.Values)/10, 2*s.season()))
}

// at is the instant at which a step ends. Series begin at the Unix epoch.
func (s Series) at(i int) time.Time { return time.Unix(0, 0).UTC().Add(time.Duration(i+1) * s.Step) }

// Judge plays every contestant on every series. The yardsticks always play,
// first.
func Judge(ctx context.Context, series []Series, contestants []Contestant, o Options) (Results, error) {
	if err := o.Validate(); err != nil {
		return Results{}, err
	}
	all := slices.Concat(Yardsticks(), contestants)
	results := Results{Levels: Levels(), Startup: o.Startup.Seconds(), Sync: o.Sync.Seconds()}
	for _, c := range all {
		results.Contestants = append(results.Contestants, c.Name)
	}
	for i, s := range series {
		p := newPlay(s, o)
		first := len(results.Scores)
		for j, c := range all {
			scores, err := p.of(ctx, c)
			if err != nil {
				return Results{}, err
			}
			results.Scores = append(results.Scores, scores...)
			if o.Progress != nil {
				o.Progress(i*len(all)+j+1, len(series)*len(all))
			}
		}
		compare(results.Scores[first:])
		results.Series = append(results.Series, p.header())
	}
	results.sumUp()
	return results, nil
}
