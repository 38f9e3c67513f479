package hpadiff

import (
	"math/rand/v2"
	"time"
)

// world is one instant of a target, as plain values that both sides are given.
type world struct {
	now          time.Time
	spec, status int32 // replicas asked for, and existing
	pods         []pod
	// values are what external and object metrics say, by name, in
	// thousandths; several series where one would do. None: the API has none.
	values map[string][]int64
	// failing are the APIs that answer with an error.
	resourcesFail, customFail bool
}

type phase int

const (
	running phase = iota
	pending
	failed
	succeeded
	unknown
)

type readiness int

const (
	isReady readiness = iota
	notReady
	unknownReady
	noCondition
)

type pod struct {
	name       string
	phase      phase
	deleted    bool
	ready      readiness
	readySince time.Time
	started    time.Time // zero: not known
	containers []container
	whole      *amounts // requests of the pod as a whole; nil: of its containers
	item       *item    // of the resource metrics API; nil: not measured
	custom     map[string]custom
}

// amounts are in thousandths; below 0: not stated.
type amounts struct{ cpu, memory int64 }

type container struct {
	name    string
	sidecar bool // a restartable init container
	request amounts
}

type item struct {
	at     time.Time
	window time.Duration
	usage  []amounts // by container
}

type custom struct {
	value  int64
	at     time.Time
	window time.Duration
}

// metric is one of an autoscaler, with one target.
type metric struct {
	kind      string // of autoscaling/v2
	name      string // of the resource or of the signal
	container string
	// One of them; in thousandths, percent.
	averageValue, value int64
	utilization         int32
}

func (m *metric) ofResource() bool { return m.kind == "Resource" || m.kind == "ContainerResource" }

// dice makes worlds. Times and amounts are drawn from few values, so that
// cases lie on the limits as often as beside them.
type dice struct{ *rand.Rand }

func roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 36))} }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// one is true once in n times.
func (d dice) one(n int) bool { return d.IntN(n) == 0 }

// metric draws one that is called by the number i.
func (d dice) metric(i int) metric {
	m := metric{kind: pick(d, "Resource", "Resource", "ContainerResource", "Pods", "Object", "External")}
	switch m.kind {
	case "Resource", "ContainerResource":
		m.name = pick(d, "cpu", "cpu", "memory")
		if m.kind == "ContainerResource" {
			m.container = pick(d, "app", "app", "side")
		}
		if d.one(4) {
			m.averageValue = d.target(m.name)
		} else {
			m.utilization = pick(d, 1, 30, 50, 50, 70, 80, 100, 110, 150, int32(1+d.IntN(200)))
		}
	case "Pods":
		m.name, m.averageValue = "pods"+string(rune('0'+i)), d.target("")
	default:
		m.name = m.kind + string(rune('0'+i))
		if d.one(2) {
			m.value = d.target("")
		} else {
			m.averageValue = d.target("")
		}
	}
	return m
}

func (d dice) target(resource string) int64 {
	if resource == "memory" {
		return pick(d, int64(64<<20), 100_000_000, 512<<20) * 1000
	}
	return pick(d, 1, 3, 7, 100, 700, 1000, 2000, 3000, 35_000, 250_000, int64(1+d.IntN(100_000)))
}

// world draws an instant for these metrics, in which about load times their
// targets is used.
func (d dice) world(now time.Time, spec int32, metrics []metric, load float64) *world {
	w := &world{now: now, spec: spec, values: map[string][]int64{}}
	count := int(spec)
	if d.one(3) {
		count = max(0, count+d.IntN(7)-3)
	}
	w.status = int32(count)
	if d.one(8) {
		w.status = int32(d.IntN(12))
	}
	trouble := pick(d, 0, 0, 1, 3) // how much is wrong with the pods
	shape := d.shape()
	for i := range min(count, 40) {
		w.pods = append(w.pods, d.pod(i, now, shape, metrics, load, trouble))
	}
	w.resourcesFail, w.customFail = d.one(25), d.one(25)
	for i := range metrics {
		if m := &metrics[i]; m.kind == "Object" || m.kind == "External" {
			w.values[m.name] = d.values(m, spec, w.status, load)
		}
	}
	return w
}

