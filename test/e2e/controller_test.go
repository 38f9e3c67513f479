package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin/remote"
	"github.com/flyball-io/flyball/web"
)

// controller is a running `flyball run`.
type controller struct {
	*program
	place     *place
	dashboard string // http://host:port
}

// control starts a controller and waits until its dashboard answers.
func (p *place) control(args ...string) *controller {
	p.t.Helper()
	return p.controlIn(nil, args...)
}

// controlIn is control with changes to the environment.
func (p *place) controlIn(environment []string, args ...string) *controller {
	p.t.Helper()
	args = append([]string{"run", "--listen", "127.0.0.1:0", "--state-dir", p.state()}, args...)
	c := &controller{program: p.startIn(environment, args...), place: p}
	c.dashboard = c.says(0, `msg="flyball runs".* dashboard=(\S+)`)
	return c
}

// target asks the API for one autoscaler; false when it does not know it.
func (c *controller) target(name string) (web.TargetView, bool) {
	c.t.Helper()
	var answer struct{ Target web.TargetView }
	response, err := http.Get(c.dashboard + "/api/v1/targets/" + name)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return web.TargetView{}, false
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		c.t.Fatalf("target %s: %s: %v", name, response.Status, err)
	}
	return answer.Target, true
}

// ready are the names of the replicas that take work.
func (c *controller) ready(name string) []string {
	c.t.Helper()
	ids := []string{}
	view, _ := c.target(name)
	for _, r := range view.Replicas {
		if r.Phase == "ready" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// untilReady waits until the autoscaler has n replicas, all of them ready,
// and no others.
func (c *controller) untilReady(name string, n int) map[string]int {
	c.t.Helper()
	var pids map[string]int
	eventually(c.t, patience, fmt.Sprintf("%s has %d replicas, all ready", name, n), func() bool {
		pids = c.place.replicas(name)
		return len(pids) == n && slices.Equal(c.ready(name), slices.Sorted(maps.Keys(pids)))
	}, sprint(func() any { view, _ := c.target(name); return []any{view.Replicas, c.place.replicas(name)} }))
	return pids
}

// newest is the instant of the newest decision, in Unix seconds.
func (c *controller) newest(name string) float64 {
	c.t.Helper()
	view, known := c.target(name)
	if !known || view.Decision == nil {
		return 0
	}
	return view.Decision.Until
}

// decidesOn waits for two more decisions: the loop goes on.
func (c *controller) decidesOn(name string) {
	c.t.Helper()
	for range 2 {
		last := c.newest(name)
		eventually(c.t, patience, "the next decision about "+name, func() bool { return c.newest(name) > last }, func() string { return "" })
	}
}

// backends are the replicas as the balancer's process sees them; none while
// it does not answer.
func (p *place) backends(name string) []balancer.BackendStatus {
	all, err := remote.NewClient(app.Socket(p.state(), name)).Backends(context.Background())
	if err != nil {
		return nil
	}
	return all
}

// proxies are the balancer processes of an autoscaler; one that has handed
// over and has connections left is among them.
func (p *place) proxies(name string) []int {
	var pids []int
	for _, r := range p.processes() {
		if strings.Contains(r.command, " proxy --socket "+app.Socket(p.state(), name)) {
			pids = append(pids, r.pid)
		}
	}
	return pids
}

// document is an autoscaler of sample apps.
type document struct {
	name     string
	port     int // of the service
	min, max int
	args     string // more arguments of the sample app, as a YAML list without brackets
	hold     int    // holdLimit of the balancer; 0: its default
}

func (p *place) text(d document) string {
	args := ""
	if d.args != "" {
		args = ", " + d.args
	}
	return fmt.Sprintf(`apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: %s}
spec:
  sync: 500ms
  target:
    process:
      command: [%q, sample-app, --service-mean, 20ms%s]
      port: %d
      readiness: {path: /healthz, interval: 500ms}
  replicas: {min: %d, max: %d}
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 20}]}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  balancer: {builtin: {metricWindow: 2s, holdLimit: %d}}
`, d.name, p.program, args, d.port, d.min, d.max, cmp.Or(d.hold, 1000))
}

// freePort is a port outside the ephemeral range that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	first := 10_000 + os.Getpid()%5_000
	for port := first; port < first+1000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}
