package telemetry

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scraped are the metrics that are read when they are asked for.
type scraped struct{ m *Metrics }

func isScraped(name string) bool {
	return slices.Contains([]string{ReportAge, ViolationRatio, ObjectiveMet, BusDroppedTotal, RecordLag}, name)
}

// Describe lists them.
func (s *scraped) Describe(to chan<- *prometheus.Desc) {
	for _, f := range Families() {
		if isScraped(f.Name) {
			to <- describe(f.Name)
		}
	}
}

func describe(name string) *prometheus.Desc {
	f := family(name)
	return prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
}

// Collect reads them.
func (s *scraped) Collect(to chan<- prometheus.Metric) {
	m, now := s.m, s.m.opts.Clock.Now()
	if b, ok := m.opts.Bus.(interface{ Dropped() uint64 }); ok {
		to <- prometheus.MustNewConstMetric(describe(BusDroppedTotal), prometheus.CounterValue, float64(b.Dropped()))
	}
	m.mu.Lock()
	judge, record, reports := m.judge, m.record, map[string]time.Time{}
	for name, t := range m.targets {
		reports[name] = t.reportAt
	}
	m.mu.Unlock()
	if record.kept {
		to <- gauge(RecordLag, record.lag(now).Seconds())
	}
	for _, name := range slices.Sorted(maps.Keys(reports)) {
		if at := reports[name]; !at.IsZero() {
			to <- gauge(ReportAge, max(0, now.Sub(at)).Seconds(), name)
		}
		if judge == nil {
			continue
		}
		if violations, met, stated := judge(name); stated {
			to <- gauge(ObjectiveMet, truth(met), name)
			if !math.IsNaN(violations) {
				to <- gauge(ViolationRatio, violations, name)
			}
		}
	}
}

func gauge(name string, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(describe(name), prometheus.GaugeValue, value, labels...)
}
