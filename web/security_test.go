package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/web"
)

func TestHostOfAnotherNameIsRefusedOnLoopback(t *testing.T) {
	handler := web.New(web.Options{Bus: memory.New(), Clock: clock.System, AllowedHosts: []string{"Flyball.example"}}).Handler()
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7070}
	public := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7070}
	behind := web.New(web.Options{Bus: memory.New(), Clock: clock.System, Tokens: []web.Token{web.NewToken("ann", annSecret)}}).Handler()
	for host, want := range map[string]int{"flyball.example": 401, "localhost": 401} { // the token is what counts
		r := httptest.NewRequest(http.MethodGet, "/api/v1/targets", nil)
		r.Host = host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, loopback))
		w := httptest.NewRecorder()
		behind.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q of a server with tokens: %d %s, want %d", host, w.Code, w.Body, want)
		}
	}
	for _, c := range []struct {
		local net.Addr
		host  string
		code  int
	}{
		{loopback, "127.0.0.1:7070", 200},
		{loopback, "localhost:7070", 200},
		{loopback, "LOCALHOST", 200},
		{loopback, "shop.localhost:7070", 200},
		{loopback, "[::1]:7070", 200},
		{loopback, "flyball.example", 200},
		{loopback, "evil.example:7070", 403},
		{loopback, "127.0.0.1.evil.example", 403},
		{loopback, "192.0.2.1:7070", 403},
		{public, "flyball.example:7070", 200},
		{public, "any.example:7070", 200},
	} {
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		r.Host = c.host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.local))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("host %q on %v: %d %s, want %d", c.host, c.local, w.Code, w.Body, c.code)
		}
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	handler := web.New(web.Options{Bus: memory.New(), Clock: clock.System}).Handler()
	for _, c := range []struct {
		method, path, site string
		code               int
	}{
		{"GET", "/api/v1/targets", "same-origin", 200},
		{"GET", "/api/v1/targets", "none", 200},
		{"GET", "/api/v1/targets", "", 200},
		{"GET", "/api/v1/targets", "cross-site", 403},
		{"GET", "/api/v1/targets", "same-site", 403},
		{"GET", "/", "cross-site", 200}, // a link from elsewhere
		{"POST", "/", "cross-site", 403},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Sec-Fetch-Site", c.site)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%s %s from %q: %d, want %d", c.method, c.path, c.site, w.Code, c.code)
		}
	}
}

func TestPageAllowsNothingFromElsewhere(t *testing.T) {
	server := httptest.NewServer(web.New(web.Options{Bus: memory.New(), Clock: clock.System}).Handler())
	defer server.Close()
	page, header := fetch(t, server, "/", "")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(header.Get("Content-Security-Policy"), want) {
			t.Errorf("policy %q lacks %s", header.Get("Content-Security-Policy"), want)
		}
	}
	if strings.Contains(header.Get("Content-Security-Policy"), "unsafe") {
		t.Errorf("policy %q allows inline code", header.Get("Content-Security-Policy"))
	}
	if header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("content types may be guessed")
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "style=") {
		t.Errorf("page names another host or has inline style:\n%s", page)
	}
}

func fetch(t *testing.T, server *httptest.Server, path, etag string) (string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer.Header.Set("Status", answer.Status)
	return string(body), answer.Header
}
