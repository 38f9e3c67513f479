package accesslog

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"time"
)

const (
	// shown is how many runes of a malformed line are kept, and examples how
	// many such lines.
	shown    = 120
	examples = 5
	// pageBins is how many bins are allocated together.
	pageBins = 4096
	// MostBins is the longest trace that is made.
	MostBins = 10_000_000
)

// Options say what is counted.
type Options struct {
	// Step is the width of a bin: whole seconds, as logs have no finer times.
	Step time.Duration
	// Match and Exclude are looked for in the target; nil: all, none.
	Match, Exclude *regexp.Regexp
	// Statuses are those that count; nil: all.
	Statuses *Statuses
	// From and To bound the times that count, From included; zero: unbounded.
	From, To time.Time
	// Silence is the shortest time without a counted request that is taken as
	// not recorded instead of as no load; 0: none is.
	Silence time.Duration
}

// Counter counts the requests of any number of logs, in any order. It has one
// owner, and its memory grows with the time that the logs span, not with their
// lines: 4 bytes for a bin.
type Counter struct {
	opts     Options
	step     int64
	from, to int64
	stats    Stats
	parser   Parser

	first, last int64 // times of counted requests

	pages map[int64]*page
	page  *page // the one used last
	at    int64
}

type page [pageBins]uint32

// Stats is what was read.
type Stats struct {
	Files     int   `json:"files"`
	Lines     int64 `json:"lines"` // blank ones not counted
	Requests  int64 `json:"requests"`
	Malformed int64 `json:"malformed_lines"`
	// Examples are the first malformed lines.
	Examples []Example `json:"malformed_examples,omitempty"`
	// LeftOut is how many lines the filters did not let through.
	LeftOut int64 `json:"left_out_lines"`
	// Disordered is how many lines are dated before the line in front of them
	// in the same file, and StepBack how far at most: servers write a line when
	// a request ends. They count where they belong.
	Disordered int64 `json:"disordered_lines"`
	StepBack   int64 `json:"furthest_step_back_seconds"`
	// First and Last are the times of the first and last counted request.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Example is one malformed line.
type Example struct {
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Reason string `json:"reason"`
	Text   string `json:"text"` // its beginning, as it is: show it quoted
}

// NewCounter returns a counter.
func NewCounter(o Options) (*Counter, error) {
	if o.Step < time.Second || o.Step%time.Second != 0 {
		return nil, fmt.Errorf("step: must be whole seconds, at least 1s, got %v", o.Step)
	}
	if o.Silence != 0 && o.Silence < 2*o.Step {
		return nil, fmt.Errorf("silence: must be at least two steps (%v), got %v", 2*o.Step, o.Silence)
	}
	c := &Counter{opts: o, step: int64(o.Step / time.Second), from: math.MinInt64, to: math.MaxInt64, pages: map[int64]*page{}, first: math.MaxInt64, last: math.MinInt64}
	if !o.From.IsZero() {
		c.from = o.From.Add(time.Second - 1).Unix() // logs round down
	}
	if !o.To.IsZero() {
		c.to = o.To.Add(time.Second - 1).Unix()
	}
	if c.from >= c.to {
		return nil, fmt.Errorf("must end after it begins, got %s to %s", o.From.Format(time.RFC3339), o.To.Format(time.RFC3339))
	}
	return c, nil
}

// Read counts the requests of one log, plain or gzipped, which is told by its
// content. Name is used in errors and examples.
func (c *Counter) Read(name string, r io.Reader) error {
	in, err := open(r)
	if err != nil {
		return fmt.Errorf("log %s: %w", name, err)
	}
	c.stats.Files++
	latest := int64(math.MinInt64)
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var entry Entry
		switch {
		case err != nil && !errors.Is(err, errTooLong):
			return fmt.Errorf("log %s: %w", name, err)
		case err == nil && len(line) == 0:
			continue
		case err == nil:
			entry, err = c.parser.Parse(line)
		}
		c.stats.Lines++
		if err != nil {
			c.malformed(name, in.n, line, err)
			continue
		}
		if entry.Unix < latest {
			c.stats.Disordered++
			c.stats.StepBack = max(c.stats.StepBack, latest-entry.Unix)
		}
		latest = max(latest, entry.Unix)
		if err := c.count(entry); err != nil {
			return fmt.Errorf("log %s line %d: %w", name, in.n, err)
		}
	}
}

func (c *Counter) malformed(name string, line int64, text []byte, reason error) {
	c.stats.Malformed++
	if len(c.stats.Examples) < examples {
		runes := []rune(string(text[:min(len(text), 4*shown)]))
		c.stats.Examples = append(c.stats.Examples, Example{File: name, Line: line, Reason: reason.Error(), Text: string(runes[:min(len(runes), shown)])})
	}
}

func (c *Counter) count(e Entry) error {
	if !c.wanted(e) {
		c.stats.LeftOut++
		return nil
	}
	bin := floorDiv(e.Unix, c.step)
	if c.page == nil || floorDiv(bin, pageBins) != c.at {
		if err := c.turn(floorDiv(bin, pageBins)); err != nil {
			return err
		}
	}
	c.page[bin-c.at*pageBins]++
	c.first, c.last = min(c.first, e.Unix), max(c.last, e.Unix)
	c.stats.Requests++
	return nil
}

func (c *Counter) wanted(e Entry) bool {
	o := &c.opts
	return e.Unix >= c.from && e.Unix < c.to &&
		(o.Statuses == nil || o.Statuses[e.Status]) &&
		(o.Match == nil || o.Match.Match(e.Target)) &&
		(o.Exclude == nil || !o.Exclude.Match(e.Target))
}

// turn makes a page the current one.
func (c *Counter) turn(at int64) error {
	c.at, c.page = at, c.pages[at]
	if c.page != nil {
		return nil
	}
	if len(c.pages) > MostBins/pageBins {
		return c.tooLong()
	}
	c.page = &page{}
	c.pages[at] = c.page
	return nil
}

func (c *Counter) tooLong() error {
	s := c.Stats()
	return fmt.Errorf("the requests lie between %s and %s: at most %d steps of %v; take a longer step, or a part of the time",
		s.First.Format(time.RFC3339), s.Last.Format(time.RFC3339), MostBins, c.opts.Step)
}

// Stats returns what was read so far.
func (c *Counter) Stats() Stats {
	s := c.stats
	if s.Requests > 0 {
		s.First, s.Last = time.Unix(c.first, 0).UTC(), time.Unix(c.last, 0).UTC()
	}
	return s
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
