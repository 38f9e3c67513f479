package web

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/binary"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// sessionCookie holds what proves that a browser had a token: not the token
// itself, but when that ends and a signature of it by the token's hash. So a
// cookie survives a restart, and ends with its token.
const (
	sessionCookie = "flyball-session"
	sessionTime   = 30 * 24 * time.Hour
)

func newSession(t Token, now time.Time) string {
	expires := binary.BigEndian.AppendUint64(nil, uint64(now.Add(sessionTime).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(expires, sign(t, expires)...))
}

func sign(t Token, expires []byte) []byte {
	mac := hmac.New(sha256.New, t.Hash[:])
	mac.Write([]byte("flyball session\n")) //nolint:errcheck // a hash takes everything
	mac.Write(expires)                     //nolint:errcheck
	return mac.Sum(nil)
}

// holderOf returns the token that signed a session which still lasts.
func holderOf(tokens []Token, session string, now time.Time) (found Token, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(session)
	if err != nil || len(raw) != 8+sha256.Size {
		return found, false
	}
	expires, signature := raw[:8], raw[8:]
	for _, t := range tokens {
		if hmac.Equal(sign(t, expires), signature) {
			found, ok = t, true
		}
	}
	return found, ok && uint64(now.Unix()) < binary.BigEndian.Uint64(expires)
}

//go:embed login.html
var loginText string

var loginPage = template.Must(template.New("login").Parse(loginText))

// answerLogin shows the form, with what was wrong.
func (s *Server) answerLogin(w http.ResponseWriter, _ *http.Request, status int, fault string) {
	var page strings.Builder
	if err := loginPage.Execute(&page, struct{ Fault string }{fault}); err != nil {
		refuse(w, http.StatusInternalServerError, "the login page cannot be written")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(page.String())) //nolint:errcheck // the client is gone: nobody to tell
}

func (s *Server) serveLoginPage(w http.ResponseWriter, r *http.Request) {
	if _, v := s.identify(r); !s.door.guarded || v == admitted {
		toPage(w)
		return
	}
	s.answerLogin(w, r, http.StatusOK, "")
}

// serveLogin trades a token for a cookie.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	if !s.door.guarded {
		toPage(w)
		return
	}
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "body: must be a form with the field token, of at most %d bytes", maxBody)
		return
	}
	bodyArrived(w)
	// Only the body: what stands in an address is logged and remembered.
	holder, v := s.try(r, strings.TrimSpace(r.PostForm.Get("token")))
	switch {
	case v == locked:
		s.refuseLocked(w, r)
	case v != admitted:
		s.log.Warn("login with a wrong token", slog.String("from", r.RemoteAddr))
		s.refuseLogin(w, r, http.StatusUnauthorized, "This token is not known.")
	default:
		s.log.Info("login", slog.String("by", holder.Name), slog.String("from", r.RemoteAddr))
		setCookie(w, r, newSession(holder, s.opts.Wall.Now()), int(sessionTime/time.Second))
		toPage(w)
	}
}

func serveLogout(w http.ResponseWriter, r *http.Request) {
	setCookie(w, r, "", -1)
	toPage(w)
}

func setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	// A proxy with TLS says so. Who lies about it hurts nobody but himself.
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	})
}

// toPage sends the browser to the dashboard. The address is relative, so that
// it is right behind a proxy that serves it under another path.
func toPage(w http.ResponseWriter) {
	w.Header().Set("Location", "./")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

func (s *Server) refuseLocked(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "60")
	s.refuseLogin(w, r, http.StatusTooManyRequests, "Too many wrong tokens from this address: wait a minute.")
}

// refuseLogin answers a form with the form and a program with a fault.
func (s *Server) refuseLogin(w http.ResponseWriter, r *http.Request, status int, fault string) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.answerLogin(w, r, status, fault)
		return
	}
	refuse(w, status, "%s", fault)
}
