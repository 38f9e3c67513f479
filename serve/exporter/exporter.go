// Package exporter shows what AI workloads do as metrics for Prometheus: it
// reads inference servers, queues of tasks and vector databases with the very code
// that feeds the same signals to Autoscalers, when it is scraped itself.
// A server that cannot be read is down and has no other metric: nobody is to
// take silence for an empty queue.
package exporter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source/inference"
	"github.com/flyball-io/flyball/source/queue"
	"github.com/flyball-io/flyball/source/reading"
	"github.com/flyball-io/flyball/source/vector"
)

// Exporter reads what a configuration names. It may be used by several
// goroutines.
type Exporter struct {
	groups    []*group
	endpoints []*endpoint
	leftOut   *prometheus.Desc
	deadline  time.Duration // of a scrape
}

// New returns what reads all that a valid configuration names. It does no I/O.
func New(c Config, clk clock.Clock, log *slog.Logger) (*Exporter, error) {
	inferences, queues, vectors := inferenceGroup(), queueGroup(), vectorGroup()
	x := &Exporter{deadline: c.Deadline.Std(), groups: []*group{&inferences, &queues, &vectors},
		leftOut: prometheus.NewDesc("flyball_exporter_parts_left_out", "Models or collections without metrics, because the server tells too many apart or gives them names that are too long.", []string{"kind", "service", "endpoint"}, nil)}
	add := func(g *group, r reading.Reader, labels ...string) {
		x.endpoints = append(x.endpoints, &endpoint{group: g, labels: labels, reader: r, share: c.Share.Std(), clock: clk, log: log})
	}
	for _, in := range c.Inference {
		for _, u := range in.URLs {
			add(&inferences, inference.NewReader(in.Server, u, clk), in.Service, endpointOf(u))
		}
	}
	for _, q := range c.Queues {
		r, err := queue.NewReader(q.Server, clk)
		if err != nil {
			return nil, fmt.Errorf("queue %s of %s: %w", q.Name(), q.Service, err)
		}
		add(&queues, r, q.Service, q.Name())
	}
	for _, v := range c.Vectors {
		r, err := vector.NewReader(v.Server, clk)
		if err != nil {
			return nil, fmt.Errorf("vector database %s of %s: %w", v.Endpoint(), v.Service, err)
		}
		add(&vectors, r, v.Service, v.Endpoint())
	}
	return x, nil
}

// Close gives back what is kept between two readings.
func (x *Exporter) Close() {
	var all sync.WaitGroup
	for _, e := range x.endpoints {
		all.Go(e.end)
	}
	all.Wait()
}

// scrape is one look at everything, as a collector of metrics.
type scrape struct {
	*Exporter
	ctx context.Context // ends with the scrape
}

var _ prometheus.Collector = scrape{}

// Scrape returns what collects the metrics of everything once, and no longer than
// until ctx is done or the deadline of the configuration has passed.
func (x *Exporter) Scrape(ctx context.Context) (c prometheus.Collector, end context.CancelFunc) {
	ctx, end = context.WithTimeout(ctx, x.deadline)
	return scrape{x, ctx}, end
}

// Describe names every metric.
func (x *Exporter) Describe(ch chan<- *prometheus.Desc) {
	ch <- x.leftOut
	for _, g := range x.groups {
		ch <- g.up
		for _, f := range g.families {
			ch <- f.desc
		}
	}
}

// Collect reads all servers, each within its own time-out.
func (s scrape) Collect(ch chan<- prometheus.Metric) {
	s.each(s.ctx, func(e *endpoint, l *look) {
		e.collect(l, ch)
		if l.reading.LeftOut > 0 {
			ch <- prometheus.MustNewConstMetric(s.leftOut, prometheus.GaugeValue, float64(l.reading.LeftOut), e.group.kind, e.labels[0], e.labels[1])
		}
	})
}

// each reads all servers at the same time, so that one that is slow holds no
// other, and calls do for one at a time.
func (x *Exporter) each(ctx context.Context, do func(*endpoint, *look)) {
	var all sync.WaitGroup
	var mu sync.Mutex // one at a time
	for _, e := range x.endpoints {
		all.Go(func() {
			l := e.look(ctx)
			mu.Lock()
			defer mu.Unlock()
			do(e, l)
		})
	}
	all.Wait()
}

// Check is how one server could be read.
type Check struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Parts int    `json:"parts"`
	Fault string `json:"fault,omitempty"` // "" where it could be read
}

// CheckAll reads everything once.
func (x *Exporter) CheckAll(ctx context.Context) []Check {
	found := map[*endpoint]Check{}
	x.each(ctx, func(e *endpoint, l *look) {
		c := Check{Kind: e.group.kind, Name: e.name(), Parts: len(l.reading.Parts)}
		if l.fault != nil {
			c.Fault = l.fault.Error()
		}
		found[e] = c
	})
	all := make([]Check, 0, len(found))
	for _, e := range x.endpoints {
		all = append(all, found[e])
	}
	return all
}
