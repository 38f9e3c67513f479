//go:build linux

package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// learning is a document whose operator has something to remember: a rule that
// waits, and a forecaster.
func learning(s *site) string {
	text := fmt.Sprintf(byPrometheus, s.name, s.prometheus.url)
	met := fmt.Sprintf("signals: [{name: violationRatio, interval: 1s, prometheus: {server: %q, query: zero, newestQuery: newest}}, ", s.prometheus.url)
	return strings.Replace(text, "signals: [", met, 1) + `  cooldown: {scaleDown: 10m}
  objective: {latency: {threshold: 500ms, target: 99%}}
  shadows: [{predictive: {service: {serviceMean: 100ms, concurrency: 1}}}]
`
}

// The process of the instance that acts is killed as the load rises: the other one
// acts when the Lease has run out, with the right count, the cooldown that the
// first began, and what its forecaster had learned.
func TestTheLeaderIsKilled(t *testing.T) {
	c := installWhatShips(t)
	first := c.process(t)
	s := c.site(t, 25)
	c.Apply(t, c.namespace, learning(s))
	s.reaches(t, 3)
	clustertest.Eventually(t, 3*time.Minute, func(ctx context.Context) error { // within the two minutes of the first one
		out, err := c.KubectlCommand(ctx, c.Kubeconfig, "get", "fasm", "web", "-n", c.namespace, "-o", "jsonpath={.decider}").CombinedOutput()
		if err == nil && len(out) < 100 {
			err = errors.New("is empty")
		}
		return err
	})
	s.load(45) // and of this one no memory is kept
	s.reaches(t, 5)
	c.says(t, "web", "{.status.decisions[0].to}", "5")
	second := c.process(t)
	second.says(t, "acquire leader lease")

	s.load(65)
	first.kill(t)
	recovered(t, "leader killed, with the Lease of 15 s, until the next has set the count", s.reaches(t, 7))
	s.load(12)
	s.keeps(t, 7, 5*time.Second)
	c.says(t, "web", "{.status.reason}", "Cooldown")
	s.only(t, 1, 3, 5, 7)
	if said := second.log(); strings.Contains(said, "start without memory") || strings.Contains(said, "were fed with the past") {
		t.Errorf("the second does not go on with what the first had learned:\n%s", said)
	}
}

// process is flyball operator as a program.
type process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex // guards said
	said bytes.Buffer
}

func (p *process) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(line)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// process begins one, with the rights that are shipped, which looks after the
// namespace of the test.
func (c *installed) process(t *testing.T) *process {
	t.Helper()
	p := &process{cmd: exec.Command(clustertest.Program(t, "github.com/flyball-io/flyball/cmd/flyball"),
		"operator", "--namespace", own, "--namespaces", c.namespace, "--listen", "127.0.0.1:0", "--health-listen", "0")}
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+c.rights)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("an operator said:\n%s", p.log())
		}
	})
	return p
}

// kill ends it as a power cut does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // that it was killed
}

// says waits until it has said something.
func (p *process) says(t *testing.T, what string) {
	t.Helper()
	until(t, 30*time.Second, func() bool { return strings.Contains(p.log(), what) })
}
