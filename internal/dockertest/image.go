package dockertest

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/moby/moby/client"
)

// Image makes an image from nothing but the test server (the program in
// folder server), with changes as a Dockerfile has them. The server listens
// on port 8080.
func (d *Daemon) Image(t testing.TB, name string, changes ...string) {
	t.Helper()
	program, err := server()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := layerOf(program)
	if err != nil {
		t.Fatal(err)
	}
	changes = append([]string{`ENTRYPOINT ["/server"]`, "EXPOSE 8080"}, changes...)
	answer, err := d.API.ImageImport(t.Context(), client.ImageImportSource{Source: layer, SourceName: "-"}, name, client.ImageImportOptions{Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatal(err)
	}
}

// server builds the test server, once, and returns the program.
var server = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "fly")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-o", file, "github.com/flyball-io/flyball/internal/dockertest/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

func layerOf(program []byte) (io.Reader, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "server", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	return &layer, w.Close()
}
