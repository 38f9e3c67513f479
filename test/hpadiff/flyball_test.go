package hpadiff

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// This file is what a driver on Kubernetes has to do: give the observation of
// what the API says.

// observation is the world as Flyball sees it.
func (w *world) observation(metrics []metric) scale.Observation {
	obs := scale.Observation{Target: "web", At: w.now, CurrentReplicas: int(w.spec), ObservedReplicas: int(w.status)}
	for i := range w.pods {
		obs.Replicas = append(obs.Replicas, w.replica(&w.pods[i]))
	}
	for i := range metrics {
		m := &metrics[i]
		if values := w.values[m.name]; len(values) > 0 && (m.kind == "External" || !w.customFail) {
			obs.Signals = append(obs.Signals, scale.Signal{Name: m.name, Trust: scale.Fresh,
				Points: []series.Point{{At: w.now, Value: float64(m.sum(values)) / 1000}}})
		}
	}
	return obs
}

// sum adds up the series of an external metric, up to the largest number. For
// a target per pod it ends at the first sum below zero.
func (m *metric) sum(values []int64) int64 {
	total := int64(0)
	for _, v := range values {
		if v > 0 && total > math.MaxInt64-v {
			return math.MaxInt64
		}
		if total += v; total < 0 && m.averageValue != 0 {
			return total
		}
	}
	return total
}

func (w *world) replica(p *pod) scale.Replica {
	r := scale.Replica{ID: p.name, StartedAt: p.started, Phase: map[phase]scale.Phase{
		running: scale.Running, pending: scale.Pending, failed: scale.Failed, succeeded: scale.Succeeded, unknown: scale.Succeeded}[p.phase]}
	if p.deleted {
		r.DeletedAt = w.now.Add(-time.Second)
	}
	if p.ready != noCondition {
		r.Readiness = scale.Readiness{Known: p.ready != unknownReady, Ready: p.ready == isReady, Since: p.readySince}
	}
	if p.whole != nil {
		r.Containers = append(r.Containers, scale.Container{Requests: requests(*p.whole)})
	}
	for _, c := range p.containers {
		r.Containers = append(r.Containers, scale.Container{Name: c.name, Requests: requests(c.request)})
	}
	if p.item != nil && !w.resourcesFail {
		r.Samples = append(r.Samples, p.samples("cpu", func(a amounts) int64 { return a.cpu })...)
		r.Samples = append(r.Samples, p.samples("memory", func(a amounts) int64 { return a.memory })...)
	}
	for name, c := range p.custom {
		if !w.customFail {
			r.Samples = append(r.Samples, scale.Sample{Signal: name, Replica: p.name, At: c.at, Window: c.window, Value: float64(c.value) / 1000})
		}
	}
	return r
}

func requests(a amounts) map[string]int64 {
	all := map[string]int64{}
	if a.cpu >= 0 {
		all["cpu"] = a.cpu
	}
	if a.memory >= 0 {
		all["memory"] = a.memory
	}
	return all
}

// samples are those of each container that has one, and of the pod where no
// container that is measured at all lacks it.
func (p *pod) samples(signal string, of func(amounts) int64) []scale.Sample {
	var all []scale.Sample
	total, complete := int64(0), len(p.item.usage) > 0
	for i, u := range p.item.usage {
		if v := of(u); v >= 0 {
			all = append(all, scale.Sample{Signal: signal, Replica: p.name, Container: p.containers[i].name, At: p.item.at, Window: p.item.window, Value: float64(v) / 1000})
			total += v
		} else {
			complete = false
		}
	}
	if complete {
		all = append(all, scale.Sample{Signal: signal, Replica: p.name, At: p.item.at, Window: p.item.window, Value: float64(total) / 1000})
	}
	return all
}

// ours is the metric as Flyball's document states it.
func (m *metric) ours() hpa.Metric {
	o := hpa.Metric{Type: m.kind, Signal: m.name, Container: m.container}
	switch {
	case m.utilization != 0:
		o.AverageUtilization = new(int(m.utilization))
	case m.averageValue != 0:
		o.AverageValue = new(float64(m.averageValue) / 1000)
	default:
		o.Value = new(float64(m.value) / 1000)
	}
	return o
}
