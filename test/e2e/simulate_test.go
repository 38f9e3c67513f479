package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flyball-io/flyball/app/simulate"
)

// example is a document of the repository.
func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// An hour of a document that names a program which is not there: decided on,
// shown and summed up within seconds, and over by itself.
func TestSimulatedRun(t *testing.T) {
	p := newPlace(t)
	c := p.control("-f", example(t, "process.yaml"), "--simulate", "--speed", "600", "--for", "1h", "--json")
	server := c.dashboard
	eventually(t, patience, "the count follows the load", func() bool {
		view, _ := c.target("shop-web")
		return view.LastChange != nil && view.Point != nil && view.Point.Rate > 10
	}, sprint(func() any { view, _ := c.target("shop-web"); return view }))
	// The first change may be one on CPU alone: the balancer has counted nothing yet.
	var explained string
	eventually(t, patience, "a change is explained by what the balancer measures", func() bool {
		explained = p.run("explain", "--server", server).stdout.String()
		return strings.Contains(explained, "shop-web ") && strings.Contains(explained, "concurrency")
	}, sprint(func() any { return explained }))
	if !strings.Contains(explained, "Simulated: shape diurnal-flash, time runs 600 times faster") {
		t.Errorf("explain: got %s", explained)
	}
	if health := p.run("health", "--server", server); health.status != 0 {
		t.Errorf("health: status %d: %s", health.status, health.stderr)
	}
	if status := c.wait(patience); status != 0 {
		t.Fatalf("exit status %d, want 0", status)
	}
	var r simulate.Result
	if err := json.Unmarshal([]byte(c.stdout.String()), &r); err != nil {
		t.Fatalf("scorecard: %v", err)
	}
	s := r.Services[0]
	// An hour of waves up to 350 requests per second and one flash crowd, of
	// 80 ms each on replicas of 4 slots, at least a minute of it in trouble.
	if s.Target != "shop-web" || s.DurationSeconds != 3600 || s.Requests < 400_000 || s.Requests > 700_000 ||
		s.P50 < 0.06 || s.P50 > 0.09 || s.ReplicaHours < 3 || s.ReplicaHours > 7 || s.MaxReplicas != 10 || s.ScalingActions < 8 {
		t.Errorf("scorecard: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(p.state(), "simulation.db")); err != nil {
		t.Errorf("record: %v", err)
	}
	if left := p.processes(); len(left) > 0 {
		t.Errorf("processes were started: %+v", left)
	}
}

// A person sees at once that nothing is real, how fast it runs, and fresh
// numbers although their clock is slower. Times are those of the simulation,
// also where commands speak of them.
func TestDashboardOfASimulation(t *testing.T) {
	p := newPlace(t)
	b := p.browser()
	c := p.control("-f", example(t, "process.yaml"), "--simulate", "--speed", "60")
	b.open(c.dashboard)
	b.sees("h1", "shop-web")
	b.sees("header .simulated", "simulation", "60 × real time")
	b.sees(".numbers", "Requests", "/s", "Latency p95", "ms")
	b.sees(".backends tbody", "r-0000", "ready")
	b.sees(".foot", "simulated service: lognormal 0.08 s, CV 0.5, 4 at a time, ready after 30s")
	b.sees(".decisions", "→", "/s now", "replicas of")
	if stale := b.text("#stale"); stale != "" {
		t.Errorf("the page takes a simulation for one that has stopped: %s", stale)
	}
	b.shoot("simulation")
	b.click(".decisions > li.change .line")
	b.sees(".trail", "policy", "bounds", "decided")
	b.clean(strings.TrimPrefix(c.dashboard, "http://"))

	if pause := p.run("pause", "shop-web", "--for", "10m", "--server", c.dashboard); !strings.Contains(pause.stdout.String(), "shop-web is paused") {
		t.Errorf("pause: got %s%s", pause.stdout, pause.stderr)
	}
	view, _ := c.target("shop-web")
	if view.Mode != "Paused" || view.Override == nil || view.Override.Until == nil {
		t.Fatalf("got %s with %+v, want a pause that ends", view.Mode, view.Override)
	}
	eventually(t, patience, "ten minutes of pause are over after ten seconds", func() bool {
		view, _ := c.target("shop-web")
		return view.Mode == "Apply" && view.Override == nil
	}, sprint(func() any { view, _ := c.target("shop-web"); return view.Override }))
	if events := p.run("events", "--since", "1h", "--server", c.dashboard); !strings.Contains(events.stdout.String(), "pause ended") {
		t.Errorf("events: got %s%s", events.stdout, events.stderr)
	}
	c.ends(syscall.SIGINT, 0)
	if !strings.Contains(c.stdout.String(), "Scorecard  shop-web, simulated, shape diurnal-flash") {
		t.Errorf("no scorecard: %s", c.stdout)
	}
}

// A simulation neither reads nor writes what live runs remember, and the next
// one begins anew.
func TestASimulationHasARecordOfItsOwn(t *testing.T) {
	p := newPlace(t)
	live := p.write("record", "not to be touched")
	if err := os.Rename(live, filepath.Join(p.state(), "record.db")); err != nil {
		t.Fatal(err)
	}
	for _, length := range []string{"1m", "2m"} {
		if run := p.run("run", "-f", example(t, "process.yaml"), "--state-dir", p.state(), "--listen", "127.0.0.1:0", "--simulate", "--speed", "120", "--for", length); run.status != 0 || strings.Contains(run.stderr.String(), "without memory") {
			t.Fatalf("status %d: %s", run.status, run.stderr)
		}
	}
	if data, err := os.ReadFile(filepath.Join(p.state(), "record.db")); err != nil || string(data) != "not to be touched" {
		t.Errorf("the record of live runs: %q, %v", data, err)
	}
	first := p.control("-f", example(t, "process.yaml"), "--simulate")
	second := p.run("run", "-f", example(t, "process.yaml"), "--state-dir", p.state(), "--listen", "127.0.0.1:0", "--simulate")
	if second.status != 2 || !strings.Contains(second.stderr.String(), "is in use by another simulation") {
		t.Errorf("a second one at the same time: status %d: %s", second.status, second.stderr)
	}
	first.ends(syscall.SIGTERM, 0)
}

// A simulation reloads like any other run, though nothing here is what the
// document names.
func TestASimulationFollowsItsDocument(t *testing.T) {
	p := newPlace(t)
	const text = "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: shop}\nspec:\n  target: {process: {command: [/nowhere/shop], port: 8080}}\n" +
		"  replicas: {min: 1, max: MAX}\n  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}\n"
	file := p.write("shop.yaml", strings.Replace(text, "MAX", "4", 1))
	c := p.control("-f", file, "--simulate")
	c.decidesOn("shop")
	p.write("shop.yaml", strings.Replace(text, "MAX", "3", 1))
	eventually(t, patience, "the new limit holds", func() bool { view, _ := c.target("shop"); return view.Max == 3 && view.Decision.To <= 3 },
		sprint(func() any { view, _ := c.target("shop"); return view }))
	said := c.stderr.length()
	p.write("shop.yaml", strings.NewReplacer("MAX", "3", "concurrency", "memoryUtilization").Replace(text))
	c.says(said, `reload refused.*hpa decides on memoryUtilization, which cannot be simulated`)
	c.ends(syscall.SIGTERM, 0)
}
