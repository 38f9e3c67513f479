package exporter

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

// window is what tokens per second are measured over.
const window = 30 * time.Second

// endpoint is one server, or one queue, that is read when somebody scrapes.
type endpoint struct {
	group  *group
	labels []string // their values, without the name of the part
	reader reading.Reader
	share  time.Duration
	clock  clock.Clock
	log    *slog.Logger

	reads sync.WaitGroup

	mu     sync.Mutex // guards what follows; nobody does I/O under it
	last   *look
	flight *look              // that is under way
	cancel context.CancelFunc // of the one under way, or the one before
	down   bool
	past   reading.History
}

// look is one reading and what became of it.
type look struct {
	done    chan struct{} // closed once the rest may be read
	at      time.Time
	reading reading.Reading
	rates   map[string]map[string]float64 // by family and part
	fault   error
}

// name of the endpoint in logs.
func (e *endpoint) name() string { return e.group.kind + " " + strings.Join(e.labels, " ") }

// look returns a reading that is at most share old. Whoever asks while one is
// under way waits for that one, until ctx is done: then the server counts as one
// that cannot be read, and what it still answers is there for the next.
func (e *endpoint) look(ctx context.Context) *look {
	l := e.current()
	select {
	case <-l.done:
		return l
	case <-ctx.Done():
		return &look{fault: errLate}
	}
}

// errLate is why a server counts as one that cannot be read.
var errLate = errors.New("did not answer before the scrape had to end")

// current is the last reading where it is new enough, else one that is under way.
func (e *endpoint) current() *look {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.last; l != nil && e.clock.Now().Sub(l.at) < e.share {
		return l
	}
	if e.flight == nil {
		l := &look{done: make(chan struct{})}
		ctx, cancel := context.WithTimeoutCause(context.Background(), source.Patience, source.ErrPatience)
		e.flight, e.cancel = l, cancel
		e.reads.Go(func() {
			defer cancel()
			e.read(ctx, l)
		})
	}
	return e.flight
}

// read asks the server; its reader ends it in time.
func (e *endpoint) read(ctx context.Context, l *look) {
	l.reading, l.fault = e.reader.Read(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	l.at = e.clock.Now()
	if l.fault == nil {
		e.past.Window = window
		e.past.Add(l.reading)
		l.rates = e.rates(l.reading)
	}
	e.note(l.fault)
	e.last, e.flight = l, nil
	close(l.done)
}

// end stops what is under way and gives back what is kept.
func (e *endpoint) end() {
	e.mu.Lock()
	if e.cancel != nil {
		e.cancel()
	}
	e.mu.Unlock()
	e.reads.Wait()
	e.reader.Close()
}

// rates are those of each part.
func (e *endpoint) rates(r reading.Reading) map[string]map[string]float64 {
	all := map[string]map[string]float64{}
	for _, f := range e.group.families {
		if f.rate.Name == "" {
			continue
		}
		all[f.rate.Name] = map[string]float64{}
		for _, p := range r.Parts {
			if m := e.past.Measure(reading.Signal{Rate: f.rate}, p.Name); m.Known {
				all[f.rate.Name][p.Name] = m.Value
			}
		}
	}
	return all
}

// note says what has changed.
func (e *endpoint) note(fault error) {
	switch {
	case fault != nil && !e.down:
		e.log.Warn("cannot be read", slog.String("endpoint", e.name()), slog.Any("error", fault))
	case fault == nil && e.down:
		e.log.Info("can be read again", slog.String("endpoint", e.name()))
	}
	e.down = fault != nil
}

// collect sends the metrics of a reading. Of a server that cannot be read there
// is one: that it cannot.
func (e *endpoint) collect(l *look, ch chan<- prometheus.Metric) {
	up := 1.0
	if l.fault != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(e.group.up, prometheus.GaugeValue, up, e.labels[:min(len(e.labels), 2)]...)
	if l.fault != nil {
		return
	}
	for _, p := range l.reading.Parts {
		for _, f := range e.group.families {
			for _, m := range f.metrics(p, e.labelsOf(p), l.rates) {
				ch <- m
			}
		}
	}
}

// labelsOf are the labels of a part. A queue is its only part.
func (e *endpoint) labelsOf(p reading.Part) []string {
	if len(e.labels) == len(e.group.labels) {
		return e.labels
	}
	return append(append([]string{}, e.labels...), p.Name)
}

// metrics are those of one part, none where it does not tell them.
func (f family) metrics(p reading.Part, labels []string, rates map[string]map[string]float64) []prometheus.Metric {
	var all []prometheus.Metric
	if v, told := p.Values[f.value]; told {
		all = append(all, prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, v, labels...))
	}
	if v, told := rates[f.rate.Name][p.Name]; told {
		all = append(all, prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, v, labels...))
	}
	if h, told := p.Durations[f.duration]; told {
		all = append(all, prometheus.MustNewConstHistogram(f.desc, h.Count, h.Sum, h.Buckets, labels...))
	}
	for c, n := range p.Counts {
		if c.Name != f.count {
			continue
		}
		with := labels
		if f.kinds {
			with = append(append([]string{}, labels...), c.Kind)
		}
		all = append(all, prometheus.MustNewConstMetric(f.desc, prometheus.CounterValue, n, with...))
	}
	return all
}
