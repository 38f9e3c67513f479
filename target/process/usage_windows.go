package process

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/flyball-io/flyball/internal/clock"
)

// measurable is nil: this system shows what its processes use.
func measurable() error { return nil }

// run reads what the followed replicas use until ctx is done.
func (m *meter) run(ctx context.Context, clk clock.Clock) {
	for {
		subjects, pause := m.subjects()
		if readings, err := readJobs(clk.Now(), subjects); err != nil {
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

// readJobs takes a reading of each subject whose job is there.
func readJobs(now time.Time, subjects map[string]subject) (map[string]reading, error) {
	readings := make(map[string]reading, len(subjects))
	for id, s := range subjects {
		job, err := openJobObject(s.pid, s.identity)
		if err != nil {
			continue // it has ended
		}
		one, err := readJob(now, job)
		windows.CloseHandle(job)
		if err != nil {
			return nil, fmt.Errorf("read what process %d uses: %w", s.pid, err)
		}
		readings[id] = one
	}
	return readings, nil
}

func readJob(now time.Time, job windows.Handle) (reading, error) {
	use, err := accountingOf(job)
	if err != nil {
		return reading{}, err
	}
	pids, err := processesOf(job)
	if err != nil {
		return reading{}, err
	}
	one := reading{at: now, cpu: use.cpu()}
	for _, pid := range pids {
		one.rss += workingSet(pid)
	}
	return one, nil
}

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size, pageFaults                 uint32
	peakWorkingSet, workingSet       uintptr
	peakPagedPool, pagedPool         uintptr
	peakNonPagedPool, nonPagedPool   uintptr
	pagefileUsage, peakPagefileUsage uintptr
}

// workingSet is the resident memory of a process in bytes; 0 when it has ended
// meanwhile.
func workingSet(pid uint32) float64 {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0
	}
	defer windows.CloseHandle(process)
	counters := memoryCounters{}
	counters.size = uint32(unsafe.Sizeof(counters))
	read := windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")
	if done, _, _ := read.Call(uintptr(process), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size)); done == 0 {
		return 0
	}
	return float64(counters.workingSet)
}
