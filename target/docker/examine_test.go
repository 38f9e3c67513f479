package docker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// What the engine would refuse at every start is found before the first one.
func TestWhatCanNeverStartIsFoundBefore(t *testing.T) {
	daemon := dockertest.Engine(t)
	daemon.Image(t, image)
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		what    string
		change  func(*docker.Config)
		message string // "": nothing is wrong
	}{
		{"all is there", func(*docker.Config) {}, ""},
		{"a network", func(c *docker.Config) { c.Networks = []string{"bridge"} }, ""},
		{"a network that is not there", func(c *docker.Config) { c.Networks = []string{"nosuch"} }, "no network nosuch"},
		{"more cores than there are", func(c *docker.Config) { c.Limits.CPUs = 4096 }, "limits.cpus"},
		{"a folder", func(c *docker.Config) { c.Mounts = []string{t.TempDir() + ":/x:ro"} }, ""},
		{"a folder that is not there", func(c *docker.Config) { c.Mounts = []string{missing + ":/x"} }, missing},
	} {
		t.Run(test.what, func(t *testing.T) {
			cfg := webConfig(daemon)
			test.change(&cfg)
			var wrong []string
			for _, found := range cfg.Examine(t.Context()) {
				if found.Fix != "" {
					wrong = append(wrong, found.Message)
				}
			}
			got := strings.Join(wrong, "\n")
			if (test.message == "") != (got == "") || !strings.Contains(got, test.message) {
				t.Errorf("got %q, want %q", got, test.message)
			}
		})
	}
}

// A typing error in a path must not make a folder of root's on the host.
func TestAMountOfWhatIsNotThereIsToldAndNotMade(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	w := newWorld(t, func(cfg *docker.Config) { soon(cfg); cfg.Mounts = []string{missing + ":/x:ro"} })
	w.Run()
	w.Set(1)
	s := w.Until("it is told", targettest.Told(docker.MountMissing))
	if c := targettest.Condition(s, docker.MountMissing); !strings.Contains(c.Message, missing) {
		t.Errorf("told is %+v", c)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Errorf("%s was made on the host", missing)
	}
	if err := os.Mkdir(missing, 0o755); err != nil {
		t.Fatal(err)
	}
	w.Until("it is ready", targettest.Ready(1))
}
