package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/redistest"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// parts is a controller of several processes over a real Redis.
type parts struct {
	place *place
	redis *redistest.Server
	shop  document
	now   map[roles.Role]*program
}

// inParts starts every role as a process of its own.
func (p *place) inParts(redis *redistest.Server, shop document) *parts {
	c := &parts{place: p, redis: redis, shop: shop, now: map[roles.Role]*program{}}
	p.t.Cleanup(func() { // roles leave replicas and balancer alone
		for _, r := range p.processes() {
			syscall.Kill(r.pid, syscall.SIGKILL)
		}
	})
	p.write("shop.yaml", p.text(shop))
	for _, role := range roles.All() {
		c.start(role)
	}
	return c
}

func (c *parts) arguments(role roles.Role, state string) []string {
	return []string{"run", "-f", filepath.Join(c.place.dir, "shop.yaml"), "--roles", string(role), "--bus", c.redis.Address,
		"--state-dir", state, "--listen", "127.0.0.1:0"}
}

func (c *parts) environment() []string { return []string{"FLYBALL_BUS_PASSWORD=" + c.redis.Password} }

func (c *parts) start(role roles.Role) {
	c.now[role] = c.place.startIn(c.environment(), c.arguments(role, c.place.state())...)
}

// kill ends a role at once.
func (c *parts) kill(role roles.Role) {
	c.now[role].signal(syscall.SIGKILL)
	<-c.now[role].exited
}

// want edits the document.
func (c *parts) want(n int) {
	c.shop.min, c.shop.max = n, n
	c.place.write("shop.yaml", c.place.text(c.shop))
}

// settled waits until there are n replicas and the balancer has exactly these.
func (c *parts) settled(n int) {
	c.place.t.Helper()
	var replicas map[string]int
	var taken []string
	eventually(c.place.t, 2*patience, fmt.Sprintf("there are %d replicas and all of them get requests", n), func() bool {
		replicas, taken = c.place.replicas("shop"), nil
		for _, b := range c.place.backends("shop") {
			if b.State == balancer.Active {
				taken = append(taken, b.ID)
			}
		}
		return len(replicas) == n && slices.Equal(slices.Sorted(maps.Keys(replicas)), taken)
	}, func() string { return fmt.Sprintf("replicas %v, backends %v", replicas, taken) })
}

// Every role is killed, and Redis, while the count changes and requests flow: no
// client notices, and the count is right in the end.
func TestRolesAndRedisAreKilled(t *testing.T) {
	p := newPlace(t)
	c := p.inParts(redistest.Start(t), document{name: "shop", port: freePort(t), min: 2, max: 2})
	c.settled(2)
	load := traffictest.Send(t, fmt.Sprintf("127.0.0.1:%d", c.shop.port), traffictest.Mixed(), 60, 0)
	c.want(4)
	c.settled(4)
	for i, role := range roles.All() {
		c.kill(role)
		c.want(2 + 3*(i%2))
		c.start(role)
		c.settled(c.shop.min)
	}
	c.redis.Kill()
	c.want(3)
	<-clock.System.After(3 * time.Second)
	if n := len(p.replicas("shop")); n == 3 {
		t.Errorf("%d replicas: something was decided without a bus", n)
	}
	c.redis.Run()
	c.settled(3)
	for i := range 4 { // in the middle of a change
		before := len(p.replicas("shop"))
		c.want(3 + 3*((i+1)%2))
		eventually(t, patience, "the executor has begun", func() bool { return len(p.replicas("shop")) != before }, func() string { return "" })
		c.kill(roles.Executor)
		c.start(roles.Executor)
		c.settled(c.shop.min)
	}
	load.End()
	load.Perfect()
}

// A planner that is held up for longer than its lease is replaced; when it goes
// on it does not interfere.
func TestAPlannerThatIsHeldUp(t *testing.T) {
	p := newPlace(t)
	c := p.inParts(redistest.Start(t), document{name: "shop", port: freePort(t), min: 2, max: 2})
	first := c.now[roles.Planner]
	first.says(0, "plans from now on")
	c.settled(2)
	second := p.startIn(c.environment(), c.arguments(roles.Planner, filepath.Join(p.dir, "second"))...)
	second.says(0, "flyball runs")
	first.signal(syscall.SIGSTOP)
	second.says(0, "plans from now on")
	c.want(4)
	c.settled(4)
	from := first.stderr.length()
	first.signal(syscall.SIGCONT)
	first.says(from, "somebody else plans now")
	for end := clock.System.Now().Add(5 * time.Second); clock.System.Now().Before(end); <-clock.System.After(100 * time.Millisecond) {
		if n := len(p.replicas("shop")); n != 4 {
			t.Fatalf("%d replicas, want 4: two planners fight", n)
		}
	}
	second.ends(syscall.SIGTERM, 0)
	first.says(from, "plans from now on")
	c.want(3)
	c.settled(3)
}

