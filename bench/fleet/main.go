// Command fleet measures what a controller of many targets takes: the time to
// decide for all of them, memory, and what a snapshot costs. Deciders are those
// that documents make, with all guards; what they see is made beforehand, so
// that nothing but deciding is measured. Time is processor time (user and
// system) of the whole process, which other work on the machine disturbs little.
//
//	go run ./bench/fleet [-targets 10000] [-passes 20] [-spec '  policy: {hpa: {}}']
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
)

func main() {
	o := options{}
	flag.IntVar(&o.targets, "targets", 10_000, "how many services")
	flag.IntVar(&o.passes, "passes", 20, "decisions of each that are measured")
	flag.IntVar(&o.warm, "warm", 60, "decisions of each before that")
	flag.IntVar(&o.workers, "workers", 2, "goroutines that decide")
	flag.StringVar(&o.more, "spec", "  policy: {predictive: {}}\n", "more lines of the document's spec")
	flag.StringVar(&o.profile, "cpuprofile", "", "file for a profile of the measured passes")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/fleet:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	targets, passes, warm, workers int
	more, profile                  string
}

// run prints a line for each figure.
func run(o options) error {
	f, err := newFleet(o)
	if err != nil {
		return err
	}
	fmt.Println("| | wall | CPU | CPU each | allocations each | without opinion | memory | of it curves | memory each |\n|---|---|---|---|---|---|---|---|---|")
	f.row("built from documents", figures{})
	for i := range min(o.warm, 5) {
		f.row(fmt.Sprintf("decision %d", i+1), f.pass())
	}
	var warm figures
	for range max(0, o.warm-5) {
		warm.add(f.pass())
	}
	f.row(fmt.Sprintf("decisions 6 to %d, each", o.warm), warm.each(o.warm-5))
	stop, err := profiled(o.profile)
	if err != nil {
		return err
	}
	var steady figures
	for range o.passes {
		steady.add(f.pass())
	}
	stop()
	f.row(fmt.Sprintf("steady state, each of %d", o.passes), steady.each(o.passes))
	return f.snapshots()
}

func profiled(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return pprof.StopCPUProfile, pprof.StartCPUProfile(file)
}
