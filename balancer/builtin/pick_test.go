package builtin

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/flyball-io/flyball/balancer"
)

func withLoads(loads ...int) []*backend {
	var out []*backend
	for i, n := range loads {
		out = append(out, &backend{Backend: balancer.Backend{ID: fmt.Sprint(i)}, inFlight: n})
	}
	return out
}

func TestLeastConnectionsPicksAMinimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &leastConnections{}
		for range rapid.IntRange(1, 20).Draw(t, "picks") {
			loads := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 12).Draw(t, "loads")
			ready := withLoads(loads...)
			got := p.pick(ready)
			for _, b := range ready {
				if b.inFlight < got.inFlight {
					t.Fatalf("loads %v: picked one with %d, %d was there", loads, got.inFlight, b.inFlight)
				}
			}
		}
	})
}

func TestTiesGoRound(t *testing.T) {
	for _, load := range []int{0, 3} {
		p := &leastConnections{}
		ready := withLoads(load, load, load, load+1)
		counts := map[string]int{}
		for range 300 {
			counts[p.pick(ready).ID]++
		}
		if counts["0"] != 100 || counts["1"] != 100 || counts["2"] != 100 {
			t.Errorf("load %d: got %v, want 100 each on 0, 1 and 2", load, counts)
		}
	}
}

func TestPowerOfTwoNeverPicksTheBusiest(t *testing.T) {
	cfg := Default()
	cfg.Algorithm = PowerOfTwo
	p := newPicker(cfg)
	ready := withLoads(1, 1, 9, 1)
	counts := map[string]int{}
	for range 3000 {
		counts[p.pick(ready).ID]++
	}
	if counts["2"] != 0 {
		t.Errorf("the busiest was picked %d times; the other of any two is less busy", counts["2"])
	}
	for _, id := range []string{"0", "1", "3"} {
		if counts[id] < 700 {
			t.Errorf("got %v, want about 1000 each", counts)
		}
	}
}

func TestPowerOfTwoRepeatsWithItsSeed(t *testing.T) {
	sequence := func(seed uint64) string {
		cfg := Default()
		cfg.Algorithm, cfg.Seed = PowerOfTwo, seed
		p, ready, out := newPicker(cfg), withLoads(0, 0, 0, 0), ""
		for range 40 {
			out += p.pick(ready).ID
		}
		return out
	}
	first, again, other := sequence(1), sequence(1), sequence(2)
	if first != again || first == other {
		t.Errorf("seed 1: %s and %s, seed 2: %s", first, again, other)
	}
}

func TestTriedBackendsComeLast(t *testing.T) {
	ready := withLoads(0, 0, 0)
	if got := without(ready, ready[:2]); len(got) != 1 || got[0] != ready[2] {
		t.Errorf("got %v, want only the one not tried", got)
	}
	if got := without(ready, ready); len(got) != 3 {
		t.Errorf("got %v, want all when every one was tried", got)
	}
}

func BenchmarkLeastConnections(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ready := withLoads(make([]int, n)...)
			for _, r := range ready {
				r.inFlight = 1 // no shortcut to an idle one
			}
			p := &leastConnections{}
			for b.Loop() {
				p.pick(ready)
			}
		})
	}
}
