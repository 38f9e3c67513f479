// Package release tests what is given to users: archives, unit file, image.
package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/testenv"
)

// build runs scripts/release for two platforms and returns the folder with
// what it made.
func build(t *testing.T) string {
	t.Helper()
	dist := filepath.Join(t.TempDir(), "dist")
	cmd := exec.Command("../../scripts/release", "linux/"+runtime.GOARCH, "windows/amd64")
	cmd.Env = append(os.Environ(), "DIST="+dist, "VERSION=v1.2.3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("scripts/release: %v\n%s", err, out)
	}
	return dist
}

func TestReleaseIsTheSameTwice(t *testing.T) {
	testenv.Long(t)
	for _, tool := range []string{"tar", "zip", "sha256sum"} {
		testenv.Command(t, tool)
	}
	first, second := build(t), build(t)
	if diff := cmp.Diff(read(t, first, "SHA256SUMS"), read(t, second, "SHA256SUMS")); diff != "" {
		t.Errorf("the second build differs (-first +second):\n%s", diff)
	}
	sums := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	sums.Dir = first
	if out, err := sums.CombinedOutput(); err != nil {
		t.Errorf("checksums: %v\n%s", err, out)
	}
	native := "flyball_1.2.3_linux_" + runtime.GOARCH
	common := []string{"LICENSE", "README.md", "install.md", ".env.example", "examples/process.yaml", "completions/flyball.bash", "completions/flyball.zsh", "completions/flyball.fish", "completions/flyball.powershell"}
	holds(t, tarNames(t, filepath.Join(first, native+".tar.gz")), native, append(common, "flyball", "systemd/flyball.service")...)
	holds(t, zipNames(t, filepath.Join(first, "flyball_1.2.3_windows_amd64.zip")), "flyball_1.2.3_windows_amd64", append(common, "flyball.exe")...)
	if out := runArchived(t, filepath.Join(first, native+".tar.gz"), native+"/flyball", "version"); out != "flyball v1.2.3\n" {
		t.Errorf("the program in the archive says %q, want its version", out)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// holds checks that an archive has these files in its only folder, sorted.
func holds(t *testing.T, names []string, folder string, wanted ...string) {
	t.Helper()
	if !slices.IsSorted(names) {
		t.Errorf("%s: not sorted, so another file system gives other bytes: %q", folder, names)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, folder+"/") {
			t.Errorf("%s: %s is outside of its folder", folder, name)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(names, folder+"/"+name) {
			t.Errorf("%s: %s is missing in %q", folder, name, names)
		}
	}
}

// tarNames lists an archive and checks that it tells nothing of who made it.
func tarNames(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	eachInTar(t, path, func(h *tar.Header, _ io.Reader) {
		names = append(names, h.Name)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s: owner %d:%d %s:%s, want 0:0", h.Name, h.Uid, h.Gid, h.Uname, h.Gname)
		}
	})
	return names
}

func eachInTar(t *testing.T, path string, visit func(*tar.Header, io.Reader)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		visit(h, r)
	}
}

func zipNames(t *testing.T, path string) []string {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	return names
}

// runArchived unpacks a program and runs it.
func runArchived(t *testing.T, archive, name string, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "flyball")
	eachInTar(t, archive, func(h *tar.Header, content io.Reader) {
		if h.Name != name {
			return
		}
		file, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, h.FileInfo().Mode())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(file, content); err != nil {
			t.Error(err)
		}
		file.Close()
	})
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
