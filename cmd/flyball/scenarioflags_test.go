package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// scenarioOf reads flags as a command without a document does.
func scenarioOf(t *testing.T, args ...string) (sim.Scenario, error) {
	t.Helper()
	f, flags := &scenarioFlags{}, pflag.NewFlagSet("test", pflag.ContinueOnError)
	f.addService(flags)
	f.addRules(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f.scenario()
}

// Without a flag it is the scenario of the evaluation.
func TestTheUsualScenario(t *testing.T) {
	got, err := scenarioOf(t)
	want := sim.Default()
	if err != nil || got.Service != want.Service || got.Objective != want.Objective || got.Replicas != want.Replicas ||
		got.Metrics != want.Metrics || got.Sync != want.Sync || got.Seed != want.Seed {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestFlagsOfAScenario(t *testing.T) {
	times := filepath.Join(t.TempDir(), "times")
	if err := os.WriteFile(times, []byte("# measured\n0.1\n0.3 # slow\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := scenarioOf(t, "--service-law", times, "--concurrency=2", "--topology=p2c", "--startup=1m", "--slo=1s", "--target=99",
		"--min=2", "--max=9", "--initial=4", "--sync=30s", "--scrape=10s", "--metric-window=1m", "--warmup=1h", "--seed=7")
	if err != nil {
		t.Fatal(err)
	}
	if law := got.Service.Law; law.Mean() != 0.2 || got.Service.Slots != 2 || got.Service.Topology != queueing.PowerOfTwo {
		t.Errorf("service: got %+v", got.Service)
	}
	r := got.Replicas
	if r.Min != 2 || r.Max != 9 || r.Initial != 4 || r.Startup != time.Minute || got.Sync != 30*time.Second || got.Warmup != time.Hour || got.Seed != 7 {
		t.Errorf("got %+v", got)
	}
	if got.Metrics.Scrape != 10*time.Second || got.Metrics.Window != time.Minute || got.Objective.Target != 0.99 || got.Objective.Threshold.Std() != time.Second {
		t.Errorf("got %+v, %+v", got.Metrics, got.Objective)
	}
}

func TestFlagsThatMakeNoScenario(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("0.1\nsoon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--service-mean=0s":    "--service-mean: must be at least 0.1ms, got 0s",
		"--service-mean=1ns":   "--service-mean: must be at least 0.1ms, got 1ns",
		"--service-cv=-1":      "--service-cv: must be 0 to 100, got -1",
		"--service-law=normal": `--service-law: must be lognormal, exponential, deterministic or a file of times in seconds, got "normal", which is no file`,
		"--service-law=" + bad: bad + `:2: must be a number of seconds, got "soon"`,
		"--concurrency=0":      "--concurrency: must be 1 to 10000, got 0",
		"--topology=star":      `--topology: unknown topology "star": must be one of leastconn, central, random, roundrobin, p2c`,
		"--startup=-1s":        "--startup: must be 0 to 24h, got -1s",
		"--scrape=0s":          "--scrape: must be 100ms to 1h, got 0s",
		"--metric-window=1ns":  "--metric-window: must be 100ms to 1h, got ",
		"--max=1000000":        "--max: must be 1 to 100000, got 1000000",
	} {
		if _, err := scenarioOf(t, args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

func TestLoadsOfAScenario(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "nasa.csv")
	if err := os.WriteFile(trace, []byte("t_seconds,requests_per_second\n0,10\n60,40\n120,20\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(source string, args ...string) (loadOf, error) {
		f, flags := &traceFlags{}, pflag.NewFlagSet("test", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		return f.open(source)
	}
	for _, tc := range []struct {
		source, name string
		args         []string
		peak         float64
		length       time.Duration
	}{
		{"shape:ramp", "ramp", []string{"--peak-rps=250"}, 250, time.Hour},
		{"shape:diurnal", "diurnal", []string{"--window=0m:30m", "--peak-rps=10"}, 10, 30 * time.Minute},
		{trace, "nasa", []string{"--smooth=0"}, 40, 3 * time.Minute},
		{trace, "nasa", []string{"--smooth=0", "--window=0s:1m", "--peak-rps=5"}, 5, time.Minute},
	} {
		got, err := open(tc.source, tc.args...)
		if err != nil {
			t.Errorf("%s %v: %v", tc.source, tc.args, err)
			continue
		}
		if peak := workload.Peak(got.Shape); peak < tc.peak*0.99 || peak > tc.peak*1.01 || got.Shape.Duration() != tc.length || got.Name != tc.name {
			t.Errorf("%s %v: got %s, at most %v for %v; want %s, %v, %v", tc.source, tc.args, got.Name, peak, got.Shape.Duration(), tc.name, tc.peak, tc.length)
		}
	}
	for source, want := range map[string]string{
		"shape:hill": `shape "hill" is not known: must be one of`,
		"diurnal":    "no such file or directory; a shape is named shape:NAME, one of",
	} {
		if _, err := open(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", source, err, want)
		}
	}
	if _, err := open("shape:ramp", "--peak-rps=5", "--p99-rps=5"); err == nil {
		t.Error("two rates were taken")
	}
}
