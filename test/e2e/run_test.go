package e2e

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/traffictest"
)

// A controller is told of one change after the other while its service is
// under load all the time.
func TestRunFollowsItsDocuments(t *testing.T) {
	p := newPlace(t)
	shop := document{name: "shop", port: freePort(t), min: 3, max: 4}
	side := document{name: "side", port: freePort(t) + 1, min: 1, max: 1}
	p.write("documents/shop.yaml", p.text(shop))
	p.write("documents/side.yaml", p.text(side))
	c := p.control("-f", filepath.Join(p.dir, "documents"))
	before := map[string]map[string]int{"shop": c.untilReady("shop", 3), "side": c.untilReady("side", 1)}
	load := traffictest.Send(t, fmt.Sprintf("127.0.0.1:%d", shop.port), traffictest.Only(traffictest.Gets, traffictest.Posts), 40, 0)

	unchanged := func() {
		t.Helper()
		for _, name := range []string{"shop", "side"} {
			c.decidesOn(name)
			if diff := cmp.Diff(before[name], p.replicas(name)); diff != "" {
				t.Errorf("the replicas of %s changed:\n%s", name, diff)
			}
			if view, _ := c.target(name); view.Max != map[string]int{"shop": 4, "side": 1}[name] {
				t.Errorf("%s may have %d replicas, want what it was", name, view.Max)
			}
		}
	}
	t.Log("a broken document changes nothing, also where another is good")
	said := c.stderr.length()
	p.write("documents/side.yaml", p.text(document{name: "side", port: side.port, min: 1, max: 5}))
	p.write("documents/shop.yaml", strings.Replace(p.text(shop), "max: 4", "max: many", 1))
	c.says(said, `reload refused.*shop\.yaml:11: spec\.replicas\.max`)
	unchanged()

	t.Log("a command that is not there changes nothing")
	said = c.stderr.length()
	p.write("documents/shop.yaml", strings.Replace(p.text(shop), p.program, filepath.Join(p.dir, "nowhere"), 1))
	c.says(said, `reload refused.*shop\.yaml:8: spec\.target\.process\.command: .*nowhere: no such file`)
	unchanged()

	t.Log("a port that is taken changes nothing")
	said = c.stderr.length()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p.write("documents/shop.yaml", p.text(shop))
	p.write("documents/third.yaml", p.text(document{name: "third", port: taken.Addr().(*net.TCPAddr).Port, min: 1, max: 1}))
	c.says(said, `reload refused.*third.*address already in use`)
	unchanged()
	p.remove("documents/third.yaml")

	t.Log("a good document is applied")
	shop.min, shop.max = 2, 2
	p.write("documents/side.yaml", p.text(side))
	p.write("documents/shop.yaml", p.text(shop))
	for id := range c.untilReady("shop", 2) {
		if before["shop"][id] == 0 {
			t.Errorf("replica %s is new, want two of those that were there", id)
		}
	}

	t.Log("another command is rolled out")
	old := p.replicas("shop")
	shop.args = "--slots, '8'"
	p.write("documents/shop.yaml", p.text(shop))
	eventually(t, patience, "all replicas are new", func() bool {
		return !slices.ContainsFunc(slices.Collect(maps.Keys(p.replicas("shop"))), func(id string) bool { return old[id] != 0 })
	}, sprint(func() any { return p.replicas("shop") }))
	c.untilReady("shop", 2)

	t.Log("a document that is gone ends its replicas")
	p.remove("documents/side.yaml")
	eventually(t, patience, "side has no replica", func() bool { return len(p.replicas("side")) == 0 }, sprint(func() any { return p.replicas("side") }))
	eventually(t, patience, "side is forgotten", func() bool { _, known := c.target("side"); return !known }, func() string { return "" })
	c.decidesOn("shop")

	load.End()
	load.Perfect()
	c.ends(syscall.SIGTERM, 0)
	if left := p.processes(); len(left) > 0 {
		t.Errorf("left after SIGTERM: %+v", left)
	}
}

