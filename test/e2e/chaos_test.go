package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// killer kills controllers and starts them again.
type killer struct {
	place *place
	rng   *rand.Rand
	file  string
	now   *program
}

// kill kills the controller after up to a second of its life, so that also
// one that is still starting is met, and starts the next.
func (k *killer) kill() {
	k.place.t.Helper()
	<-clock.System.After(time.Duration(k.rng.Float64() * float64(time.Second)))
	select {
	case <-k.now.exited:
		k.place.t.Fatalf("the controller ended by itself with status %d: %s", k.now.status, k.now.stderr)
	default:
	}
	k.now.signal(syscall.SIGKILL)
	k.now.wait(patience)
	k.start()
}

func (k *killer) start() {
	k.now = k.place.start("run", "-f", k.file, "--listen", "127.0.0.1:0", "--state-dir", k.place.state())
}

// The controller is killed at random moments while requests flow. As long as
// nothing is to be scaled the next one finds all as it was; while it is, the
// count is right in the end. No client notices anything.
func TestControllerIsKilledAtRandomMoments(t *testing.T) {
	p := newPlace(t)
	const kills = 12 // of each kind
	shop := document{name: "shop", port: freePort(t), min: 3, max: 3}
	k := &killer{place: p, rng: rand.New(rand.NewPCG(5, 5)), file: filepath.Join(p.dir, "shop.yaml")}
	p.write("shop.yaml", p.text(shop))
	k.start()
	p.settled("shop", 3)
	before, proxies := p.replicas("shop"), p.proxies("shop")
	load := traffictest.Send(t, fmt.Sprintf("127.0.0.1:%d", shop.port), traffictest.Mixed(), 60, 0)

	for range kills {
		k.kill()
	}
	p.settled("shop", 3)
	if diff := cmp.Diff(before, p.replicas("shop")); diff != "" {
		t.Errorf("other replicas after %d kills (-before +after):\n%s", kills, diff)
	}
	if diff := cmp.Diff(proxies, p.proxies("shop")); diff != "" {
		t.Errorf("another balancer after %d kills (-before +after):\n%s", kills, diff)
	}

	// Now there is always something to do: another count, and at times another
	// configuration of the balancer.
	survived, met := 0, 0
	for i := range kills {
		shop.min = 2 + 3*(i%2)
		shop.max, shop.hold = shop.min, 1000+i/3
		p.write("shop.yaml", p.text(shop))
		there := p.replicas("shop")
		k.kill()
		for id, pid := range p.replicas("shop") {
			if there[id] == pid {
				survived++
			}
		}
		met += len(there)
	}
	shop.min, shop.max = 4, 4
	p.write("shop.yaml", p.text(shop))
	p.settled("shop", 4)
	if survived < met/3 {
		t.Errorf("%d of %d replicas outlived a controller, want most of those that were to stay", survived, met)
	}
	t.Logf("%d of %d replicas outlived a controller that was told to change their number", survived, met)
	load.End()
	load.Perfect()
	k.now.ends(syscall.SIGTERM, 0)
	if left := p.processes(); len(left) > 0 {
		t.Errorf("left after SIGTERM: %+v", left)
	}
}

// settled waits until there are one controller, one balancer and n replicas,
// and all of these get requests.
func (p *place) settled(name string, n int) {
	p.t.Helper()
	state := func() string {
		return fmt.Sprintf("replicas %v, balancers %v, processes %+v", p.replicas(name), p.proxies(name), p.processes())
	}
	eventually(p.t, patience, fmt.Sprintf("%s has settled at %d replicas", name, n), func() bool {
		replicas := p.replicas(name)
		if len(replicas) != n || len(p.proxies(name)) != 1 || len(p.processes()) != n+2 {
			return false
		}
		backends := slices.DeleteFunc(p.backends(name), func(b balancer.BackendStatus) bool { return b.State != balancer.Active })
		ids := make([]string, len(backends))
		for i, b := range backends {
			ids[i] = b.ID
		}
		return slices.Equal(ids, slices.Sorted(maps.Keys(replicas)))
	}, state)
}
