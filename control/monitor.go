package control

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Monitor reads one target and its sources and reports what it saw.
type Monitor struct {
	Name    string
	Target  target.Target            // nil: somebody else reads it
	Sources map[string]source.Source // by name
	// Conditions tells what lasts of what stands beside the target; nil: nothing.
	Conditions func() []scale.Condition
	// Carried tells what the balancer carries, as it was when Conditions was asked;
	// nil: nobody knows.
	Carried  func() *Carried
	Interval time.Duration
	Reports  bus.Topic[Report]
	Clock    clock.Clock
	Log      *slog.Logger
	// By names this monitor where several report of one target.
	By string

	// What failed last time, so that it is logged once: the status of the
	// target and, by name, its sources. A target may be a source too.
	unread  bool
	failing map[string]bool
	unheard bool // nobody hears what is reported
}

// Run reports every Interval, and the target alone whenever it changes, until
// ctx is done.
func (m *Monitor) Run(ctx context.Context) error {
	m.failing = map[string]bool{}
	ticker := m.Clock.NewTicker(m.Interval)
	defer ticker.Stop()
	for {
		m.look(ctx, true)
		if !m.wait(ctx, ticker.C) {
			return nil
		}
	}
}

// wait returns at the next tick, reporting changes of the target meanwhile;
// false when ctx is done.
func (m *Monitor) wait(ctx context.Context, tick <-chan time.Time) bool {
	var changed <-chan struct{}
	if m.Target != nil {
		changed = m.Target.Changes()
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-changed:
			m.look(ctx, false)
		}
	}
}

func (m *Monitor) publish(ctx context.Context, r Report) {
	err := m.Reports.Publish(ctx, r)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !m.unheard:
		m.Log.Error("reports are lost until they can be published again", slog.String("target", m.Name), slog.Any("error", err))
	case err == nil && m.unheard:
		m.Log.Info("reports are heard again", slog.String("target", m.Name))
	}
	m.unheard = err != nil
}

// look reads the target and, if asked to, its sources, and reports what it saw.
func (m *Monitor) look(ctx context.Context, measure bool) {
	report := Report{Target: m.Name, By: m.By, At: m.Clock.Now(), Measured: measure}
	if m.Target != nil {
		m.count(ctx, &report)
	}
	if ctx.Err() != nil {
		return
	}
	if measure {
		m.measure(ctx, &report)
	}
	if m.Conditions != nil {
		report.tell(m.Conditions())
	}
	if m.Carried != nil {
		report.Carried = m.Carried()
	}
	m.publish(ctx, report)
}

// tell adds what lasts beside the target: to its status, where the report has it.
func (r *Report) tell(conditions []scale.Condition) {
	if r.Status == nil {
		r.Conditions = append(r.Conditions, conditions...)
		return
	}
	if len(conditions) > 0 {
		whole := *r.Status
		whole.Conditions = slices.Concat(whole.Conditions, conditions)
		r.Status = &whole
	}
}

// count reads the target.
func (m *Monitor) count(ctx context.Context, report *Report) {
	call, cancel := m.limit(ctx)
	defer cancel()
	status, err := m.Target.Status(call)
	if ctx.Err() != nil {
		return
	}
	if m.unread = m.check(report, "target", err, m.unread); err == nil {
		report.Status = &status
	}
}

// measure reads all sources at the same time: one that hangs must not stop the
// others. What cannot be read is reported as a fault, never as a zero.
func (m *Monitor) measure(ctx context.Context, report *Report) {
	names := slices.Sorted(maps.Keys(m.Sources))
	samples, faults := make([][]scale.Sample, len(names)), make([]error, len(names))
	var reading sync.WaitGroup
	for i, name := range names {
		reading.Go(func() {
			call, cancel := m.limit(ctx)
			defer cancel()
			samples[i], faults[i] = m.Sources[name].Collect(call)
		})
	}
	reading.Wait()
	if ctx.Err() != nil {
		return // the end of the loop is no fault of what it reads
	}
	for i, name := range names {
		m.failing[name] = m.check(report, name, faults[i], m.failing[name])
		report.Samples = append(report.Samples, samples[i]...)
	}
}

// limit bounds one reading.
func (m *Monitor) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(2*m.Interval, time.Second))
}

// check notes a fault in the report, and logs when it begins and ends.
func (m *Monitor) check(report *Report, from string, err error, before bool) (failed bool) {
	if failed = err != nil; failed {
		report.Faults = append(report.Faults, Fault{From: from, Error: err.Error()})
	}
	switch {
	case errors.Is(err, context.Canceled):
		return before // this is the end, and no fault
	case failed && !before:
		m.Log.Warn("cannot read", slog.String("target", m.Name), slog.String("from", from), slog.Any("error", err))
	case !failed && before:
		m.Log.Info("can read again", slog.String("target", m.Name), slog.String("from", from))
	}
	return failed
}
