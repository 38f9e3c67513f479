package app

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/web"
)

// A token that was taken away ends with the reload, also when the documents
// are refused; a token file that cannot be read changes nothing.
func TestAReloadTakesTokensAway(t *testing.T) {
	ann, bob := web.NewToken("ann", "ann-0123456789abcdef"), web.NewToken("bob", "bob-0123456789abcdef")
	tokens, fault := []web.Token{bob}, error(nil)
	c := &Controller{
		dashboard: web.New(web.Options{Bus: memory.New(), Clock: clock.System, Tokens: []web.Token{ann, bob}}),
		opts: Options{Deps: Deps{Log: slog.New(slog.DiscardHandler)}, Reload: func() ([]Spec, error) { return nil, errors.New("a document is wrong") },
			ReloadTokens: func() ([]web.Token, error) { return tokens, fault }},
	}
	asks := func(secret string) int {
		r := httptest.NewRequest(http.MethodGet, "/version", nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		c.dashboard.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if err := c.reload(t.Context()); err == nil || err.Error() != "a document is wrong" {
		t.Errorf("reload: %v, want what is wrong", err)
	}
	if a, b := asks("ann-0123456789abcdef"), asks("bob-0123456789abcdef"); a != 401 || b != 200 {
		t.Errorf("ann %d, bob %d; want ann out and bob in", a, b)
	}
	tokens, fault = nil, errors.New("token file: gone")
	if err := c.reload(t.Context()); err == nil || err.Error() != "token file: gone" {
		t.Errorf("reload without a token file: %v, want why", err)
	}
	if b := asks("bob-0123456789abcdef"); b != 200 {
		t.Errorf("bob %d after a token file that cannot be read, want him in", b)
	}
}
