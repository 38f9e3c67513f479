package web

import (
	"net/http"
	"net/http/pprof"
)

// profilePath is where profiles of this process are.
const profilePath = "/debug/pprof/"

// profile serves profiles to who has a token. Without tokens there are none, also
// on a loopback address: a profile of the heap holds what is secret to every user
// of the machine, and one of the processor slows the loop down.
func (s *Server) profile(mux *http.ServeMux) {
	if !s.door.guarded {
		mux.HandleFunc(profilePath, func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusNotFound, "profiles are served to who has a token: start with --token-file or FLYBALL_TOKENS")
		})
		return
	}
	mux.HandleFunc("GET "+profilePath, pprof.Index)
	mux.HandleFunc("GET "+profilePath+"cmdline", pprof.Cmdline)
	mux.HandleFunc("GET "+profilePath+"profile", pprof.Profile)
	mux.HandleFunc("GET "+profilePath+"symbol", pprof.Symbol)
	mux.HandleFunc("GET "+profilePath+"trace", pprof.Trace)
}
