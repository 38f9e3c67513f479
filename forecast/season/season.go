// Package season finds out how long the seasons of a load are: a day, a week,
// the hourly job, or any length that shows in the autocorrelation. It keeps a
// pyramid of means instead of the series, so that weeks of seconds stay small:
//
//	level 0  512 steps            ▏▎▍▌▍▎▏▎▍▌▍
//	level 1  512 means of 8       ▎ ▍ ▎ ▍
//	level 2  512 means of 64      ▍   ▍
//	…        until three weeks fit
//
// A length is judged as FLAIR does (Honda, arXiv 2605.07222): the series is folded into a matrix of one
// row per season, and a season is there when level × shape, the first singular
// vectors, says so much more than levels alone that the Bayesian information
// criterion accepts the additional numbers.
package season

import (
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/scale"
)

const kind, version = "forecast/season", 1

// Config of the finder.
type Config struct {
	// Step is how long one step is.
	Step time.Duration `json:"step"`
}

// Season is a length that was found.
type Season struct {
	Period    int64   // steps
	Explained float64 // share of the variance around the levels that the shape explains
	Variance  float64 // how much that is
}

// Finder collects a series and says what seasons it has.
type Finder struct {
	cfg      Config
	calendar []int64 // lengths to try in any case, in steps
	state
}

type state struct {
	Known  bool
	Newest int64
	Since  int64 // steps since the last search
	Turn   int   // the level whose autocorrelation is searched next
	Levels []level
	Found  []int64 // lengths by autocorrelation, one for each level; 0 = none
	List   []Season
	Chosen int64 // the one to go by, in steps
	Wish   int64 // of the latest search
	Agreed int   // searches in a row with this wish
	Missed int   // searches in a row that have not found the chosen one
}

// New returns a finder for a step above 0.
func New(cfg Config) *Finder {
	f := &Finder{cfg: cfg}
	for _, length := range []time.Duration{time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		if steps := int64(length / cfg.Step); length%cfg.Step == 0 && steps >= 4 {
			f.calendar = append(f.calendar, steps)
		}
	}
	for width := int64(1); ; width *= fold {
		f.Levels = append(f.Levels, level{Width: width, Means: make([]float32, 0, kept)})
		if time.Duration(width)*cfg.Step*kept >= 3*7*24*time.Hour {
			break
		}
	}
	f.Found = make([]int64, len(f.Levels))
	f.List = make([]Season, 0, len(f.calendar)+len(f.Levels))
	return f
}

// Update takes the value of a step; steps come in order.
func (f *Finder) Update(step int64, value float64) {
	if f.Known && step <= f.Newest {
		return
	}
	value = forecast.Clean(value)
	for i := range f.Levels {
		f.Levels[i].add(step, value)
	}
	if f.Known {
		f.Since += min(step-f.Newest, kept)
	}
	f.Known, f.Newest = true, step
	if f.Since >= f.every() {
		f.Since = 0
		f.search()
	}
}

// every is an hour, and at least so many steps that the search costs little.
func (f *Finder) every() int64 { return max(48, int64(time.Hour/f.cfg.Step)) }

// search tries the calendar and what one level's autocorrelation finds.
func (f *Finder) search() {
	var w work // on the stack: ten thousand finders need it once
	f.Turn = (f.Turn + 1) % len(f.Levels)
	f.Found[f.Turn] = f.Levels[f.Turn].echo(&w)
	f.List = f.List[:0]
	for _, period := range f.calendar {
		f.try(period, &w)
	}
	for _, period := range f.Found {
		if period > 0 && !slices.ContainsFunc(f.calendar, func(c int64) bool { return near(period, c) }) &&
			!slices.ContainsFunc(f.List, func(s Season) bool { return near(period, s.Period) }) {
			f.try(period, &w)
		}
	}
	slices.SortStableFunc(f.List, stronger)
	f.choose()
}

// near reports whether two lengths differ by at most a fifteenth.
func near(a, b int64) bool { return 15*max(a-b, b-a) <= b }

// stronger puts the season first that explains more.
func stronger(a, b Season) int {
	switch {
	case a.Variance > b.Variance:
		return -1
	case a.Variance < b.Variance:
		return 1
	}
	return int(a.Period - b.Period)
}

// try judges a length on the coarsest level that still shows its shape.
func (f *Finder) try(period int64, w *work) {
	for i := len(f.Levels) - 1; i >= 0; i-- {
		l := &f.Levels[i]
		if period < 12*l.Width && i > 0 {
			continue
		}
		if s, ok := l.judge(period, w); ok {
			f.List = append(f.List, s)
			return
		}
	}
}

// Seasons returns what was found, the strongest first. It must not be changed.
func (f *Finder) Seasons() []Season { return f.List }

// Period returns the length in steps of the season to go by, 0 for none. It is
// the one that explains the most, once that has been so for a while: who goes
// by it must not start anew every hour.
func (f *Finder) Period() int64 { return f.Chosen }

// So many searches in a row must agree: on a first season, on another one, or
// that there is none any more.
const (
	agreeFirst = 3
	agreeOther = 24
	agreeNone  = 72
)

// choose counts how often in a row the searches have wished for something else,
// and have not found what is gone by.
func (f *Finder) choose() {
	wish := f.best()
	if !near(wish, f.Wish) {
		f.Wish, f.Agreed = wish, 0
	}
	f.Agreed++
	f.Missed++
	if f.Chosen == 0 || slices.ContainsFunc(f.List, func(s Season) bool { return near(s.Period, f.Chosen) }) {
		f.Missed = 0
	}
	switch {
	case near(wish, f.Chosen):
	case f.Missed >= agreeNone:
		f.Chosen = 0
	case wish != 0 && (f.Agreed >= agreeOther || f.Chosen == 0 && f.Agreed >= agreeFirst):
		f.Chosen = wish
	}
}

// best is the season that explains the most. Of lengths that explain about the
// same it is the shortest: two days explain what a day does. A week must
// explain twice as much as a day, because whoever goes by days learns the level
// of a Sunday within the Sunday, and has all of it again in a seventh of the time.
func (f *Finder) best() int64 {
	best := int64(0)
	for _, s := range f.List {
		enough := 0.8
		if s.Period >= int64(24*time.Hour/f.cfg.Step) {
			enough = 0.5
		}
		if s.Variance >= enough*f.List[0].Variance && (best == 0 || s.Period < best) {
			best = s.Period
		}
	}
	return best
}

// Snapshot returns the memory of the finder.
func (f *Finder) Snapshot() ([]byte, error) { return scale.Seal(kind, version, f.cfg, f.state) }

// Restore takes it over from a snapshot of the same configuration.
func (f *Finder) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, f.cfg, &s); err != nil {
		return err
	}
	if len(s.Levels) != len(f.Levels) || len(s.Found) != len(f.Found) || s.Turn < 0 || s.Turn >= len(f.Levels) {
		return fmt.Errorf("snapshot of %s: %d levels, want %d: %w", kind, len(s.Levels), len(f.Levels), scale.ErrSnapshot)
	}
	for i := range s.Levels {
		l := &s.Levels[i]
		if l.Width != f.Levels[i].Width || len(l.Means) > kept || l.Next < 0 || l.Next > max(0, len(l.Means)-1) {
			return fmt.Errorf("snapshot of %s: level %d is of another size: %w", kind, i, scale.ErrSnapshot)
		}
		l.Means = append(make([]float32, 0, kept), l.Means...)
	}
	s.List = append(make([]Season, 0, cap(f.List)), s.List...)
	f.state = s
	return nil
}
