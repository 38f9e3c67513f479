package clustertest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// Workload is the image of what tests run in pods (folder workload); every
// node has it. Images are never pulled: imagePullPolicy must be Never.
const Workload = "rig.test/workload:1"

// pauseImage holds a pod's namespaces.
const pauseImage = "rig.test/pause:1"

// Image gives the node an image that consists of files (path in the image to
// path here, programs linked statically) and runs the command.
func (c *Cluster) Image(t testing.TB, name string, files map[string]string, command ...string) {
	t.Helper()
	if err := c.importImage(name, files, command...); err != nil {
		t.Fatal(err)
	}
}

// GoImage gives the node an image of one Go program, by its package, which is
// /app in there.
func (c *Cluster) GoImage(t testing.TB, name, pkg string, args ...string) {
	t.Helper()
	c.Image(t, name, map[string]string{"/app": Program(t, pkg)}, append([]string{"/app"}, args...)...)
}

// importImage lays the image out as docker save does, the form of fewest parts:
// manifest.json names the configuration and the layers, each a tar.
func (c *Cluster) importImage(name string, files map[string]string, command ...string) error {
	layer, err := layerOf(files)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": command},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	image, err := tarOf([]tarFile{{"manifest.json", manifest}, {"config.json", config}, {"layer.tar", layer}})
	if err != nil {
		return err
	}
	return c.ctr(image, "images", "import", "-")
}

type tarFile struct {
	name    string
	content []byte
}

func tarOf(files []tarFile) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, file := range files {
		if err := w.WriteHeader(&tar.Header{Name: file.name, Mode: 0o755, Size: int64(len(file.content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(file.content); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

func layerOf(files map[string]string) ([]byte, error) {
	var in []tarFile
	for at, from := range files {
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		in = append(in, tarFile{filepath.Clean("/" + at)[1:], content})
	}
	slices.SortFunc(in, func(a, b tarFile) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return tarOf(in)
}

// ctr runs containerd's own client.
func (c *Cluster) ctr(stdin []byte, args ...string) error {
	cmd := exec.Command("ctr", append([]string{"--address", c.path("containerd.sock"), "--namespace", "k8s.io"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ctr %v: %w: %s", args, err, out)
	}
	return nil
}
