package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/series"
)

const (
	// chunkPoints is how many steps are asked for at a time: Prometheus refuses
	// more than 11,000.
	chunkPoints = 10_000
	maxSteps    = 10_000_000 // 115 days of seconds
	maxChunk    = 64 << 20   // bytes of one answer
	minStep     = time.Millisecond
	chunkTime   = 2 * time.Minute // the limit of Prometheus itself for a query
)

// History asks one server for the past: for replay and import, not for
// decisions. The zero value of all but Server is usable.
type History struct {
	Server  string
	Tenant  string        // sent as X-Scope-OrgID
	Timeout time.Duration // of each request; 0 is two minutes
	Auth    webclient.Auth
	// OnChunk is told after each of the requests that a long range takes.
	OnChunk func(done, all int)
}

// Series is one series over time.
type Series struct {
	Labels map[string]string
	// Points are in order of time. A step without a value is left out.
	Points []Point
	// NotFinite is how many steps were left out because they were NaN or
	// infinite, such as a ratio of two zeros.
	NotFinite int
}

// Point is the value of a series at an instant.
type Point struct {
	At    time.Time
	Value float64
}

// Name returns the series as PromQL writes it, shortened when it is long.
func (s Series) Name() string { return one{Metric: s.Labels}.name() }

// Range returns what a query gave between from and to, both included; see
// [History.Range].
func Range(ctx context.Context, server, query string, from, to time.Time, step time.Duration) ([]Series, error) {
	return History{Server: server}.Range(ctx, query, from, to, step)
}

// Range returns what a query gave between from and to, both included, in the
// order of the labels. The instants are whole multiples of step since 1970, so
// that two queries, or the same one an hour later, meet at the same instants.
//
//	from ╷     first     last     ╷ to
//	─────┼───────┬───┬───┬┬────────┼─────
//	     └ up to the next └ multiple of step
//
// A series may begin late, end early and have holes: nothing is filled in.
// Without any series the error is [ErrNoSeries].
func (h History) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]Series, error) {
	first, steps, err := h.plan(query, from, to, step)
	if err != nil {
		return nil, fmt.Errorf("prometheus: range: %w", err)
	}
	timeout := h.Timeout
	if timeout == 0 {
		timeout = chunkTime
	}
	api := newAPI(h.Server, h.Tenant, timeout, webclient.Options{Auth: h.Auth, MaxBytes: maxChunk})
	defer api.client.Close()
	found := collected{}
	chunks := (steps + chunkPoints - 1) / chunkPoints
	for i := range chunks {
		begin := i * chunkPoints
		end := min(begin+chunkPoints, steps) - 1
		at := func(n int) time.Time { return first.Add(time.Duration(n) * step) }
		if err := found.ask(ctx, api, query, at(begin), at(end), step); err != nil {
			return nil, fmt.Errorf("prometheus: range from %s to %s: %w", stamp(at(begin)), stamp(at(end)), err)
		}
		if h.OnChunk != nil {
			h.OnChunk(i+1, chunks)
		}
	}
	all, err := found.series()
	if err != nil {
		return nil, fmt.Errorf("prometheus: range from %s to %s: %w", stamp(from), stamp(to), err)
	}
	return all, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// plan is the first instant to ask for, and how many there are.
func (h History) plan(query string, from, to time.Time, step time.Duration) (first time.Time, steps int, err error) {
	u, err := webclient.ParseURL(h.Server)
	switch {
	case err != nil:
		return first, 0, fmt.Errorf("server: %w", err)
	case u.RawQuery != "":
		return first, 0, errors.New("server: must not hold a query (?)")
	case query == "":
		return first, 0, errors.New("query: must not be empty")
	case step < minStep || step%minStep != 0:
		return first, 0, fmt.Errorf("step: must be whole milliseconds above 0, got %v", step)
	case to.Before(from):
		return first, 0, fmt.Errorf("must end after it begins, got %s to %s", stamp(from), stamp(to))
	}
	ms := step.Milliseconds()
	begin, end := from.UnixMilli(), to.UnixMilli()
	if from.After(time.UnixMilli(begin)) {
		begin++
	}
	if begin < 0 || begin > 1<<52 || end > 1<<52 {
		return first, 0, fmt.Errorf("must lie after 1970, got %s to %s", stamp(from), stamp(to))
	}
	begin = (begin + ms - 1) / ms * ms
	if end < begin {
		return first, 0, fmt.Errorf("holds no multiple of the step %v: %s to %s", step, stamp(from), stamp(to))
	}
	count := (end-begin)/ms + 1
	if count > maxSteps {
		return first, 0, fmt.Errorf("holds %d steps of %v: must be at most %d; take a longer step", count, step, maxSteps)
	}
	return time.UnixMilli(begin), int(count), errors.Join(h.Auth.Validate())
}

// collected is the series by name and labels, as far as they were asked for.
type collected map[string]*Series

// ask adds one part of the range.
func (c collected) ask(ctx context.Context, api api, query string, from, to time.Time, step time.Duration) error {
	a, err := api.ask(ctx, "query_range", query, url.Values{
		"start": {unix(from)}, "end": {unix(to)},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', 3, 64)},
	})
	if err != nil {
		return err
	}
	if a.Data.ResultType != "matrix" {
		return fmt.Errorf("the result is a %s, want series over time", webclient.Excerpt(a.Data.ResultType, excerpt))
	}
	parts, err := a.series()
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := c.add(part, from, to); err != nil {
			return err
		}
	}
	return nil
}

func (c collected) add(part one, from, to time.Time) error {
	if part.Histograms != nil {
		return fmt.Errorf("%s is a histogram; take a quantile of it with histogram_quantile(…), or its rate with histogram_count(…)", part.name())
	}
	key := fmt.Sprintf("%q", part.Metric) // sorted by label
	s := c[key]
	if s == nil {
		s = &Series{Labels: part.Metric}
		c[key] = s
	}
	last := from.Add(-1)
	for _, p := range part.Values {
		if !p.at.After(last) || p.at.After(to) {
			return fmt.Errorf("%s has a value of %s, which was not asked for", part.name(), stamp(p.at))
		}
		last = p.at
		if !series.Finite(p.value) {
			s.NotFinite++
			continue
		}
		s.Points = append(s.Points, Point{At: p.at, Value: p.value})
	}
	return nil
}

// series is what was collected, in order.
func (c collected) series() ([]Series, error) {
	keys := make([]string, 0, len(c))
	points := 0
	for key, s := range c {
		keys = append(keys, key)
		points += len(s.Points)
	}
	slices.Sort(keys)
	all := make([]Series, 0, len(c))
	for _, key := range keys {
		all = append(all, *c[key])
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%w: nothing was recorded then, or the name or a label is wrong", ErrNoSeries)
	case points == 0:
		return nil, fmt.Errorf("%s is NaN or infinite all the time: often a division by a rate of zero, or a quantile of nothing", all[0].Name())
	}
	return all, nil
}

// One is the single series that a query was to give. The error names a few
// when there are several.
func One(all []Series) (Series, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	some := make([]one, len(all))
	for i, s := range all {
		some[i] = one{Metric: s.Labels}
	}
	return Series{}, many(some)
}
