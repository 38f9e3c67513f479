package evaluate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

const shippedProtocol = "../bench/protocol.yaml"

func TestTheProtocolOfTheRepositoryIsRight(t *testing.T) {
	p, err := ReadProtocol(shippedProtocol, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.Tune) + len(p.Report); n < 12 || len(p.Policies) < 8 {
		t.Errorf("%d traces and %d policies, want at least 12 and 8", n, len(p.Policies))
	}
	// What settings are chosen on is never what figures are told of.
	for _, tune := range p.Tune {
		for _, report := range p.Report {
			if tune.File == report.File {
				t.Errorf("%s and %s are of the same file %s", tune.Name, report.Name, tune.File)
			}
		}
	}
	s, err := p.Scenario()
	if err != nil || s.Service.CapacityPerReplica() != 50 || !near(s.Objective.Target, 0.999, 1e-12) {
		t.Errorf("got %+v, %v; want 50 requests/s per replica and 99.9 %%", s, err)
	}
}

// A fault names file, line and field, and says what is allowed.
func TestAProtocolIsReadStrictly(t *testing.T) {
	sound, err := os.ReadFile(shippedProtocol)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ old, replaced, want string }{
		"unknown field":     {"p99RPS: 1500", "p99RPS: 1500\np95RPS: 3", "p95RPS: unknown field"},
		"wrong type":        {"smooth: 400", "smooth: lots", "smooth: must be a number"},
		"missing":           {"fluid: {seeds: 10}", "", "fluid: is required but missing"},
		"duration":          {"startup: 30s", "startup: 30", "replicas.startup: must be a duration"},
		"law":               {"law: lognormal", "law: normal", "service.law: must be one of"},
		"topology":          {"roundrobin, random", "roundrobin, best", `topologies.names[4]: unknown topology "best"`},
		"trace of topology": {"traces: [worldcup-june", "traces: [worldcup-july", `topologies.traces[0]: "worldcup-july" is none of`},
		"name twice":        {"name: m-small-dips", "name: m-small", `"m-small" is already the name of`},
		"window":            {`"5d8h:5d20h"`, `"5d20h:5d8h"`, "must end after it begins"},
		"level":             {"[0.001, 0.01]", "[0.001, 1.5]", "levels[1]: must be above 0 and below 1"},
		"variant's trace":   {"traces: [worldcup-crowd, worldcup-june, worldcup-match,", "traces: [nasa-july,", `variants.scenarios[0]: trace "nasa-july" is none of report`},
		"variant twice":     {"name: startup-120s", "name: startup-5s", `variants.scenarios[1].name: must be given once`},
		"variant's field":   {"replicas: {startup: 5s}", "replicas: {start: 5s}", "start: unknown field"},
		"impossible":        {"service: {cv: 3}, objective: {threshold: 5s}", "service: {cv: 3}", "variants.scenarios[4]: objective:"},
		"without":           {"without: [\"hpa:cpuUtilization=50\"", "without: [\"hpa:cpuUtilization=55\"", `events.without[0]: "hpa:cpuUtilization=55" is none of policies`},
		"candidate":         {"candidate: predictive", "candidate: nonsense", `candidate: unknown policy`},
		"policy":            {"- static\n", "- nonsense\n", `policies[0]: unknown policy`},
		"excerpt":           {"[peak, trough, rise]", "[peak, valley]", "events.excerpts[1]: must be one of peak, trough, rise"},
	} {
		text := strings.Replace(string(sound), tc.old, tc.replaced, 1)
		if text == string(sound) {
			t.Fatalf("%s: %q is not in the protocol", name, tc.old)
		}
		path := filepath.Join(t.TempDir(), "protocol.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadProtocol(path, func(policy string) error {
			if policy == "nonsense" {
				return errors.New("unknown policy")
			}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), path+":") {
			t.Errorf("%s: got %v, want %s:LINE: … %s", name, err, path, tc.want)
		}
	}
}

func TestExcerptsAreWhereTheTraceIsHard(t *testing.T) {
	s := sim.Default()
	// Low for two hours, then a rise in ten minutes to a plateau, in hour six a
	// peak above it.
	s.Load = workload.Steps{{RPS: 100, For: time.Hour}, {RPS: 20, For: 2 * time.Hour}, {RPS: 400, For: 3 * time.Hour}, {RPS: 500, For: 10 * time.Minute}, {RPS: 400, For: 2 * time.Hour}}
	s.Warmup = 30 * time.Minute
	cases := Cut(Case{Trace: "t", Scenario: s, Fluid: true}, Excerpts(), time.Hour, 10*time.Minute)
	if len(cases) != 3 {
		t.Fatalf("got %d excerpts, want 3", len(cases))
	}
	for i, want := range []struct {
		name        string
		has, hasNot float64
	}{{"t/peak", 500, 20}, {"t/trough", 20, 400}, {"t/rise", 400, 500}} {
		c := cases[i]
		if c.Trace != want.name || c.Fluid || c.Scenario.Length() != 70*time.Minute || c.Scenario.Warmup != 10*time.Minute {
			t.Errorf("got %s of %v after %v, want %s of an hour after 10 min", c.Trace, c.Scenario.Length(), c.Scenario.Warmup, want.name)
		}
		has, hasNot := false, false
		for at := c.Scenario.Warmup; at < c.Scenario.Length(); at += time.Minute {
			rate := c.Scenario.Load.Rate(at)
			has, hasNot = has || rate == want.has, hasNot || rate == want.hasNot
		}
		if !has || hasNot {
			t.Errorf("%s: holds %v %v and %v %v", c.Trace, want.has, has, want.hasNot, hasNot)
		}
	}
	s.Load = workload.Constant{RPS: 10, For: 90 * time.Minute}
	if short := Cut(Case{Trace: "t", Scenario: s}, Excerpts(), time.Hour, time.Minute); len(short) != 1 || short[0].Trace != "t/whole" {
		t.Errorf("an hour after the warm-up: got %d excerpts, want it whole", len(short))
	}
}
