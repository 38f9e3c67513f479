package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Times of a stream. A comment goes out every heartbeat so that both ends and
// every proxy between them notice a dead connection; a client that does not
// take what is written within the patience is dropped.
const (
	heartbeat = 10 * time.Second
	patience  = 15 * time.Second
)

// serveStream sends events as they happen, after the ID in Last-Event-ID or
// ?after=, else from now on.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("target")
	if name != "" && !s.known(name) {
		s.refuseTarget(w, name)
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "%d streams are open already, at most %d", maxStreams, maxStreams)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	st := &stream{server: s, out: http.NewResponseController(w), w: w, target: name, points: map[string]float64{}}
	if err := st.run(r.Context(), resumeFrom(r)); err != nil {
		s.log.Debug("stream ended", slog.String("target", name), slog.Any("error", err))
	}
}

func resumeFrom(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("after")
}

// stream is one client that watches.
type stream struct {
	server  *Server
	w       http.ResponseWriter
	out     *http.ResponseController
	target  string // empty: all
	seen    int64  // ID of the newest event sent
	version int64  // of the replicas sent
	// points are the seconds of those sent last, by target.
	points map[string]float64
}

var (
	errLagging = errors.New("client is too slow")
	errRevoked = errors.New("its token is gone")
)

func (st *stream) run(ctx context.Context, resume string) error {
	ticker := st.server.opts.Wall.NewTicker(heartbeat)
	defer ticker.Stop()
	if err := st.start(resume); err != nil {
		return err
	}
	for {
		admitted, renewed := st.server.door.admits(ctx)
		if !admitted {
			return errRevoked
		}
		events, changed, ok := st.server.events.after(st.seen)
		if !ok {
			return errLagging // it reconnects and is told to start over
		}
		if err := st.send(events); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-st.server.stopped:
			return nil
		case <-changed:
		case <-renewed:
		case <-ticker.C:
			if err := st.write(": still here\n\n"); err != nil {
				return err
			}
		}
	}
}

// start greets the client and finds where it resumes.
func (st *stream) start(resume string) error {
	log := st.server.events
	newest := log.last()
	st.seen, _ = log.parse(newest)
	greeting := fmt.Sprintf("retry: 2000\nid: %s\n\n", newest)
	if resume == "" {
		return st.write(greeting)
	}
	if id, ok := log.parse(resume); ok {
		if _, _, kept := log.after(id); kept {
			st.seen = id
			return st.write("retry: 2000\n\n")
		}
	}
	return st.write(fmt.Sprintf("retry: 2000\nid: %s\nevent: %s\ndata: {}\n\n", newest, eventReset))
}

// send writes the events that concern the client, and the replicas when they
// changed: of these only the newest matter, so they are no part of the log.
func (st *stream) send(events []event) error {
	gap := st.gap()
	for _, e := range events {
		st.seen = e.id
		if st.target != "" && e.target != "" && e.target != st.target || gap > 0 && st.tooSoon(e, gap) {
			continue
		}
		if err := st.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", st.server.events.format(e.id), e.kind, e.data)); err != nil {
			return err
		}
	}
	if st.target == "" {
		return nil
	}
	view, version, ok := st.server.replicasOf(st.target)
	if !ok || version == st.version {
		return nil
	}
	st.version = version
	data, err := json.Marshal(map[string]any{"target": st.target, "data": view})
	if err != nil {
		return err
	}
	return st.write(fmt.Sprintf("event: %s\ndata: %s\n\n", eventReplicas, data))
}

// pointsPerSecond is how many points of a target a page can draw.
const pointsPerSecond = 60

// gap is the least time between two points of a target: there is one in a
// stream of many, and where time runs faster than a page can draw.
func (st *stream) gap() time.Duration {
	gap := time.Duration(0)
	if st.target == "" && st.server.events.crowded() {
		gap = thinTime
	}
	if simulated := st.server.opts.Simulation; simulated != nil && simulated.Speed > pointsPerSecond {
		gap = max(gap, time.Duration(simulated.Speed/pointsPerSecond*float64(time.Second)))
	}
	return gap
}

// tooSoon reports whether an event is a point that follows the last one of its
// target more closely than gap.
func (st *stream) tooSoon(e event, gap time.Duration) bool {
	if e.kind != eventPoint {
		return false
	}
	if last, sent := st.points[e.target]; sent && e.second < last+gap.Seconds() {
		return true
	}
	st.points[e.target] = e.second
	return false
}

func (st *stream) write(text string) error {
	deadline := st.server.opts.Wall.Now().Add(patience)
	if err := st.out.SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := st.w.Write([]byte(text)); err != nil {
		return err
	}
	return st.out.Flush()
}

func (s *Server) replicasOf(name string) (replicasEvent, int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, known := s.targets[name]
	if !known {
		return replicasEvent{}, 0, false
	}
	return replicasEvent{Replicas: h.replicas, Conditions: h.conditions()}, h.version, true
}
