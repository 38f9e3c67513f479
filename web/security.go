package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// pagePolicy allows what the binary itself serves and nothing else: no inline
// script or style, no other host, no frame around it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// secure lets through only what this server's own page would send.
func (s *Server) secure(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "the request comes from another site")
	}))
	checked := crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		limitBody(w, r, s.opts.Wall.Now())
		if err := s.checkHost(r); err != nil {
			refuse(w, http.StatusForbidden, "%v", err)
			return
		}
		// A read changes nothing, but other sites have no business here.
		if site := r.Header.Get("Sec-Fetch-Site"); strings.HasPrefix(r.URL.Path, "/api/") && (site == "cross-site" || site == "same-site") {
			refuse(w, http.StatusForbidden, "the request comes from another site")
			return
		}
		checked.ServeHTTP(w, r)
	})
}

// How much a client may send, and how long it may take.
const (
	maxBody  = 4 << 10 // bytes
	bodyTime = 10 * time.Second
)

// limitBody bounds a body. Also one that no handler reads: the server itself
// reads on before it answers.
func limitBody(w http.ResponseWriter, r *http.Request, now time.Time) {
	if r.ContentLength == 0 {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	_ = http.NewResponseController(w).SetReadDeadline(now.Add(bodyTime)) // a recorder in a test has none
}

// bodyArrived gives the handler its time, once all of the body is there.
func bodyArrived(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// checkHost refuses a name that is not this machine's on a connection that
// arrived on a loopback address: a page elsewhere whose name was pointed at
// 127.0.0.1 (DNS rebinding) would otherwise be of the same origin. Where a
// token is needed such a page has none: the cookie belongs to another name.
func (s *Server) checkHost(r *http.Request) error {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || s.door.guarded || !isLoopback(local.String()) || isLoopback(r.Host) || s.allows(hostOnly(r.Host)) {
		return nil
	}
	return fmt.Errorf("host %q is not allowed on a loopback address: use localhost or 127.0.0.1, or allow the name with --allowed-host", r.Host)
}

func (s *Server) allows(host string) bool {
	return slices.ContainsFunc(s.opts.AllowedHosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// isLoopback reports whether a host, with or without a port, names this
// machine alone.
func isLoopback(hostPort string) bool {
	host := hostOnly(hostPort)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func hostOnly(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
