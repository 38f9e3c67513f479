package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
)

// injected is a field, for whoever lets text of others end a comment.
const injected = "1\nspec: {mode: Recommend}\u0085\u2028\x1b]0;evil\x07"

// Everybody on this machine may listen on a port and call themselves what
// they like.
func TestInitTakesNoOrdersFromWhatItFinds(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/status/buildinfo" {
			fmt.Fprintf(w, `{"status":"success","data":{"version":%q}}`, "2.45\nspec: {mode: Recommend}")
		}
	}))
	defer fake.Close()
	_, errOut, status := execute(t.Context(), "init", "--command", "./web", "--prometheus", fake.URL, "-o", "-")
	if status != 2 || !strings.Contains(errOut, "is no Prometheus") || strings.Contains(strings.TrimSpace(errOut), "\n") {
		t.Errorf("a Prometheus with a version of two lines: status %d and %q, want 2 and that it is none", status, errOut)
	}

	port, pid := startHostile(t)
	file := filepath.Join(t.TempDir(), "a\nspec: {mode: Recommend}.yaml")
	out, errOut, status := execute(t.Context(), "init", "--port", fmt.Sprint(port), "--prometheus", "none", "-o", file)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	text := readFile(t, file)
	for what, shown := range map[string]string{"the document": text, "what is printed": out} {
		for _, bad := range []string{"\nspec: {", "\x1b", "\x07", "\u0085", "\u2028"} {
			if strings.Contains(shown, bad) {
				t.Errorf("%s holds %q:\n%s", what, bad, shown)
			}
		}
	}
	wants(t, text, "mode: Apply", fmt.Sprintf("Process %d holds it", pid), "EVIL1 spec: {mode: Recommend} ", `"1\nspec: {mode: Recommend}`)
	if _, errOut, status := validate(t, "", "-f", file); status != 0 {
		t.Errorf("it is not valid: %s\n%s", errOut, text)
	}
}

// startHostile starts a service with a hostile argument and variable.
func startHostile(t *testing.T) (port, pid int) {
	t.Helper()
	return startProcess(t, func(port string) *exec.Cmd {
		python := testenv.Command(t, "python3")
		cmd := exec.Command(python, "-c", `import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")`, port, injected)
		cmd.Env = append(os.Environ(), "EVIL"+injected+"=1", "DB_PASSWORD=hush")
		return cmd
	})
}

func TestOnlyTheOwnerReadsWhatInitWrites(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yaml")
	mode := func(why string) {
		t.Helper()
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: got mode %v, want -rw-------: a command can hold secrets", why, got)
		}
	}
	args := []string{"init", "--command", "./web --db-password hush", "--prometheus", "none", "-o", file}
	if _, errOut, status := execute(t.Context(), args...); status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	mode("a new file")
	wants(t, readFile(t, file), "EDIT: an argument looks like a secret")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errOut, status := execute(t.Context(), append(args, "--force")...); status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	mode("one that is overwritten")
}
