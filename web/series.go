package web

import (
	"math"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/record"
)

// maxSent is how many points one answer holds at most.
const maxSent = 5000

// Where the points of a series come from.
const (
	fromMemory = "memory"
	fromRecord = "record"
)

// SeriesAnswer is what was measured in a window, oldest first.
type SeriesAnswer struct {
	Target string  `json:"target"`
	Step   float64 `json:"step"` // seconds that a point stands for
	Source string  `json:"source" jsonschema:"enum=memory,enum=record"`
	Points []Point `json:"points"`
}

// seriesQuery says which points are wanted.
type seriesQuery struct {
	since, until time.Time     // zero: no bound
	step         time.Duration // 0: as fine as is sent
}

func (s *Server) serveSeries(w http.ResponseWriter, r *http.Request) {
	q := seriesQuery{}
	var err error
	if q.since, q.until, err = windowParams(r, "since", "until"); err == nil {
		q.step, err = stepParam(r)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	name := r.PathValue("name")
	var points []Point
	now := s.opts.Clock.Now()
	enough, known := false, false
	s.withHistory(name, func(h *history) {
		known, enough = true, s.opts.Store == nil || h.covers(q.since, now)
		if enough {
			points = h.pointsBetween(q.since, q.until)
		}
	})
	switch {
	case !known:
		s.refuseTarget(w, name)
	case enough:
		step := q.stepFor(points)
		answer(w, SeriesAnswer{name, step.Seconds(), fromMemory, append([]Point{}, downsample(points, step)...)})
	default:
		s.serveRecordedSeries(w, r, q)
	}
}

// covers reports whether everything known since a time is in memory.
func (h *history) covers(since, now time.Time) bool {
	if since.IsZero() || !since.Before(now.Add(-h.room.span())) {
		return true
	}
	return len(h.points) > 0 && h.points[0].T <= unix(since)
}

// stepFor is the step that keeps the points of memory few enough.
func (q *seriesQuery) stepFor(points []Point) time.Duration {
	if len(points) == 0 {
		return niceStep(q.step, 0)
	}
	return niceStep(q.step, time.Duration(points[len(points)-1].T-points[0].T+1)*time.Second)
}

// niceStep returns the least step, not below the one asked for, that cuts a
// window into no more points than are sent.
func niceStep(asked, window time.Duration) time.Duration {
	least := max(asked, time.Second)
	// One point may be cut in two by the window's ends.
	if window <= least*(maxSent-1) {
		return least
	}
	for _, step := range niceSteps {
		if step >= least && window <= step*(maxSent-1) {
			return step
		}
	}
	days := math.Ceil(window.Hours() / 24 / (maxSent - 1))
	return max(asked, time.Duration(days)*24*time.Hour)
}

var niceSteps = []time.Duration{
	2 * time.Second, 3 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// serveRecordedSeries answers from the record: a point for each decision.
func (s *Server) serveRecordedSeries(w http.ResponseWriter, r *http.Request, q seriesQuery) {
	points, step, err := s.recordedSeries(r, q)
	if err != nil {
		s.refuseRecord(w, err)
		return
	}
	answer(w, SeriesAnswer{r.PathValue("name"), step.Seconds(), fromRecord, points})
}

func (s *Server) recordedSeries(r *http.Request, q seriesQuery) ([]Point, time.Duration, error) {
	ctx, done, err := s.reading(r.Context())
	if err != nil {
		return nil, 0, err
	}
	defer done()
	past := record.Query{Target: r.PathValue("name"), Kind: record.DecidedKind, From: q.since, To: q.until, Brief: true, OldestFirst: true}
	merged := &merger{points: []Point{}}
	err = s.walk(ctx, past, func(e record.Entry) bool {
		if merged.step == 0 { // the first there is, which may be long after since
			merged.step = niceStep(q.step, q.end(s.opts.Clock.Now()).Sub(e.At))
		}
		merged.add(recordedPoint(e.Decided))
		return true
	})
	merged.flush()
	if merged.step == 0 {
		merged.step = niceStep(q.step, 0)
	}
	return merged.points, merged.step, err
}

// end is where the window ends.
func (q *seriesQuery) end(now time.Time) time.Time {
	if q.until.IsZero() || q.until.After(now) {
		return now
	}
	return q.until
}

// merger downsamples points as they come, oldest first.
type merger struct {
	step   time.Duration
	points []Point
	slot   float64
	open   []Point // of the slot that is not full yet
}

func (m *merger) add(p Point) {
	slot := math.Floor(p.T / m.step.Seconds())
	if slot != m.slot {
		m.flush()
	}
	m.slot = slot
	m.open = append(m.open, p)
}

func (m *merger) flush() {
	if len(m.open) > 0 {
		m.points = append(m.points, mergePoints(m.open))
	}
	m.open = m.open[:0]
}