// An executor that only acknowledges changes nothing.
func TestAnExecutorOnTrial(t *testing.T) {
	p := newPlace(t)
	redis := redistest.Start(t)
	shop := document{name: "shop", port: freePort(t), min: 2, max: 2}
	c := &parts{place: p, redis: redis, shop: shop, now: map[roles.Role]*program{}}
	p.write("shop.yaml", p.text(shop))
	t.Cleanup(func() {
		for _, r := range p.processes() {
			syscall.Kill(r.pid, syscall.SIGKILL)
		}
	})
	p.startIn(c.environment(), append(c.arguments(roles.Executor, p.state()), "--dry-run")...)
	c.start(roles.Planner)
	c.now[roles.Planner].says(0, `msg=decision.* from=0 to=2`)
	<-clock.System.After(2 * time.Second)
	if n := len(p.replicas("shop")); n != 0 {
		t.Errorf("%d replicas, want none: it was a dry run", n)
	}
}

// What is set by hand at the dashboard reaches the planner, and outlives both.
func TestAPauseReachesThePlanner(t *testing.T) {
	p := newPlace(t)
	c := p.inParts(redistest.Start(t), document{name: "shop", port: freePort(t), min: 2, max: 2})
	c.settled(2)
	address := func() string {
		return c.now[roles.Dashboard].says(0, `msg="flyball runs".* dashboard=(\S+)`)
	}
	executor := c.now[roles.Executor].says(0, `msg="flyball runs".* dashboard=(\S+)`)
	for path, want := range map[string]string{"/metrics": "flyball_changes_total", "/healthz": "ok", "/api/v1/targets": "this process is executor and serves /metrics"} {
		if got := body(t, executor+path); !strings.Contains(got, want) {
			t.Errorf("%s of an executor answers %.200q, want %q", path, got, want)
		}
	}
	if status := p.run("pause", "shop", "--server", address()).status; status != 0 {
		t.Fatalf("pause: exit status %d", status)
	}
	for _, role := range []roles.Role{roles.Dashboard, roles.Planner} {
		c.kill(role)
		c.start(role)
	}
	c.want(4)
	c.now[roles.Planner].says(0, `msg=decision.* mode=Paused from=2 to=4`)
	<-clock.System.After(2 * time.Second)
	c.settled(2)
	if status := p.run("resume", "shop", "--server", address()).status; status != 0 {
		t.Fatalf("resume: exit status %d", status)
	}
	c.settled(4)
}

func body(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A document that is removed ends in all roles: what is in progress is answered,
// and nobody waits for a balancer that has gone first.
func TestADocumentIsRemovedAcrossRoles(t *testing.T) {
	p := newPlace(t)
	c := p.inParts(redistest.Start(t), document{name: "shop", port: freePort(t), min: 2, max: 2})
	c.settled(2)
	stream, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/stream?chunks=100&interval=30ms", c.shop.port)) // takes three seconds
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	began := clock.System.Now()
	p.write("shop.yaml", p.text(document{name: "other", port: freePort(t), min: 1, max: 1}))
	if all, err := io.ReadAll(stream.Body); err != nil || !strings.HasSuffix(string(all), "event: end\ndata: 100\n\n") {
		t.Errorf("what was in progress was cut off after %d bytes: %v", len(all), err)
	}
	eventually(t, 2*patience, "nothing of it is left", func() bool { return len(p.replicas("shop")) == 0 }, func() string { return fmt.Sprint(p.replicas("shop")) })
	took := clock.System.Now().Sub(began)
	t.Logf("ended %v after its document", took)
	if took > 20*time.Second { // the drainTimeout is 30 s
		t.Errorf("it took %v: the executor has waited for a balancer that was gone", took)
	}
	if said := c.now[roles.Executor].stderr.String(); strings.Contains(said, "ends undrained") {
		t.Errorf("a replica was ended undrained:\n%s", said)
	}
	eventually(t, 2*patience, "its balancer ends too", func() bool { return len(p.proxies("shop")) == 0 }, func() string { return fmt.Sprint(p.proxies("shop")) })
}
