package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
)

// startService starts a real service and returns its port and process.
func startService(t *testing.T) (port, pid int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return startProcess(t, func(port string) *exec.Cmd {
		cmd := exec.Command(testenv.Command(t, "python3"), "-m", "http.server", "--bind", "127.0.0.1", port)
		cmd.Dir = dir
		return cmd
	})
}

// startProcess starts what serves HTTP on the port it is given.
func startProcess(t *testing.T, command func(port string) *exec.Cmd) (port, pid int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := command(fmt.Sprint(port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, func() bool {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/ready", port))
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
	return port, cmd.Process.Pid
}

func TestInitWritesAValidDocumentForARunningService(t *testing.T) {
	port, pid := startService(t)
	file := filepath.Join(t.TempDir(), "shop.yaml")
	out, errOut, status := execute(t.Context(), "init", "--port", fmt.Sprint(port), "--name", "shop", "--prometheus", "none", "-o", file)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	wants(t, out, fmt.Sprintf("port %d", port), "ready at /ready", "flyball doctor -f "+file, "flyball plan -f "+file, fmt.Sprintf("kill %d", pid), "flyball run -f "+file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, string(text), `name: "shop"`, `"http.server", "--bind", "127.0.0.1", "{port}"]`, fmt.Sprintf("port: %d", port), `path: "/ready"`, fmt.Sprintf("Process %d holds it", pid), "EDIT", "workingDirectory: ")
	if _, errOut, status := validate(t, "", "-f", file); status != 0 {
		t.Errorf("it is not valid: %s", errOut)
	}

	_, errOut, status = execute(t.Context(), "init", "--port", fmt.Sprint(port), "--prometheus", "none", "-o", file)
	if status != 2 {
		t.Errorf("overwrites without --force: status %d, want 2", status)
	}
	wants(t, errOut, "is there already", "--force")
	if _, errOut, status = execute(t.Context(), "init", "--url", fmt.Sprintf("http://127.0.0.1:%d/", port), "--prometheus", "none", "-o", file, "--force"); status != 0 {
		t.Errorf("with --force: status %d, want 0: %s", status, errOut)
	}
}

func TestInitTakesACommandInsteadOfWhatRuns(t *testing.T) {
	out, errOut, status := execute(t.Context(), "init", "--command", `./web --title "a $shop ${here}" --port={port}`, "--directory", "/srv", "--port", "8123", "--ready", "/up", "--prometheus", "none", "-o", "-")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	wants(t, out, `command: ["./web", "--title", "a $$shop $${here}", "--port={port}"]`, `workingDirectory: "/srv"`, "port: 8123", `path: "/up"`, `name: "web"`, "{port} becomes the port of each replica")
	if _, errOut, status := validate(t, out, "-f", "-"); status != 0 {
		t.Errorf("it is not valid: %s", errOut)
	}
}

func TestInitRefusesWhatItCannotUse(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	for args, want := range map[string]string{
		"--port 1 --prometheus none": "nothing that speaks HTTP",
		"--port 99999":               "--port: must be 1 to 65535",
		"--url shop":                 "--url: must be a URL",
		"--url http://a --port 1":    "exclude each other",
		"--directory /srv":           "--directory: needs --command",
		"--ready up":                 "--ready: must start with /",
		"--command './web":           "a quote",
		"--prometheus " + nobody.URL: "--prometheus:",
		"shop":                       "takes flags only",
	} {
		fields := strings.Fields(args)
		if strings.HasPrefix(args, "--command") {
			fields = []string{"--command", "'./web"}
		}
		_, errOut, status := execute(t.Context(), append([]string{"init"}, fields...)...)
		if status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d and %q, want 2 and %q", args, status, errOut, want)
		}
	}
}

// The sample is what a newcomer without a service gets.
func TestTheSampleDocumentIsValid(t *testing.T) {
	text, err := sample().YAML()
	if err != nil {
		t.Fatal(err)
	}
	if err := proveValid(text); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	wants(t, string(text), "sample-app", "No service was found")
}

func TestDoctorEndsWithOneWhenSomethingMustBeMended(t *testing.T) {
	file := documentFile(t, "a.yaml", strings.Replace(documentNamed("a"), "./web", "/none/web", 1))
	out, _, status := execute(t.Context(), "doctor", "-f", file, "--state-dir", t.TempDir(), "--server", "http://127.0.0.1:1")
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	wants(t, out, "FAIL  command        a: ", "ok    document       a: ")
	out, _, _ = execute(t.Context(), "doctor", "-f", "-", "--state-dir", t.TempDir(), "--json")
	wants(t, out, `"ok": false`, `"check": "document"`)
}
