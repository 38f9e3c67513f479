package compose_test

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// shop is a service of which one replica works on 4 requests at a time, 40 ms
// each: about 100 a second. It goes on for a second when it is asked to end, as
// one must whose end others choose.
const shop = `
services:
  web:
    image: web:1
    stop_grace_period: 10s
    environment: {APP: '{"slots": 4, "serviceMean": "40ms", "linger": "1s"}'}
`

// A command and no document: a running project is scaled under real load, out
// and back in, and no request is lost. The containers stay.
func TestRunScalesAProjectUnderLoad(t *testing.T) {
	p := newProject(t, v5, shop)
	p.compose("up", "-d")
	c := p.controller("--max", "4", "--ready", "/healthz", "--publish", "127.0.0.1:18080")
	c.await("a replica answers", func() bool { return get("http://127.0.0.1:18080/") == nil })

	traffic := traffictest.Send(t, "127.0.0.1:18080", traffictest.Mixed(), 120, 40*time.Second)
	c.await("there are more", func() bool { return len(p.names()) >= 2 })
	time.Sleep(5 * time.Second) // all of them under load
	most := len(p.names())
	// Somebody deploys meanwhile: the count of the file is put right again.
	p.compose("up", "-d")
	c.await("the count is as it was", func() bool { return len(p.names()) >= most })
	if !strings.Contains(c.log.String(), "another hand ended a replica") {
		t.Error("the log does not say that somebody else changed the count")
	}
	result := traffic.Perfect()
	t.Logf("%d replicas: %+v", most, result)
	c.end()
	if len(p.names()) == 0 {
		t.Error("the containers went with the controller")
	}
}

// controller is flyball run, as its own process.
type controller struct {
	*project
	cmd  *exec.Cmd
	log  *lockedBuffer
	once sync.Once
}

func (p *project) controller(flags ...string) *controller {
	p.t.Helper()
	program := filepath.Join(p.t.TempDir(), "flyball")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/flyball-io/flyball/cmd/flyball").CombinedOutput(); err != nil {
		p.t.Fatalf("build: %v\n%s", err, out)
	}
	args := append([]string{"run", "--compose", p.name + "/web", "--state-dir", p.t.TempDir(), "--listen", "127.0.0.1:17070"}, flags...)
	c := &controller{project: p, log: &lockedBuffer{}, cmd: exec.Command(program, args...)}
	c.cmd.Env = append(c.cmd.Environ(), "DOCKER_HOST="+p.daemon.Endpoint)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	testenv.EndWithTest(c.cmd)
	if err := c.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.end)
	return c
}

// end ends it as Ctrl-C does.
func (c *controller) end() {
	c.once.Do(func() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		err := c.cmd.Wait()
		c.t.Logf("flyball run ended: %v\n%s", err, c.log)
		if err != nil {
			c.t.Error(err)
		}
	})
}

func (c *controller) await(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited a minute in vain until %s\n%s", what, c.log)
		}
	}
}

func get(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &statusError{resp.Status}
	}
	return nil
}

type statusError struct{ status string }

func (e *statusError) Error() string { return e.status }

// lockedBuffer is written to by a process and read by a test.
type lockedBuffer struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
