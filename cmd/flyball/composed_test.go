package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/record/sqlite"
)

// Nobody has seen the document that --compose makes: what is wrong is told by
// flags.
func TestFaultsOfComposeAreToldByFlags(t *testing.T) {
	compose := []string{"run", "--compose", "shop/web", "--port", "80"}
	for _, tc := range []struct {
		flags string
		want  string
	}{
		{"", "--max: must be given with --compose"},
		{"--max -3", "--max: must be at least 1, got -3"},
		{"--max 3 --swarm", "--compose and --swarm exclude each other"},
		{"--max 3 --publish nowhere", "--publish: "},
		{"--max 3 --port 70000", "--port: "},
		{"--max 3 --ready healthz", "--ready: "},
	} {
		_, errOut, status := execute(t.Context(), append(compose, append(strings.Fields(tc.flags), "--state-dir", t.TempDir())...)...)
		if status != 2 || !strings.Contains(errOut, tc.want) || strings.Contains(errOut, "-:") {
			t.Errorf("%s: status %d and %q, want %q and no place in a document", tc.flags, status, errOut, tc.want)
		}
	}
}

// Of a second controller with the flags of the first both folder and address are
// taken; only the folder says by whom.
func TestTheFolderIsLookedAtBeforeTheAddress(t *testing.T) {
	dir := t.TempDir()
	first, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, recordFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	document := filepath.Join(t.TempDir(), "shop.yaml")
	text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: shop}\nspec:\n  target: {process: {command: [/bin/sleep, '1000'], port: 18080}}\n" +
		"  replicas: {max: 3}\n  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}\n"
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errOut, status := execute(t.Context(), "run", "-f", document, "--state-dir", dir, "--listen", l.Addr().String())
	if status != 2 || !strings.Contains(errOut, "is in use by another controller") {
		t.Errorf("status %d and %q, want the folder in use", status, errOut)
	}
}

func TestAModeThatIsMissing(t *testing.T) {
	_, errOut, status := execute(t.Context(), "mode", "fr")
	if want := "name a mode after the target: flyball mode fr Apply|Recommend|Paused"; status != 2 || !strings.Contains(errOut, want) {
		t.Errorf("status %d and %q, want %q", status, errOut, want)
	}
}
