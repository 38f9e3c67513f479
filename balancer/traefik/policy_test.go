//go:build unix

package traefik_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
)

const shop = `apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  target: {process: {command: [%q, sample-app, --slots, "2", --service-mean, 50ms, --shutdown-timeout, 1ms], readiness: {path: /healthz}}}
  balancer: {traefik: {file: %q, metrics: {url: %q}}}
  replicas: {min: 1, max: 6}
  objective: {latency: {threshold: 400ms, target: 95%%}}
  sync: 1s
`

// The program, a document that names no policy, and nobody who measures but
// Traefik: 60 requests a second are more than one replica serves (40). Not one is
// lost.
func TestTheDefaultPolicyScalesOnTraefikAlone(t *testing.T) {
	p := start(t, overFile, func(c *traefik.Config, _ *traefik.Site) { c.Threshold *= 4 })
	program := filepath.Join(p.dir, "flyball")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/flyball-io/flyball/cmd/flyball").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	document := filepath.Join(p.dir, "shop.yaml")
	p.Must(os.WriteFile(document, fmt.Appendf(nil, shop, program, p.cfg.File, p.cfg.Metrics.URL), 0o600))
	run := exec.Command(program, "run", "-f", document, "--state-dir", p.state, "--listen", balancertest.FreeAddress(t), "--on-exit", "stop")
	testenv.EndWithTest(run)
	var err error
	run.Stderr, err = os.Create(filepath.Join(p.dir, "run.log"))
	p.Must(err)
	p.Must(run.Start())
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		_ = run.Wait()
		if t.Failed() {
			said, _ := os.ReadFile(filepath.Join(p.dir, "run.log"))
			t.Logf("%s", said)
		}
	})
	p.Eventually("the first replica serves", func() bool { code, _ := p.Get("/"); return code == 200 })
	traffic := traffictest.Send(t, strings.TrimPrefix(p.URL, "http://"), traffictest.Only(traffictest.Gets, traffictest.Posts), 60, 45*time.Second)
	traffic.Perfect()
	text, err := os.ReadFile(p.cfg.File)
	p.Must(err)
	if serving := strings.Count(string(text), `"url"`); serving < 2 {
		t.Errorf("%d replicas serve, want at least 2", serving)
	}
}
