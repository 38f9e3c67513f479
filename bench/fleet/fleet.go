package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/queueing"
)

// fleet is all services and who decides for them.
type fleet struct {
	services []*service
	plans    []control.Plan
	curves   *queueing.Library
	workers  int
	before   uint64 // bytes without any decider
}

func newFleet(o options) (*fleet, error) {
	f := &fleet{workers: o.workers}
	for i := range o.targets {
		f.services = append(f.services, newService(uint64(i)))
	}
	f.before = held()
	plugins := builtin.New()
	f.curves = plugins.Curves
	for some := range slices.Chunk(f.services, 500) { // a file is 1 MB at most
		if err := f.load(some, o.more, plugins); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// load makes the deciders of some services, as a planner would get them.
func (f *fleet) load(services []*service, more string, plugins *builtin.Registry) error {
	var text strings.Builder
	for _, s := range services {
		text.WriteString("---" + s.document(more))
	}
	loader := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text.String())}
	docs, err := loader.Load([]string{"-"})
	if err != nil {
		return err
	}
	specs, err := app.NewSpecs(docs, plugins)
	if err != nil {
		return err
	}
	for i := range specs {
		plan, err := specs[i].Plan()
		if err != nil {
			return err
		}
		f.plans = append(f.plans, plan)
	}
	return nil
}

// held is what the garbage collector leaves.
func held() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// figures are of one decision of each target, or the sum of some.
type figures struct {
	wall, cpu    time.Duration
	allocations  uint64
	unknown, all int // decisions without an opinion
}

func (f *figures) add(g figures) {
	f.wall, f.cpu, f.allocations = f.wall+g.wall, f.cpu+g.cpu, f.allocations+g.allocations
	f.unknown, f.all = f.unknown+g.unknown, f.all+g.all
}

func (f figures) each(n int) figures {
	if n < 1 {
		return figures{}
	}
	d := time.Duration(n)
	return figures{f.wall / d, f.cpu / d, f.allocations / uint64(n), f.unknown / n, f.all / n}
}

// pass decides once for every target.
func (f *fleet) pass() figures {
	for _, s := range f.services {
		s.next()
	}
	runtime.GC()
	unknown := make([]int, f.workers)
	var from, to runtime.MemStats
	var working gosync.WaitGroup
	runtime.ReadMemStats(&from)
	begin, used := clock.System.Now(), processorTime()
	for w := range f.workers {
		working.Go(func() {
			for i := w; i < len(f.plans); i += f.workers {
				if f.plans[i].Decider.Decide(f.services[i].obs).NoData {
					unknown[w]++
				}
			}
		})
	}
	working.Wait()
	g := figures{wall: clock.System.Now().Sub(begin), cpu: processorTime() - used, all: len(f.plans)}
	runtime.ReadMemStats(&to)
	g.allocations = to.Mallocs - from.Mallocs
	for _, n := range unknown {
		g.unknown += n
	}
	return g
}

func (f *fleet) row(what string, g figures) {
	n := max(1, g.all)
	all := held() - f.before
	fmt.Printf("| %s | %.1f ms | %.1f ms | %.1f µs | %.3f | %d | %.0f MB | %.0f MB | %.1f kB |\n", what,
		milliseconds(g.wall), milliseconds(g.cpu), milliseconds(g.cpu)*1e3/float64(n), float64(g.allocations)/float64(n), g.unknown,
		float64(all)/1e6, float64(f.curves.Bytes())/1e6, float64(all)/1e3/float64(len(f.plans)))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

// snapshots takes one of every hundredth target.
func (f *fleet) snapshots() error {
	bytes, n, used := 0, 0, processorTime()
	for i := 0; i < len(f.plans); i += 100 {
		data, err := f.plans[i].Snapshot()
		if err != nil {
			return err
		}
		bytes, n = bytes+len(data), n+1
	}
	took := processorTime() - used
	fmt.Printf("\nsnapshot: %.1f kB, %.2f ms of processor time each (mean of %d)\n", float64(bytes)/1e3/float64(n), milliseconds(took)/float64(n), n)
	return nil
}