// values draws the series of a metric that is not of pods.
func (d dice) values(m *metric, spec, status int32, load float64) []int64 {
	if d.one(25) {
		return nil
	}
	total := float64(m.value)
	if m.averageValue != 0 {
		total = float64(m.averageValue) * float64(max(1, status))
	}
	total *= load * d.jitter()
	if d.one(20) {
		total = 0
	}
	if m.kind == "Object" {
		return []int64{int64(total)}
	}
	series := []int64{int64(total)}
	for d.one(3) {
		series = append(series, int64(total/4)-int64(d.IntN(3)))
	}
	if d.one(60) && spec > 0 {
		series = append(series, 1<<62, 1<<62) // the sum is cut
	} else if d.one(60) {
		series = append(series, -2*int64(total))
	}
	return series
}

func (d dice) jitter() float64 {
	return pick(d, 1, 1, 1, 0.9, 1.1, 0.8999, 1.1001, 0.5+d.Float64())
}

// shape is what all pods of a target are made of.
type shape struct {
	containers []container
	whole      *amounts
}

func (d dice) shape() shape {
	request := func() amounts {
		a := amounts{cpu: pick(d, int64(100), 250, 500, 1000), memory: pick(d, int64(64<<20), 100_000_000) * 1000}
		if d.one(40) {
			a.cpu = -1
		}
		if d.one(40) {
			a.memory = -1
		}
		if d.one(60) {
			a = amounts{}
		}
		return a
	}
	s := shape{containers: []container{{name: "app", request: request()}}}
	if d.one(3) {
		s.containers = append(s.containers, container{name: "side", sidecar: d.one(2), request: request()})
	}
	if d.one(8) {
		s.whole = &amounts{cpu: pick(d, int64(300), 700), memory: 200_000_000 * 1000}
	}
	return s
}

func (d dice) pod(i int, now time.Time, s shape, metrics []metric, load float64, trouble int) pod {
	p := pod{name: "p" + string(rune('a'+i/26)) + string(rune('a'+i%26)), containers: s.containers, whole: s.whole, custom: map[string]custom{}}
	bad := func(n int) bool { return trouble > 0 && d.one(max(1, n/trouble)) }
	if bad(8) {
		p.phase = pick(d, pending, pending, failed, succeeded, unknown)
	}
	p.deleted = bad(12)
	p.started = now.Add(-pick[time.Duration](d, 5, 30, 60, 119, 120, 121, 299, 300, 301, 900, 3600) * time.Second)
	p.readySince = p.started.Add(pick[time.Duration](d, 0, 1, 9, 10, 11, 29, 30, 31, 60, 200) * time.Second)
	if bad(5) {
		p.ready = pick(d, notReady, notReady, notReady, unknownReady, noCondition)
	}
	if bad(20) {
		p.started = time.Time{}
	}
	at := now.Add(-pick[time.Duration](d, 0, 1, 10, 15, 30) * time.Second)
	window := pick[time.Duration](d, 10, 15, 30, 60) * time.Second
	if !bad(6) {
		p.item = d.item(&p, at, window, metrics, load, bad)
	}
	for j := range metrics {
		if m := &metrics[j]; m.kind == "Pods" && !bad(6) {
			p.custom[m.name] = custom{int64(float64(m.averageValue) * load * d.jitter()), at, window}
		}
	}
	return p
}

// item draws what the pod uses. Each resource is near the target of one metric
// on it.
func (d dice) item(p *pod, at time.Time, window time.Duration, metrics []metric, load float64, bad func(int) bool) *item {
	it := &item{at: at, window: window}
	for _, c := range p.containers {
		u := amounts{cpu: d.used("cpu", c.request.cpu, metrics, load), memory: d.used("memory", c.request.memory, metrics, load)}
		if bad(20) {
			u.cpu = -1
		}
		if bad(20) {
			u.memory = -1
		}
		it.usage = append(it.usage, u)
	}
	if bad(20) {
		it.usage = it.usage[:len(it.usage)-1] // a container is missing altogether
	}
	return it
}

func (d dice) used(resource string, request int64, metrics []metric, load float64) int64 {
	base := float64(max(request, 100)) / 2
	for i := range metrics {
		if m := &metrics[i]; m.ofResource() && m.name == resource {
			if m.utilization != 0 {
				base = float64(max(request, 100)) * float64(m.utilization) / 100
			} else {
				base = float64(m.averageValue)
			}
		}
	}
	return int64(base * load * d.jitter())
}

// load draws how much of the target is used.
func (d dice) load() float64 {
	return pick(d, 0, 0.1, 0.3, 0.5, 0.8, 0.9, 0.95, 1, 1, 1.05, 1.1, 1.11, 1.2, 1.5, 2, 3, 10, d.Float64()*3)
}
