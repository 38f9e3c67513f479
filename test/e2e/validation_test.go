package e2e

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app/demo"
)

// Bounds of what the simulator may be wrong by, on a machine that is shared.
// What it is wrong by on a quiet one is in docs/validation.md.
const (
	latencyBound      = 0.25
	replicaHoursBound = 0.20
	violationBound    = 0.02 // of the requests
)

// The simulator says beforehand what real processes, a real balancer and real
// requests then come to.
func TestSimulationSaysWhatReallyHappens(t *testing.T) {
	for _, shape := range []string{"step", "diurnal-flash"} {
		t.Run(shape, func(t *testing.T) {
			p := newPlace(t)
			args := []string{"--shape", shape, "--duration", "60s", "--speed", "15", "--peak-rps", "150", "--max", "8", "--policy", "hpa"}
			want := p.simulated(args...)
			got := p.scorecard(args...)
			t.Logf("p95 %.0f ms, simulated %.0f; replica-hours %.4f, simulated %.4f; violations %.2f %%, simulated %.2f %%",
				1000*got.P95, 1000*want.P95, got.ReplicaHours, want.ReplicaHours, 100*got.ViolationRatio, 100*want.ViolationRatio)
			near(t, "p50", got.P50, want.P50, latencyBound)
			near(t, "p95", got.P95, want.P95, latencyBound)
			near(t, "replica-hours", got.ReplicaHours, want.ReplicaHours, replicaHoursBound)
			if math.Abs(got.ViolationRatio-want.ViolationRatio) > violationBound {
				t.Errorf("violations: got %.2f %%, simulated %.2f %%, want them within %.0f points", 100*got.ViolationRatio, 100*want.ViolationRatio, 100*violationBound)
			}
		})
	}
}

// simulated plays a demonstration in the simulator.
func (p *place) simulated(args ...string) demo.Result {
	p.t.Helper()
	r := p.start(quickDemo(append(args, "--simulate", "--json")...)...)
	if status := r.wait(time.Minute); status != 0 {
		p.t.Fatalf("exit status %d", status)
	}
	var result demo.Result
	if err := json.Unmarshal([]byte(r.stdout.String()), &result); err != nil {
		p.t.Fatalf("%v in %s", err, r.stdout)
	}
	if !result.Simulated {
		p.t.Error("the result does not say that it was simulated")
	}
	return result
}

func near(t *testing.T, what string, got, want, bound float64) {
	t.Helper()
	if !(math.Abs(got/want-1) <= bound) {
		t.Errorf("%s: got %.4f, simulated %.4f, want them within %.0f %%", what, got, want, 100*bound)
	}
}
