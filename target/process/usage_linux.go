package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// tick is the unit in which the kernel tells CPU times, on every machine that
// Go knows.
const tick = time.Second / 100

// measurable is nil: this system shows what its processes use.
func measurable() error { return nil }

// run reads what the followed replicas use until ctx is done.
func (m *meter) run(ctx context.Context, clk clock.Clock) {
	s := sampler{tallies: map[string]*tally{}, procfs: m.procfs}
	for {
		subjects, pause := m.subjects()
		if readings, err := s.read(clk.Now(), subjects); err != nil {
			m.fail(err)
		} else {
			m.add(readings)
		}
		select {
		case <-clk.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// sampler reads the table of processes again and again.
type sampler struct {
	procfs  string
	tallies map[string]*tally // by replica
}

// tally adds up what a replica has used.
type tally struct {
	identity string
	seen     table
	ticks    int64
	missing  int64 // ticks that were not in the sum at the last look
	disk     diskTally
	network  networkTally
}

// table holds the processes of one replica as they were seen at one moment.
type table map[processID]stat

// processID tells a process from a later one with the same number.
type processID struct {
	pid   int
	start string
}

// read takes a reading of each subject whose first process is there.
func (s *sampler) read(now time.Time, subjects map[string]subject) (map[string]reading, error) {
	if len(subjects) == 0 {
		clear(s.tallies)
		return nil, nil
	}
	leaders := make(map[int]bool, len(subjects))
	for _, sub := range subjects {
		leaders[sub.pid] = true
	}
	all, err := s.processes(leaders)
	if err != nil {
		return nil, err
	}
	families := familiesOf(all, leaders)
	networks := namespaces(s.procfs, families)
	readings := make(map[string]reading, len(subjects))
	tallies := make(map[string]*tally, len(subjects))
	for id, sub := range subjects {
		if !strings.HasSuffix(sub.identity, "/"+all[sub.pid].start) {
			continue // it has ended
		}
		t := s.tallies[id]
		if t == nil || t.identity != sub.identity {
			t = &tally{identity: sub.identity, seen: families[sub.pid]}
		}
		t.grow(families[sub.pid])
		tallies[id] = t
		readings[id] = reading{at: now, cpu: time.Duration(t.ticks) * tick, rss: t.seen.rss(),
			disk: t.disk.read(s.procfs, families[sub.pid]), network: t.network.read(s.procfs, networks[sub.pid])}
	}
	s.tallies = tallies
	return readings, nil
}

// processes reads every process. One that has ended meanwhile or may not be
// seen is left out, but leaders are ours and must be readable.
func (s *sampler) processes(leaders map[int]bool) (map[int]stat, error) {
	pids, err := pidsIn(s.procfs)
	if err != nil {
		return nil, fmt.Errorf("read the table of processes: %w", err)
	}
	all := make(map[int]stat, len(pids))
	for _, pid := range pids {
		one, err := readStatIn(s.procfs, pid)
		switch {
		case err == nil:
			all[pid] = one
		case leaders[pid] && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH):
			return nil, fmt.Errorf("read what process %d uses: %w", pid, err)
		}
	}
	return all, nil
}

// familiesOf sorts processes by the leader they belong to: that of their
// group or else, since a worker may have made a group of its own, that of
// their parent.
func familiesOf(all map[int]stat, leaders map[int]bool) map[int]table {
	families := make(map[int]table, len(leaders))
	for pid, one := range all {
		leader := leaderOf(pid, all, leaders)
		if leader == 0 {
			continue
		}
		if families[leader] == nil {
			families[leader] = table{}
		}
		families[leader][processID{pid, one.start}] = one
	}
	return families
}

// leaderOf is the leader a process belongs to; 0 when it is of no replica.
func leaderOf(pid int, all map[int]stat, leaders map[int]bool) int {
	// The table was not read at one moment, so a line of parents may run in a
	// circle; none is longer than the table.
	for range len(all) {
		one, known := all[pid]
		switch {
		case !known:
			return 0
		case leaders[one.group]:
			return one.group
		}
		pid = one.parent
	}
	return 0
}

// grow adds what the family has used since the last look.
//
// The time of a process that has ended moves to the parent that waits for it.
// So the family's sum, own and reaped, grows by exactly what was used, unless
// the parent is not of the family or does not wait: then the sum falls short,
// and what the living have used is what is known. Time that is missing because
// the parent was read just before it waited is back in the sum at the next
// look; it was counted already and is not counted twice.
func (t *tally) grow(now table) {
	var living, sum int64
	for id, p := range now {
		living += p.own - t.seen[id].own
		sum += p.own + p.reaped
	}
	for _, p := range t.seen {
		sum -= p.own + p.reaped
	}
	t.ticks += max(living, sum-t.missing, 0)
	t.missing = max(living-sum, 0)
	t.seen = now
}

// rss is the resident memory in bytes.
func (t table) rss() float64 {
	var pages int64
	for _, p := range t {
		pages += p.rss
	}
	return float64(pages) * float64(os.Getpagesize())
}
