package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
)

// Where everybody can reach the address and nobody needs a token, nothing is
// served but how the controller is.
func TestMetricsAlone(t *testing.T) {
	for alone, want := range map[bool]int{true: http.StatusNotFound, false: http.StatusOK} {
		c, err := NewController(t.Context(), Options{Deps: Deps{Bus: memory.New(), Clock: clock.System, Log: slog.New(slog.DiscardHandler)}, MetricsAlone: alone})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/metrics": http.StatusOK, "/healthz": http.StatusOK, "/api/v1/targets": want, "/": want} {
			answer := httptest.NewRecorder()
			c.handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
			if answer.Code != want {
				t.Errorf("alone %v, %s: %d, want %d", alone, path, answer.Code, want)
			}
			if strings.HasPrefix(path, "/api/") && alone && !strings.HasPrefix(answer.Body.String(), `{"error":"this address serves /metrics, /healthz and /readyz; API and dashboard need a --token-file`) {
				t.Errorf("commands are told %s, and not why", answer.Body)
			}
		}
	}
}
