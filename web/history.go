package web

import (
	"slices"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/target"
)

// Where faults come from that are not a source's.
const (
	targetFault   = "target"   // its status cannot be read
	executorFault = "executor" // the decided count cannot be applied
)

// FaultView is something that could not be read or done, since when.
type FaultView struct {
	From     string  `json:"from"` // "target", "executor", "bus" or the name of a source
	Error    string  `json:"error"`
	Since    float64 `json:"since"` // Unix seconds
	Resolved bool    `json:"resolved,omitempty"`
}

// history is everything remembered of one target. Its owner locks.
type history struct {
	name      string
	info      TargetInfo
	room      room
	points    []Point        // oldest first
	desired   Number         // as decided last
	wishes    map[string]int // of the shadows, as decided last; never changed
	decisions []DecisionView
	recent    []record.Decided // the newest, whole
	advice    []EventView      // of the day, oldest first, without the words
	hand      hand
	loaded    bool            // whether what the record knows was added
	heard     bool            // whether there was a report
	early     *record.Applied // came before its decision
	keeper    *keeper         // nil: no objective
	faults    []FaultView
	replicas  []ReplicaView
	status    *target.Status
	reportAt  time.Time
	version   int64 // grows when replicas or conditions change
}

func newHistory(name string) *history {
	return &history{name: name, desired: Unknown(), room: roomFor(1)}
}

func (h *history) configure(info TargetInfo, now time.Time) {
	info.Shadows = slices.Clone(info.Shadows)
	if info.Objective == nil {
		h.keeper = nil
	} else if h.keeper == nil || h.keeper.objective != *info.Objective {
		h.keeper = newKeeper(*info.Objective)
	}
	h.info = info
	h.hand.set(info.Mode, info.Override, now)
}

func (h *history) addReport(r control.Report) {
	h.heard = true
	if r.At.After(h.reportAt) {
		h.reportAt = r.At
	}
	if r.Status != nil {
		h.status = r.Status
		h.replicas = viewReplicas(r, h.replicas)
		h.version++
	}
	if h.keeper != nil {
		h.keeper.add(r)
	}
	h.pointAt(r.At).measure(r)
}

// pointAt returns the point of at's second, the newest one or a new one after
// it. A report from the past lands in the newest: series never go back.
func (h *history) pointAt(at time.Time) *Point {
	fresh := unmeasured(at)
	fresh.Desired, fresh.Shadows = h.desired, h.wishes
	if n := len(h.points); n > 0 && h.points[n-1].T >= fresh.T {
		return &h.points[n-1]
	}
	h.points = append(bound(h.points, h.room.points), fresh)
	return &h.points[len(h.points)-1]
}

// pointsBetween returns the points from since on and before until, oldest
// first. A zero time is no bound.
func (h *history) pointsBetween(since, until time.Time) []Point {
	from, to := h.firstPointAt(since), len(h.points)
	if !until.IsZero() {
		to = max(from, h.firstPointAt(until))
	}
	return slices.Clone(h.points[from:to])
}

func (h *history) firstPointAt(t time.Time) int {
	i, _ := slices.BinarySearchFunc(h.points, unix(t), func(p Point, t float64) int {
		if p.T < t {
			return -1
		}
		return 1
	})
	return i
}

func (h *history) objectiveStatus(now time.Time) *ObjectiveStatus {
	if h.keeper == nil {
		return nil
	}
	return h.keeper.status(now)
}

// updateFaults returns the faults that began, changed or ended with a report.
func (h *history) updateFaults(r control.Report) []FaultView {
	var news []FaultView
	for _, f := range r.Faults {
		if view, changed := h.raiseFault(f.From, f.Error, r.At); changed {
			news = append(news, view)
		}
	}
	for _, old := range slices.Clone(h.faults) {
		if lasts(old, r) {
			continue
		}
		if view, cleared := h.clearFault(old.From); cleared {
			news = append(news, view)
		}
	}
	return news
}

// lasts reports whether a fault goes on after a report: the target is well
// again once its status was read, a source once samples came without it
// failing. A report of the target alone says nothing of sources.
func lasts(f FaultView, r control.Report) bool {
	if slices.ContainsFunc(r.Faults, func(again control.Fault) bool { return again.From == f.From }) {
		return true
	}
	switch f.From {
	case executorFault, BusFault: // who raised it says when it is over
		return true
	case targetFault:
		return r.Status == nil
	default:
		return len(r.Samples) == 0
	}
}

// raiseFault remembers a fault since its first occurrence, with its newest
// words; changed reports whether there is anything new to tell.
func (h *history) raiseFault(from, text string, at time.Time) (view FaultView, changed bool) {
	for i := range h.faults {
		if f := &h.faults[i]; f.From == from {
			changed, f.Error = f.Error != text, text
			return *f, changed
		}
	}
	view = FaultView{From: from, Error: text, Since: unix(at)}
	h.faults = append(h.faults, view)
	return view, true
}

// executed notes whether the newest change could be made.
func (h *history) executed(a record.Applied) (view FaultView, changed bool) {
	if a.Error == "" {
		return h.clearFault(executorFault)
	}
	return h.raiseFault(executorFault, a.Error, a.At)
}

func (h *history) clearFault(from string) (was FaultView, cleared bool) {
	for i, f := range h.faults {
		if f.From == from {
			h.faults = slices.Delete(h.faults, i, i+1)
			f.Resolved = true
			return f, true
		}
	}
	return FaultView{}, false
}
