package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
)

// measured is when the value at an instant was measured: when the oldest of
// its inputs was last seen. An input without series takes no part in the
// value; when that is all of them, the value is made of nothing.
func (p plan) measured(a *answer, at time.Time) (time.Time, error) {
	if p.inputs == nil {
		newest, err := a.single()
		if err != nil {
			return time.Time{}, fmt.Errorf("newestQuery: %w", err)
		}
		return p.past(newest.value, at)
	}
	all, err := a.series()
	if err != nil {
		return time.Time{}, err
	}
	seen := map[string]float64{}
	for _, s := range all {
		if s.Value != nil {
			seen[s.Metric[inputLabel]] = s.Value.value
		}
	}
	return p.oldest(seen, at)
}

// oldest is the time of the input that was seen the longest time ago, given
// the seconds at which each was seen.
func (p plan) oldest(seen map[string]float64, at time.Time) (time.Time, error) {
	var oldest time.Time
	for i, in := range p.inputs {
		seconds, ok := seen[strconv.Itoa(i)]
		if !ok {
			continue
		}
		if seconds == 0 {
			return time.Time{}, fmt.Errorf("the series of %s have ended, so the value is of the past: is their exporter gone?", webclient.Excerpt(in.selector, 100))
		}
		newest, err := p.past(seconds, at)
		if err != nil {
			return time.Time{}, err
		}
		if oldest.IsZero() || newest.Before(oldest) {
			oldest = newest
		}
	}
	if oldest.IsZero() {
		return time.Time{}, errors.New("the query has a value though none of its series exists, so nothing was measured (or vector(0)?)")
	}
	return oldest, nil
}

// past is a time in seconds that must not be after at.
func (p plan) past(seconds float64, at time.Time) (time.Time, error) {
	if !(seconds > 0 && seconds < 1<<40) {
		return time.Time{}, fmt.Errorf("newestQuery: must give seconds since 1970, got %v", seconds)
	}
	if t := timeOf(seconds); t.Before(at) {
		return t, nil
	}
	return at, nil
}

// past asks for the values of the range before an instant, oldest first. A
// step without value or time is left out.
func (s *Source) past(ctx context.Context, now time.Time) ([]dated, error) {
	step := s.cfg.Step.Std()
	steps := s.cfg.Range / s.cfg.Step
	span := func() url.Values {
		return url.Values{"start": {unix(now.Add(-time.Duration(steps) * step))}, "end": {unix(now.Add(-step))},
			"step": {strconv.FormatFloat(step.Seconds(), 'f', 3, 64)}}
	}
	a, err := s.api.ask(ctx, "query_range", s.plan.query, span())
	if err != nil {
		return nil, err
	}
	values, err := a.series()
	if err != nil {
		return nil, err
	}
	if len(values) > 1 {
		return nil, many(values)
	}
	if len(values) == 0 {
		return nil, nil // nothing was measured then; now it is
	}
	if s.plan.newest == "" {
		return s.plan.date(values[0].Values, nil), nil
	}
	if a, err = s.api.ask(ctx, "query_range", s.plan.newest, span()); err != nil {
		return nil, fmt.Errorf("ask for the times of the measurements: %w", err)
	}
	newest, err := a.series()
	if err != nil {
		return nil, err
	}
	return s.plan.date(values[0].Values, newest), nil
}

// date pairs each value with when it was measured.
func (p plan) date(values []point, newest []one) []dated {
	seen := map[time.Time]map[string]float64{}
	for _, input := range newest {
		for _, v := range input.Values {
			if seen[v.at] == nil {
				seen[v.at] = map[string]float64{}
			}
			seen[v.at][input.Metric[inputLabel]] = v.value
		}
	}
	var all []dated
	for _, v := range values {
		if _, err := plausible(v); err != nil {
			continue
		}
		d := dated{value: v.value, asked: v.at, measured: v.at}
		if p.newest != "" {
			var err error
			if d.measured, err = p.then(seen[v.at], v.at); err != nil {
				continue
			}
		}
		all = append(all, d)
	}
	return all
}

// then is when the value at a step of a range was measured.
func (p plan) then(seen map[string]float64, at time.Time) (time.Time, error) {
	if p.inputs != nil {
		return p.oldest(seen, at)
	}
	if len(seen) != 1 {
		return time.Time{}, errors.New("no time")
	}
	for _, seconds := range seen {
		return p.past(seconds, at)
	}
	return at, nil
}
