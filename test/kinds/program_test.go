//go:build linux

package kinds

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/testenv"
)

// patience is how long a test waits for what should take a moment: the machine
// may be busy with other things.
const patience = time.Minute

// flyball is the program, built once.
var flyball = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fly")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "flyball")
	out, err := exec.Command("go", "build", "-o", file, "github.com/flyball-io/flyball/cmd/flyball").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return file, err
})

// place is where one test works.
type place struct {
	t                    *testing.T
	program, dir, listen string
	document             string
}

func newPlace(t *testing.T, document string) *place {
	t.Helper()
	testenv.Long(t)
	program, err := flyball()
	must(t, err)
	dir, err := os.MkdirTemp("", "fly") // the path of a socket must be short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755)) // nginx's workers run as nobody
	p := &place{t: t, program: program, dir: dir, listen: freeAddress(t), document: filepath.Join(dir, "shop.yaml")}
	must(t, os.WriteFile(p.document, []byte(document), 0o600))
	t.Cleanup(func() {
		if out, err := p.run("stop", "--all", "--yes", "--state-dir", p.state()); t.Failed() {
			t.Logf("%v: %s", err, out)
		}
	})
	return p
}

func (p *place) state() string { return filepath.Join(p.dir, "state") }

// run runs a command to its end.
func (p *place) run(args ...string) (string, error) {
	cmd := exec.Command(p.program, args...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// says fails unless a command succeeds, or fails, with all of these in what it
// prints.
func (p *place) says(succeeds bool, args []string, wants ...string) {
	p.t.Helper()
	out, err := p.run(args...)
	if (err == nil) != succeeds {
		p.t.Errorf("%v: %v: %s", args, err, out)
	}
	for _, want := range wants {
		if !regexp.MustCompile(want).MatchString(out) {
			p.t.Errorf("%v: got %s, want %s", args, out, want)
		}
	}
}

// controller is a `flyball run`.
type controller struct {
	*place
	cmd *exec.Cmd
	out *bytes.Buffer
	api *client.Client
}

// control starts the controller and waits until it answers.
func (p *place) control() *controller {
	p.t.Helper()
	c := &controller{place: p, out: &bytes.Buffer{}}
	c.cmd = exec.Command(p.program, "run", "-f", p.document, "--state-dir", p.state(), "--listen", p.listen)
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = p.dir, c.out, c.out
	must(p.t, c.cmd.Start())
	p.t.Cleanup(func() {
		c.kill()
		if p.t.Failed() {
			p.t.Logf("flyball run:\n%s", c.out.String())
		}
	})
	api, err := client.New(client.Options{Server: "http://" + p.listen})
	must(p.t, err)
	c.api = api
	eventually(p.t, "the controller answers", func() bool { _, err := api.Target(p.t.Context(), "shop"); return err == nil })
	return c
}

// kill ends the controller as kill -9 does.
func (c *controller) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// stop asks the controller to end, and waits for it.
func (c *controller) stop() {
	c.t.Helper()
	must(c.t, c.cmd.Process.Signal(syscall.SIGTERM))
	var status *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &status) {
		c.t.Error(err)
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 && code != 130 && code != 143 {
		c.t.Errorf("exit status %d", code)
	}
}

// ready are the replicas that take work, sorted.
func (c *controller) ready() []string {
	d, err := c.api.Target(c.t.Context(), "shop")
	if err != nil {
		return nil
	}
	var ids []string
	for _, r := range d.Target.Replicas {
		if r.Phase == "ready" {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// untilReady waits until so many replicas take work and returns them.
func (c *controller) untilReady(what string, fits func(n int) bool) []string {
	c.t.Helper()
	var ids []string
	eventually(c.t, what, func() bool { ids = c.ready(); return fits(len(ids)) })
	return ids
}

func freeAddress(t *testing.T) string {
	t.Helper()
	for range 20 { // free for TCP and UDP
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		address := l.Addr().String()
		u, err := net.ListenPacket("udp", address)
		l.Close()
		if err == nil {
			u.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
