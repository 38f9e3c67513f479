package vertical

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/series"
)

// Bounds of the histograms: buckets from 0.01 cores and 10 MB on, each 5 % wider
// than the one before.
const growth = 0.05

func buckets(r Resource) series.Buckets {
	if r == CPU {
		return series.NewBuckets(0.01, 1000, growth)
	}
	return series.NewBuckets(1e7, 1e12, growth)
}

// Weights of samples. All CPU samples weigh the same.
const cpuWeight, memoryWeight = 0.1, 1.0

// history is what all containers of one name have used.
type history struct {
	Usage   [2]*series.Decaying `json:"usage"`          // CPU in cores, peaks of memory in bytes
	First   time.Time           `json:"first,omitzero"` // of the CPU samples
	Last    time.Time           `json:"last,omitzero"`
	Samples int                 `json:"samples"` // of CPU
	Created time.Time           `json:"created"`
	// OOMs are the peaks that nobody used: what a container is taken to need that
	// ran out of memory.
	OOMs []peak `json:"ooms,omitempty"`
}

// peak is the highest memory of a container in the interval that ends at End.
type peak struct {
	Bytes Amount    `json:"bytes"`
	End   time.Time `json:"end"`
}

func newHistory(m *Model, at time.Time) *history {
	h := &history{Created: at}
	for _, r := range Resources() {
		h.Usage[r] = series.NewDecaying(buckets(r), m.Resources[r].HalfLife)
	}
	return h
}

func (h *history) addCPU(used Amount, at time.Time) {
	h.Usage[CPU].Add(CPU.Value(used), cpuWeight, at)
	if at.After(h.Last) {
		h.Last = at
	}
	if h.First.IsZero() || at.Before(h.First) {
		h.First = at
	}
	h.Samples++
}

func (h *history) addPeak(p peak, oom bool) {
	h.Usage[Memory].Add(float64(p.Bytes), memoryWeight, p.End)
	if oom {
		h.OOMs = append(h.OOMs, p)
	}
}

func (h *history) takeBack(p peak) {
	h.Usage[Memory].Subtract(float64(p.Bytes), memoryWeight, p.End)
	if i := slices.Index(h.OOMs, p); i >= 0 {
		h.OOMs = slices.Delete(h.OOMs, i, i+1)
	}
}

// isOver reports that nothing was seen for longer than the history.
func (h *history) isOver(m *Model, at time.Time) bool {
	last := h.Last
	if h.Samples == 0 {
		last = h.Created
	}
	return at.Sub(last) >= m.history()
}

// instance is one container of one replica.
type instance struct {
	LastCPU    time.Time `json:"lastCpu,omitzero"`
	LastMemory time.Time `json:"lastMemory,omitzero"`
	// End of the interval whose highest memory is looked for, and what it is: by
	// use, and by what it is taken to need since it ran out.
	End  time.Time `json:"end,omitzero"`
	Used Amount    `json:"used,omitempty"`
	OOM  Amount    `json:"oom,omitempty"`
	Seen time.Time `json:"seen"`
}

// addMemory counts what a container used, or is taken to need since it ran out
// of memory. Of each interval the highest counts once, dated with its end: a
// higher one takes the place of the one before.
func (i *instance) addMemory(h *history, m *Model, used Amount, at time.Time, oom bool) bool {
	if !oom && at.Before(i.LastMemory) {
		return false
	}
	i.LastMemory = at
	if i.End.IsZero() {
		i.End = at
	}
	if at.Before(i.End) {
		highest := max(i.Used, i.OOM)
		if highest == 0 || used <= highest {
			return true
		}
		h.takeBack(peak{highest, i.End})
	} else {
		i.End = i.End.Add(at.Sub(i.End).Truncate(m.PeakInterval) + m.PeakInterval)
		i.Used, i.OOM = 0, 0
	}
	h.addPeak(peak{used, i.End}, oom)
	if oom {
		i.OOM = used
	} else {
		i.Used = used
	}
	return true
}

// needed is what a container is taken to need that ran out of memory: more than
// it had asked for, and than it was seen to use.
func (i *instance) needed(m *Model, requested Amount) Amount {
	had := max(requested, i.Used)
	return max(had+m.OOMLeast, had.times(m.OOMRatio))
}
