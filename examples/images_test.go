package examples

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
)

// pulled is an image as a registry has it, made of Debian's program.
type pulled struct {
	name    string
	program string // Debian's, but for Traefik
	as      string // where the image has it
	folders []folder
	changes []string
}

type folder struct {
	path     string
	uid, gid int
}

// balancers are the images that a stack may take for its balancer.
func balancers() []pulled {
	return []pulled{
		{name: "nginx:1.28", program: "nginx", as: "/usr/sbin/nginx", folders: []folder{{path: "/var/log/nginx", uid: 65532, gid: 65532}}},
		{name: "haproxy:3.0", program: "haproxy", as: "/usr/local/sbin/haproxy"},
		{name: "traefik:v3.5", program: "traefik", as: "/usr/local/bin/traefik"},
	}
}

// images are those that every stack would pull. Grafana cannot be had: in its
// place something listens.
func images() []pulled {
	return []pulled{
		{name: "redis:7", program: "redis-server", as: "/usr/local/bin/redis-server", folders: []folder{{"/data", 999, 1000}}},
		{
			name: "prom/prometheus:v3.5.0", program: "prometheus", as: "/bin/prometheus", folders: []folder{{"/prometheus", 65534, 65534}},
			changes: []string{`ENTRYPOINT ["/bin/prometheus"]`},
		},
	}
}

// makeImages makes what every stack pulls, and one balancer, unless it is "".
func makeImages(t *testing.T, engine *dockertest.Daemon, balancer string) {
	t.Helper()
	all := images()
	for _, p := range balancers() {
		if p.name == balancer {
			all = append(all, p)
		}
	}
	for _, p := range all {
		p.make(t, engine)
	}
	engine.Image(t, "grafana/grafana:12.1.0")
}

func (p pulled) make(t *testing.T, engine *dockertest.Daemon) {
	t.Helper()
	program, linked := "", []string(nil)
	if p.program == "traefik" { // Debian does not have it
		program = testenv.Built(t, p.program)
	} else {
		program = testenv.Command(t, p.program)
		linked = libraries(t, program)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	file(t, w, program, p.as)
	for _, library := range linked {
		file(t, w, library, library)
	}
	text(t, w, "/etc/passwd", "root:x:0:0::/:/\nnobody:x:65534:65534::/:/\n")
	text(t, w, "/etc/group", "root:x:0:\nnogroup:x:65534:\n")
	header(t, w, &tar.Header{Typeflag: tar.TypeDir, Name: "/tmp/", Mode: 0o1777})
	for _, f := range p.folders {
		header(t, w, &tar.Header{Typeflag: tar.TypeDir, Name: f.path + "/", Mode: 0o755, Uid: f.uid, Gid: f.gid})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := engine.API.ImageImport(t.Context(), client.ImageImportSource{Source: &layer, SourceName: "-"}, p.name, client.ImageImportOptions{Changes: p.changes})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatal(err)
	}
}

// libraries are the files that a program is linked with.
func libraries(t *testing.T, program string) []string {
	t.Helper()
	out, err := exec.Command(testenv.Command(t, "ldd"), program).Output()
	if err != nil {
		t.Fatalf("ldd %s: %v", program, err)
	}
	var found []string
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			found = append(found, word)
		}
	}
	return found
}

func file(t *testing.T, w *tar.Writer, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	header(t, w, &tar.Header{Name: to, Mode: 0o755, Size: int64(len(data))})
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, w *tar.Writer, to, text string) {
	t.Helper()
	header(t, w, &tar.Header{Name: to, Mode: 0o644, Size: int64(len(text))})
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func header(t *testing.T, w *tar.Writer, h *tar.Header) {
	t.Helper()
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
}

// flyballContext is a folder that Flyball's images are built from without
// sources: the program is built here.
func flyballContext(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"root/tmp", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "root/tmp"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "root", "flyball"), "github.com/flyball-io/flyball/cmd/flyball")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	real, err := os.ReadFile("compose/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	// What is built here takes the place of the first stage; the rest is the
	// example's own.
	_, rest, found := strings.Cut(string(real), "FROM scratch AS flyball\n")
	if !found {
		t.Fatal("examples/compose/Containerfile has no stage flyball")
	}
	stand := "FROM scratch AS build\nCOPY root /out/root\nCOPY state /out/state\n\nFROM scratch AS flyball\n" + rest
	if err := os.WriteFile(filepath.Join(dir, "Containerfile"), []byte(stand), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
