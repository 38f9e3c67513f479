package client_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/client"
)

func newClient(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestErrorsSayWhatToDo(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) }
	}
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		kind    error
		want    string
	}{
		{"token", answers(401, `{"error":"no token"}`), client.ErrUnauthorized, "wants a token: give --token-file, or set FLYBALL_TOKEN (no token)"},
		{"unknown", answers(404, `{"error":"no target \"x\": known are shop"}`), client.ErrNotFound, `no target "x": known are shop`},
		{"read only", answers(405, `{"error":"this instance only shows"}`), client.ErrRefused, "this instance only shows"},
		{"another server", answers(404, `<html>`), client.ErrNotFound, "is it a Flyball?"},
		{"no JSON", answers(200, `<html>`), nil, "does not answer as Flyball does"},
		{"a redirect", answers(302, ``), nil, "answered 302"},
	} {
		server := httptest.NewServer(tc.handler)
		_, err := newClient(t, client.Options{Server: server.URL}).Targets(t.Context())
		server.Close()
		if err == nil || !strings.Contains(err.Error(), tc.want) || (tc.kind != nil && !errors.Is(err, tc.kind)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestTokenAndNameAreSent(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header; fmt.Fprint(w, `{}`) }))
	defer server.Close()
	c := newClient(t, client.Options{Server: strings.TrimPrefix(server.URL, "http://"), Token: "hush", User: "cli anna@desk"})
	if _, err := c.SetMode(t.Context(), "shop", client.SetMode{Mode: "Paused"}); err != nil {
		t.Fatal(err)
	}
	if got.Get("Authorization") != "Bearer hush" || got.Get("X-Flyball-User") != "cli anna@desk" || got.Get("Content-Type") != "application/json" {
		t.Errorf("got %v, want token, name and type", got)
	}
}

func TestTLSNeedsACertificateOneTrusts(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"v1","lastEventId":"a-1"}`) }))
	defer server.Close()
	_, err := newClient(t, client.Options{Server: server.URL}).Targets(t.Context())
	if !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), "name the CA with --ca-file") {
		t.Errorf("unknown CA: got %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err := newClient(t, client.Options{Server: server.URL, CAFile: ca}).Targets(t.Context()); err != nil || o.Version != "v1" {
		t.Errorf("known CA: got %+v, %v", o, err)
	}
	_, err = newClient(t, client.Options{Server: strings.Replace(server.URL, "https", "http", 1)}).Targets(t.Context())
	if err == nil || !strings.Contains(err.Error(), "use https://") {
		t.Errorf("http to a TLS server: got %v", err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	_, err = newClient(t, client.Options{Server: strings.Replace(plain.URL, "http", "https", 1)}).Targets(t.Context())
	if err == nil || !strings.Contains(err.Error(), "use http://") {
		t.Errorf("TLS to a plain server: got %v", err)
	}
}

// A Prometheus has a page of the same name.
func TestAPrometheusIsNoFlyball(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status":"success","data":{"activeTargets":[]}}`)
	}))
	defer server.Close()
	if o, err := newClient(t, client.Options{Server: server.URL}).Targets(t.Context()); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("got %+v, %v; want that it is no Flyball", o, err)
	}
}

func TestServersThatAreNone(t *testing.T) {
	for _, server := range []string{"ftp://a", "http://", "://", "http://a b"} {
		if _, err := client.New(client.Options{Server: server}); err == nil {
			t.Errorf("%q: want an error", server)
		}
	}
}

func TestTimesAreReadInEitherForm(t *testing.T) {
	for text, want := range map[string]time.Time{
		`1795335984.074`:             time.UnixMilli(1795335984074),
		`"2026-11-22T08:26:24.074Z"`: time.UnixMilli(1795335984074),
		`0`:                          {},
		`null`:                       {},
	} {
		var got client.Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestAStreamIsTakenApart(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "retry: 2000\nid: a-1\n\n: still here\n\nid: a-2\nevent: decision\ndata: {\"target\":\"%s\",\"data\":{\"id\":7}}\n\nevent: reset\ndata: {}\n\n",
			r.Header.Get("Last-Event-ID"))
	}))
	defer server.Close()
	var got []string
	err := newClient(t, client.Options{Server: server.URL}).Stream(t.Context(), "", "a-0", func(m client.Message) error {
		got = append(got, m.ID+" "+m.Kind+" "+m.Target+" "+string(m.Data))
		return nil
	})
	if want := []string{`a-2 decision a-0 {"id":7}`, ` reset  `}; err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
