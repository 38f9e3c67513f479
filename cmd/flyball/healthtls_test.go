package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The health check of a container has no arguments but the image's: all else
// comes from the environment.
func TestHealthOverTLSFromTheEnvironment(t *testing.T) {
	instance := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"status": "ok"}`))
	}))
	defer instance.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: instance.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FLYBALL_SERVER", instance.URL)
	t.Setenv("FLYBALL_TOKEN", "hush")
	if out, err := commandSays(t, "health"); err == nil || !strings.Contains(err.Error(), "FLYBALL_CA_FILE") {
		t.Errorf("without CA: got %q, %v; want an error that names FLYBALL_CA_FILE", out, err)
	}
	t.Setenv("FLYBALL_CA_FILE", ca)
	if out, err := commandSays(t, "health"); err != nil || out != "ok\n" {
		t.Errorf("got %q, %v; want ok", out, err)
	}
	if out, err := commandSays(t, "health", "--ca-file", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Errorf("the flag does not win over the variable: got %q", out)
	}
}
