package neural

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Team runs the parts of a job on as many goroutines as GOMAXPROCS allows, which
// have ended when Run returns. Results that are kept part by part, and put
// together in the order of parts, do not depend on how many goroutines there were.
type Team struct {
	work    func(worker, part int)
	workers []func() // of the goroutines besides the caller
	parts   int
	next    atomic.Int64
	group   sync.WaitGroup
}

// NewTeam is a team for one kind of work. Workers are counted from 0, so that
// each may have memory of its own; two calls with one worker never overlap.
func NewTeam(work func(worker, part int)) *Team { return &Team{work: work} }

// Run calls work for each part from 0 to parts−1 and returns when all are done.
// One goroutine calls it. In steady state it allocates nothing.
func (t *Team) Run(parts int) { t.run(parts, runtime.GOMAXPROCS(0)) }

// run is Run with at most so many workers.
func (t *Team) run(parts, workers int) {
	helpers := min(workers, parts) - 1
	for len(t.workers) < helpers {
		worker := len(t.workers) + 1
		t.workers = append(t.workers, func() { defer t.group.Done(); t.take(worker) })
	}
	t.parts = parts
	t.next.Store(0)
	t.group.Add(max(0, helpers))
	for worker := range helpers {
		go t.workers[worker]()
	}
	t.take(0)
	t.group.Wait()
}

// take does parts until none is left.
func (t *Team) take(worker int) {
	for {
		part := int(t.next.Add(1)) - 1
		if part >= t.parts {
			return
		}
		t.work(worker, part)
	}
}
