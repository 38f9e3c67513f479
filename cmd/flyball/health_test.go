package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// commandSays runs a command line and returns what it prints.
func commandSays(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	root := newRootCommand()
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHealthIsWhatTheInstanceSays(t *testing.T) {
	status, asked := http.StatusOK, ""
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status": "ok"}`))
	}))
	defer instance.Close()
	if out, err := commandSays(t, "health", "--server", instance.URL); err != nil || out != "ok\n" || asked != "/healthz" {
		t.Errorf("asked %s, got %q, %v; want ok from /healthz", asked, out, err)
	}
	status = http.StatusServiceUnavailable
	if out, err := commandSays(t, "health", "--server", instance.URL); err == nil {
		t.Errorf("an answer 503: got %q and no error", out)
	}
	instance.Close()
	if out, err := commandSays(t, "health", "--server", instance.URL); err == nil || !strings.Contains(err.Error(), instance.URL) {
		t.Errorf("nobody there: got %q, %v; want an error that names %s", out, err, instance.URL)
	}
}