// The balancer can be told another port, and is started again when it dies;
// the replicas see nothing of either.
func TestRunLooksAfterItsBalancer(t *testing.T) {
	p := newPlace(t)
	shop := document{name: "shop", port: freePort(t), min: 2, max: 2}
	file := p.write("shop.yaml", p.text(shop))
	c := p.control("-f", file)
	pids := c.untilReady("shop", 2)
	old := fmt.Sprintf("127.0.0.1:%d", shop.port)
	answers(t, old)

	shop.port++
	address := fmt.Sprintf("127.0.0.1:%d", shop.port)
	p.write("shop.yaml", p.text(shop))
	answers(t, address)
	closed(t, old)
	eventually(t, patience, "the dashboard names the new port", func() bool { view, _ := c.target("shop"); return view.Balancer == address },
		sprint(func() any { view, _ := c.target("shop"); return view.Balancer }))

	for range 3 {
		var before []int
		eventually(t, patience, "one balancer is left", func() bool { before = p.proxies("shop"); return len(before) == 1 },
			sprint(func() any { return before }))
		if err := syscall.Kill(before[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, "another balancer runs", func() bool { now := p.proxies("shop"); return len(now) == 1 && now[0] != before[0] },
			sprint(func() any { return p.proxies("shop") }))
		answers(t, address)
	}
	load := traffictest.Send(t, address, traffictest.Mixed(), 40, time.Second)
	load.Perfect()
	if diff := cmp.Diff(pids, p.replicas("shop")); diff != "" {
		t.Errorf("other replicas (-before +after):\n%s", diff)
	}
	c.ends(syscall.SIGTERM, 0)
}

// answers waits until a service answers at an address.
func answers(t *testing.T, address string) {
	t.Helper()
	last := ""
	eventually(t, patience, "the service answers at "+address, func() bool {
		response, err := http.Get("http://" + address + "/")
		if err != nil {
			last = err.Error()
			return false
		}
		response.Body.Close()
		last = response.Status
		return response.StatusCode == http.StatusOK
	}, func() string { return last })
}

// Only SIGHUP tells of a change that the watcher of files cannot see.
func TestRunReadsAgainOnSIGHUP(t *testing.T) {
	p := newPlace(t)
	shop := document{name: "shop", port: freePort(t), min: 1, max: 3}
	p.write("v1/shop.yaml", p.text(shop))
	shop.min = 2
	p.write("v2/shop.yaml", p.text(shop))
	link := filepath.Join(p.dir, "elsewhere")
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	p.write("documents/.keep", "")
	if err := os.Symlink(filepath.Join(link, "shop.yaml"), filepath.Join(p.dir, "documents/shop.yaml")); err != nil {
		t.Fatal(err)
	}
	c := p.control("-f", filepath.Join(p.dir, "documents/shop.yaml"))
	first := c.untilReady("shop", 1)
	p.remove("elsewhere")
	if err := os.Symlink("v2", link); err != nil {
		t.Fatal(err)
	}
	c.decidesOn("shop")
	if diff := cmp.Diff(first, p.replicas("shop")); diff != "" {
		t.Errorf("the change was seen before SIGHUP:\n%s", diff)
	}
	c.signal(syscall.SIGHUP)
	c.untilReady("shop", 2)
	c.ends(syscall.SIGINT, 0)
}

// Replicas and balancer that are kept are the next controller's: nothing is
// doubled, and who sends requests notices nothing.
func TestRunKeepsReplicasForTheNext(t *testing.T) {
	p := newPlace(t)
	shop := document{name: "shop", port: freePort(t), min: 3, max: 3}
	file := p.write("shop.yaml", p.text(shop))
	c := p.control("-f", file, "--on-exit", "keep")
	pids, proxies := c.untilReady("shop", 3), p.proxies("shop")
	load := traffictest.Send(t, fmt.Sprintf("127.0.0.1:%d", shop.port), traffictest.Mixed(), 40, 0)
	same := func(when string) {
		t.Helper()
		if diff := cmp.Diff(pids, p.replicas("shop")); diff != "" {
			t.Errorf("%s there are other replicas (-before +after):\n%s", when, diff)
		}
		if diff := cmp.Diff(proxies, p.proxies("shop")); diff != "" || len(proxies) != 1 {
			t.Errorf("%s there are other balancers (-before +after):\n%s", when, diff)
		}
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		c.signal(s)
		if got, want := c.wait(patience), map[bool]int{true: -1}[s == syscall.SIGKILL]; got != want {
			t.Errorf("after %v: exit status %d, want %d", s, got, want)
		}
		same(fmt.Sprintf("after %v", s))
		c = p.control("-f", file, "--on-exit", "keep")
		c.untilReady("shop", 3)
		same("under the next controller")
	}

	shop.hold = 5 // would make another balancer of it
	second := p.run("run", "-f", p.write("second.yaml", p.text(shop)), "--listen", "127.0.0.1:0", "--state-dir", p.state())
	if said := second.stderr.String(); second.status != 2 || !strings.Contains(said, "in use by another controller") {
		t.Errorf("a second controller beside the first: exit status %d, said %q, want it refused", second.status, said)
	}
	same("after a second controller was refused")
	load.End()
	load.Perfect()
	c.ends(syscall.SIGTERM, 0)
	same("after the end")
	p.control("-f", file).ends(syscall.SIGTERM, 0)
}

// closed waits until nobody listens at an address any more.
func closed(t *testing.T, address string) {
	t.Helper()
	eventually(t, patience, "nothing is accepted any more", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, func() string { return "" })
}

// One Ctrl-C waits for what is in progress, a second does not.
func TestRunEndsAtOnceOnTheSecondSignal(t *testing.T) {
	p := newPlace(t)
	shop := document{name: "shop", port: freePort(t), min: 2, max: 2}
	c := p.control("-f", p.write("shop.yaml", p.text(shop)))
	pids := c.untilReady("shop", 2)
	requests := traffictest.Only(traffictest.Streams)
	requests[0].URL = "/stream?chunks=10000&interval=100ms"
	long := traffictest.Send(t, fmt.Sprintf("127.0.0.1:%d", shop.port), requests, 20, 2*time.Second)
	view, _ := c.target("shop")
	eventually(t, patience, "streams are in progress", func() bool { view, _ = c.target("shop"); return view.Point.Concurrency >= 4 }, sprint(func() any { return view.Point }))
	c.signal(syscall.SIGINT)
	closed(t, fmt.Sprintf("127.0.0.1:%d", shop.port))
	if diff := cmp.Diff(pids, p.replicas("shop")); diff != "" {
		t.Errorf("the replicas ended with requests in progress:\n%s", diff)
	}
	c.signal(syscall.SIGINT)
	if status := c.wait(5 * time.Second); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	long.End()
}
