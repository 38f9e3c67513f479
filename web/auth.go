package web

import (
	"context"
	"net/http"
	"strings"
)

// holderKey is under what a request's context knows its token.
type holderKey struct{}

// admit lets through what needs no token and who has one.
func (s *Server) admit(next http.Handler) http.Handler {
	if !s.door.guarded {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOpen(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		holder, verdict := s.identify(r)
		switch {
		case verdict == admitted:
			w.Header().Set(userHeader, holder.Name) // the page shows who looks, and a way out
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), holderKey{}, holder)))
		case verdict == locked:
			s.refuseLocked(w, r)
		case isPage(r):
			s.answerLogin(w, r, http.StatusUnauthorized, "")
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="flyball"`)
			refuse(w, http.StatusUnauthorized, "a token is needed: send it as Authorization: Bearer TOKEN")
		}
	})
}

// isOpen reports whether a path tells nothing of the installation: whether it
// is well, the door, and what the door is painted with.
func isOpen(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/login", "/logout", "/app.css", "/favicon.svg":
		return true
	}
	return false
}

// isPage reports whether somebody wants to look at the dashboard.
func isPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		(r.URL.Path == "/" || r.URL.Path == "/index.html")
}

// verdict is what becomes of a request.
type verdict uint8

const (
	unknown verdict = iota
	admitted
	locked // too many wrong tokens from there
)

// identify finds whose token a request carries.
func (s *Server) identify(r *http.Request) (holder Token, v verdict) {
	if scheme, secret, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		return s.try(r, strings.TrimSpace(secret))
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if t, ok := holderOf(s.door.all(), cookie.Value, s.opts.Wall.Now()); ok {
			return t, admitted
		}
	}
	return Token{}, unknown
}

// try looks for a token and counts a wrong one against where it came from. A
// right one is let in whatever else came from there: behind one address may be
// many, and one of them must not lock out the others. Who tries at random
// finds none of 16 characters, locked or not.
func (s *Server) try(r *http.Request, secret string) (holder Token, v verdict) {
	if t, ok := match(s.door.all(), secret); ok {
		return t, admitted
	}
	from, now := origin(r.RemoteAddr), s.opts.Wall.Now()
	if s.failures.locked(from, now) {
		return Token{}, locked
	}
	s.failures.add(from, now)
	return Token{}, unknown
}
