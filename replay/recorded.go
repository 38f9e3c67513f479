package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Log is a record that can be read.
type Log interface {
	Read(ctx context.Context, q record.Query) ([]record.Entry, error)
	Targets(ctx context.Context) ([]string, error)
}

// pageOf is how many entries are read at a time.
const pageOf = 2000

// errNothing is told of a part of the record in which nothing is.
var errNothing = errors.New("nothing is recorded")

// Window is a part of the past.
type Window struct {
	From, To time.Time // zero: no bound
	// Last, in place of From, counts back from To, else from the newest entry.
	Last time.Duration
}

// Each hands the entries of a target in a window to see, in order of time.
func Each(ctx context.Context, log Log, target string, w Window, see func(record.Entry)) error {
	w, err := w.of(ctx, log, target)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		page, err := log.Read(ctx, record.Query{Target: target, From: w.From, To: w.To, After: after, Limit: pageOf, OldestFirst: true, Brief: true})
		if err != nil {
			return err
		}
		for _, e := range page {
			see(e)
			after = e.ID
		}
		if len(page) < pageOf {
			return nil
		}
	}
}

// of finds the beginning of a window that counts back.
func (w Window) of(ctx context.Context, log Log, target string) (Window, error) {
	if w.Last == 0 || !w.From.IsZero() {
		return w, nil
	}
	end := w.To
	newest, err := log.Read(ctx, record.Query{Target: target, Kind: record.DecidedKind, To: w.To, Limit: 1, Brief: true})
	if err != nil {
		return w, err
	}
	if len(newest) > 0 && (end.IsZero() || newest[0].At.Before(end)) {
		end = newest[0].At
	}
	w.From = end.Add(-w.Last)
	return w, nil
}

// OneTarget is the target that is named, or the only one there is.
func OneTarget(ctx context.Context, log Log, name string) (string, error) {
	all, err := log.Targets(ctx)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", fmt.Errorf("the record is empty: %w", errNothing)
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return "", fmt.Errorf("the record holds %s: name one with --target", strings.Join(all, ", "))
	case !slices.Contains(all, name):
		return "", fmt.Errorf("nothing is recorded of %q; the record holds %s", name, strings.Join(all, ", "))
	}
	return name, nil
}

// FromRecord reads the history of a target from the record of the live loop.
func FromRecord(ctx context.Context, log Log, target string, w Window) (*History, error) {
	r := &recorded{History: &History{Target: target, Source: "record of flyball run", Arrivals: true, Decisions: true}}
	if err := Each(ctx, log, target, w, r.see); err != nil {
		return nil, err
	}
	if len(r.Moments) < 2 {
		return nil, fmt.Errorf("%s: %s in this part of the record, at least 2 are needed: %w", target, scale.Count(len(r.Moments), "decision"), errNothing)
	}
	r.settle(r.measured, r.windows)
	if r.answers > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s of language models in the record are off-policy: they were given on what the policy of then had made of the service. No policy is given them; one that is advised has a simulated advisor, which advises well",
			scale.Count(r.answers, "answer")))
	}
	return r.History, nil
}

// recorded collects a history from entries.
type recorded struct {
	*History
	measured []time.Time
	windows  []time.Duration
	answers  int // of language models
}

func (r *recorded) see(e record.Entry) {
	switch {
	case e.Applied != nil:
		if e.Applied.Error == "" {
			r.Changes = append(r.Changes, Change{e.Applied.At, e.Applied.From, e.Applied.To})
		}
	case e.Decided != nil:
		if n := len(r.Moments); n > 0 && !e.At.After(r.Moments[n-1].At) {
			return // decided twice at an instant, as after a restart
		}
		r.decided(e.At, e.Decided)
	case e.Event != nil && e.Event.Advised != nil && e.Event.Advised.Error == "":
		r.answers++
	}
}

func (r *recorded) decided(at time.Time, d *record.Decided) {
	m, measured, window := unknown(at), at, time.Duration(0)
	m.Asked = float64(d.Decision.CurrentReplicas)
	m.Ready, m.Starting, m.Terminating = float64(d.Seen.Ready), float64(d.Seen.Starting), float64(d.Seen.Terminating)
	m.ReadySince = d.Seen.ReadySince
	for _, s := range d.Seen.Signals {
		if s.Trust != scale.Fresh {
			continue
		}
		switch s.Name {
		case scale.RequestRate:
			m.Rate, measured, window = s.Value, s.At, s.Window
			r.RateWindow = s.Window
		case scale.ErrorRate:
			m.Errors = s.Value
		case scale.Concurrency:
			m.Concurrency = s.Value
		case scale.QueueDepth:
			m.Held = s.Value
		case scale.CPUUtilization:
			m.CPU, r.CPUWindow = s.Value, s.Window
		case scale.ViolationRatio:
			m.NotGood = s.Value
		case scale.Latency:
			m.P95 = s.Value
			m.P50, m.P99 = positive(s.P50), positive(s.P99)
		}
	}
	r.Moments, r.measured, r.windows = append(r.Moments, m), append(r.measured, measured), append(r.windows, window)
	if !slices.Contains(r.Policies, d.Decision.Policy) {
		r.Policies = append(r.Policies, d.Decision.Policy)
	}
}

// positive is a quantile, which is 0 where there is none.
func positive(v float64) float64 {
	if v > 0 {
		return v
	}
	return math.NaN()
}
