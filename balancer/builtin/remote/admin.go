package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/flyball-io/flyball/balancer"
)

// errHandedOver is the answer of a process that has a successor.
var errHandedOver = errors.New("this proxy has handed over to its successor")

// api is what a process does for who speaks to one of its sockets. What comes
// over the public one after a hand-over is turned away; the other one serves
// the successor, as long as this process has requests.
type api struct {
	*process
	public bool
}

func (a api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/info", a.serveInfo)
	mux.HandleFunc("GET /v1/backends", a.serveBackends)
	mux.HandleFunc("PUT /v1/backends", a.serveSetBackends)
	mux.HandleFunc("POST /v1/leave", a.serveLeave)
	mux.HandleFunc("POST /v1/drain", a.serveDrain)
	mux.HandleFunc("GET /v1/samples", a.serveSamples)
	mux.HandleFunc("POST /v1/upgrade", a.serveUpgrade)
	mux.HandleFunc("POST /v1/shutdown", a.serveShutdown)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit+1)
		mux.ServeHTTP(w, r)
	})
}

// moved is errHandedOver where a successor is to be asked. It takes no turn:
// the hand-over itself asks.
func (a api) moved() error {
	if a.public && a.turned.Load() {
		return errHandedOver
	}
	return nil
}

// inTurn keeps changes and hand-overs apart, so that a successor starts with
// every change that was made.
func (a api) inTurn(change func() error) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.moved(); err != nil {
		return err
	}
	return change()
}

func (a api) serveInfo(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, a.info(), a.moved())
}

func (a api) serveBackends(w http.ResponseWriter, r *http.Request) {
	list, err := a.backends(r.Context())
	a.reply(w, list, cmp.Or(a.moved(), err))
}

func (a api) serveSetBackends(w http.ResponseWriter, r *http.Request) {
	var list []balancer.Backend
	if err := decode(r.Body, &list); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if err := checkBackends(list); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	a.reply(w, nil, a.inTurn(func() error { return a.setBackends(r.Context(), list) }))
}

func (a api) serveLeave(w http.ResponseWriter, r *http.Request) {
	var in drainRequest
	if err := decode(r.Body, &in); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	a.reply(w, nil, a.inTurn(func() error { return a.leave(r.Context(), in.ID) }))
}

func (a api) serveDrain(w http.ResponseWriter, r *http.Request) {
	var in drainRequest
	if err := decode(r.Body, &in); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	err := a.inTurn(func() error { return a.proxy.Leave(r.Context(), in.ID) })
	if err == nil {
		err = a.drain(r.Context(), in.ID)
	}
	a.reply(w, nil, err)
}

func (a api) serveSamples(w http.ResponseWriter, r *http.Request) {
	samples, err := a.collect(r.Context())
	a.reply(w, samples, cmp.Or(a.moved(), err))
}

func (a api) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	var u Upgrade
	if err := decode(r.Body, &u); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	var info Info
	err := a.inTurn(func() (err error) {
		info, err = a.upgrade(r.Context(), u)
		return err
	})
	a.reply(w, info, err)
}

// serveShutdown answers once no request is in progress.
func (a api) serveShutdown(w http.ResponseWriter, r *http.Request) {
	a.opts.Log.Info("proxy is told to end")
	a.stop()
	select {
	case <-a.quiet:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

// reply answers a call with its result, which may be nil, or its error.
func (a api) reply(w http.ResponseWriter, result any, err error) {
	switch {
	case err == nil && result == nil:
		w.WriteHeader(http.StatusNoContent)
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result) // a caller that is gone needs no answer
	case errors.Is(err, errHandedOver):
		refuse(w, http.StatusMisdirectedRequest, err)
	case errors.Is(err, context.Canceled): // nobody reads an answer
	default:
		a.opts.Log.Warn("admin call did not succeed", slog.Any("error", err))
		refuse(w, http.StatusInternalServerError, err)
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(fault{Error: err.Error()}) // as above
}
