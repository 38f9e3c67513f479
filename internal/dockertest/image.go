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

	"github.com/flyball-io/flyball/internal/testenv"
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
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	put(t, w, "server", program)
	d.take(t, name, w, &layer, changes)
}

// ShellImage makes one with a shell beside the test server, and the few programs
// that every image with a shell has.
func (d *Daemon) ShellImage(t testing.TB, name string, changes ...string) {
	t.Helper()
	program, err := server()
	if err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile(testenv.Command(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	put(t, w, "server", program)
	put(t, w, "bin/busybox", busybox)
	for _, applet := range []string{"sh", "sleep", "dd", "df", "awk", "rm"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox"}); err != nil {
			t.Fatal(err)
		}
	}
	d.take(t, name, w, &layer, changes)
}

// take gives the engine an image of one layer.
func (d *Daemon) take(t testing.TB, name string, w *tar.Writer, layer io.Reader, changes []string) {
	t.Helper()
	if err := w.Close(); err != nil {
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

func put(t testing.TB, w *tar.Writer, name string, program []byte) {
	t.Helper()
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
}
