package evaluate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// A variant differs in what it says and in nothing else, and its traces are
// played by the same chances.
func TestAVariantIsTheProtocolWithADifference(t *testing.T) {
	p, err := ReadProtocol(shippedProtocol, nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := p.Scenario()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "month.csv")
	if err := os.WriteFile(path, []byte(monthOfHours()), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(string) (*workload.Trace, error) { return workload.OpenTrace(path) }
	seen := map[string]sim.Scenario{}
	for _, v := range p.Variants.Scenarios {
		cases, err := p.VariantCases(v, open)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if len(cases) != len(p.Variants.Traces) {
			t.Errorf("%s: got %d cases, want one for each of %d traces", v.Name, len(cases), len(p.Variants.Traces))
		}
		c := cases[0]
		if name, variant, _ := strings.Cut(c.Trace, "@"); variant != v.Name || c.Scenario.Name != name || !c.Fluid {
			t.Errorf("%s: got trace %s of chances %s, want TRACE@%s of those of the trace, as a fluid", v.Name, c.Trace, c.Scenario.Name, v.Name)
		}
		seen[v.Name] = c.Scenario
	}
	if s := seen["startup-120s"]; s.Replicas.Startup != 2*time.Minute || s.Replicas.Max != base.Replicas.Max || s.Service.CapacityPerReplica() != 50 {
		t.Errorf("startup-120s: got %+v, want a start of 2 minutes and all else as it was", s.Replicas)
	}
	if s := seen["5rps"]; !near(s.Service.CapacityPerReplica(), 5, 1e-9) || s.Objective.Threshold.Std() != 5*time.Second || s.Objective.Target != base.Objective.Target {
		t.Errorf("5rps: got %v requests/s, %+v; want 5, 5 s and the target as it was", s.Service.CapacityPerReplica(), s.Objective)
	}
	if s := seen["cv3"]; !near(s.Service.Law.CV(), 3, 1e-9) || !near(s.Service.Law.Mean(), 0.08, 1e-9) {
		t.Errorf("cv3: got %s, want 80 ms with a coefficient of variation of 3", s.Service.Law)
	}
	if !seen["cpu-only"].Metrics.BalancerOff || seen["small"].Metrics.BalancerOff {
		t.Error("want the balancer off in cpu-only alone")
	}
	if a, b := workload.Peak(seen["small"].Load), workload.Peak(seen["random"].Load); !near(10*a, b, 1e-6*b) {
		t.Errorf("small: peak %v beside %v, want a tenth", a, b)
	}
}

// monthOfHours is a trace of busy and quiet hours.
func monthOfHours() string {
	var rows strings.Builder
	rows.WriteString("t_seconds,requests_per_second\n")
	for h := range 31 * 24 {
		fmt.Fprintf(&rows, "%d,%d\n", h*3600, 1000+h%24*100)
	}
	return rows.String()
}

// Static capacity is that of the service at hand, though the trace has one name.
func TestStaticCapacityFollowsTheService(t *testing.T) {
	all := StaticPeak(100)
	decided := func(mean float64) int {
		s := sim.Default()
		s.Name, s.Load = "one name", workload.Constant{RPS: 1000, For: time.Hour}
		s.Service.Law = queueing.Lognormal(mean, 0.5)
		d, err := all.New(&s)
		if err != nil {
			t.Fatal(err)
		}
		return d.Decide(scale.Observation{At: s.Start}).DesiredReplicas
	}
	if quick, slow := decided(0.080), decided(0.120); quick <= 20 || slow <= 30 || slow > 2*quick {
		t.Errorf("got %d replicas for 80 ms and %d for 120 ms, want some more than 20 and 30", quick, slow)
	}
}
