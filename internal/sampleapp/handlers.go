package sampleapp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// Mode is how the service misbehaves.
type Mode string

// Modes of the service.
const (
	OK      Mode = "ok"
	Hang    Mode = "hang"    // requests and health checks get no answer
	Error   Mode = "error"   // every request is answered with 500
	Unready Mode = "unready" // requests are served, the health check says 503
	Crash   Mode = "crash"   // the service ends at once with an error
)

var modes = []Mode{OK, Hang, Error, Unready, Crash}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", a.counted(a.answer))
	mux.Handle("/stream", a.counted(a.stream))
	mux.HandleFunc("/ws", a.echo)
	mux.HandleFunc("/healthz", a.health)
	mux.HandleFunc("/metrics", a.metrics.serve)
	mux.HandleFunc("POST /fail", a.fail)
	return a.leavingSaid(mux)
}

// leavingSaid ends each connection with its next answer once the service was
// asked to stop: who keeps connections must not find them closed later.
func (a *app) leavingSaid(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// starting is true for the StartupDelay when the port was opened at once.
func (a *app) starting() bool { return a.clock.Now().Before(a.readyAt) }

// counted serves a request in one of the slots and counts it.
func (a *app) counted(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.clock.Now()
		a.metrics.inFlight.Add(1)
		defer a.metrics.inFlight.Add(-1)
		rec := &recorder{ResponseWriter: w}
		defer func() { a.metrics.observe(rec.code(), a.clock.Now().Sub(start)) }()
		w.Header().Set("X-Replica", a.cfg.Replica)
		switch {
		case a.starting():
			http.Error(rec, "starting", http.StatusServiceUnavailable)
			return
		case a.mode.Load() == Hang:
			<-r.Context().Done()
			rec.status = statusClientGone
			return
		case a.mode.Load() == Error || a.dice.fails(a.cfg.FailRate):
			http.Error(rec, "told to fail", http.StatusInternalServerError)
			return
		}
		serve(rec, r)
	})
}

// inSlot calls serve while holding a slot; false when the client left before
// one was free.
func (a *app) inSlot(r *http.Request, serve func()) bool {
	select {
	case a.slots <- struct{}{}:
	case <-r.Context().Done():
		return false
	}
	a.metrics.busy.Add(1)
	defer func() {
		a.metrics.busy.Add(-1)
		<-a.slots
	}()
	serve()
	return true
}

// answer reads the body, works for one service time and says who it was.
func (a *app) answer(w http.ResponseWriter, r *http.Request) {
	n, err := discard(r)
	if err != nil {
		http.Error(w, "body: "+err.Error(), http.StatusBadRequest)
		return
	}
	service := a.dice.serviceTime()
	done := false
	a.inSlot(r, func() { done = sleep(r.Context(), a.clock, service) })
	if !done {
		w.WriteHeader(statusClientGone)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"replica\":%q,\"path\":%q,\"bodyBytes\":%d,\"serviceSeconds\":%.6f}\n",
		a.cfg.Replica, r.URL.Path, n, service.Seconds())
}

// stream sends chunks server-sent events, one per interval, holding a slot
// all the while. The last one is named "end".
func (a *app) stream(w http.ResponseWriter, r *http.Request) {
	chunks, interval, err := streamShape(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	done := a.inSlot(r, func() {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		for i := range chunks {
			if i > 0 && !sleep(r.Context(), a.clock, interval) {
				return
			}
			fmt.Fprintf(w, "data: %s %d\n\n", a.cfg.Replica, i+1)
			if http.NewResponseController(w).Flush() != nil {
				return // the client has left
			}
		}
		fmt.Fprintf(w, "event: end\ndata: %d\n\n", chunks)
	})
	if !done {
		w.WriteHeader(statusClientGone)
	}
}

func streamShape(r *http.Request) (chunks int, interval time.Duration, err error) {
	chunks, interval = 10, 100*time.Millisecond
	if text := r.URL.Query().Get("chunks"); text != "" {
		if chunks, err = strconv.Atoi(text); err != nil || chunks < 1 || chunks > 1e6 {
			return 0, 0, fmt.Errorf("chunks: must be a number from 1 to 1000000, got %q", text)
		}
	}
	if text := r.URL.Query().Get("interval"); text != "" {
		if interval, err = time.ParseDuration(text); err != nil || interval < 0 {
			return 0, 0, fmt.Errorf("interval: must be a duration such as 100ms, got %q", text)
		}
	}
	return chunks, interval, nil
}

// echo sends every WebSocket message back until either side is done.
func (a *app) echo(w http.ResponseWriter, r *http.Request) {
	a.sockets.Add(1)
	defer a.sockets.Done()
	w.Header().Set("X-Replica", a.cfg.Replica)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered.
	}
	ctx, cancel := context.WithCancel(a.closing)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		<-ctx.Done()
		_ = conn.Close(websocket.StatusGoingAway, "shutting down") // closed already is fine
	}()
	defer func() {
		cancel()
		<-closed
	}()
	for {
		kind, data, err := conn.Read(r.Context())
		if err != nil {
			break
		}
		if err := conn.Write(r.Context(), kind, data); err != nil {
			break
		}
	}
}

func (a *app) health(w http.ResponseWriter, r *http.Request) {
	mode := a.mode.Load()
	switch {
	case mode == Hang:
		<-r.Context().Done()
	case mode == Unready || a.starting() || a.leaving.Load():
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ok")
	}
}

// fail changes the mode.
func (a *app) fail(w http.ResponseWriter, r *http.Request) {
	mode := Mode(r.URL.Query().Get("mode"))
	if !slices.Contains(modes, mode) {
		http.Error(w, fmt.Sprintf("mode: must be one of %s, got %q", list(modes), mode), http.StatusBadRequest)
		return
	}
	a.mode.Store(mode)
	a.log.Info("mode changed", slog.String("mode", string(mode)))
	w.WriteHeader(http.StatusNoContent)
	if mode == Crash {
		_ = http.NewResponseController(w).Flush() // so that who asked hears the answer, if still there
		a.crashNow()
	}
}
