package cli_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/workload"
)

func plan(t *testing.T, args ...string) cli.Plan {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	var w cli.WorkloadFlags
	w.Add(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	got, err := w.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlan(t *testing.T) {
	trace := write(t, "t_seconds,requests_per_second\n0,1\n60,2\n120,4\n180,8\n")
	requests := write(t, "t_seconds,input_tokens,output_tokens\n0,1,1\n1,1,1\n2,1,1\n3,1,1\n")
	tests := []struct {
		args     []string
		length   time.Duration
		requests float64
		arrivals workload.Kind
		title    string
	}{
		{nil, 30 * time.Second, 1500, workload.Uniform, "50 requests/s, 30s, about 1500 requests, mean 50.0/s, peak 50.0/s"},
		{[]string{"--rps=10", "--duration=1m"}, time.Minute, 600, workload.Uniform, ""},
		{[]string{"--rps=10", "--duration=0s"}, 0, 0, workload.Uniform, "10 requests/s, until interrupted"},
		{[]string{"--rps=10", "--arrivals=poisson"}, 30 * time.Second, 300, workload.Poisson, ""},
		{[]string{"--ramp-start=10", "--ramp-end=30", "--ramp-duration=10s"}, 10 * time.Second, 200, workload.Uniform, "ramp 10 to 30 requests/s, 10s, about 200 requests, mean 20.0/s, peak 30.0/s"},
		{[]string{"--ramp-start=10", "--ramp-end=30", "--ramp-duration=10s", "--hold=20s"}, 30 * time.Second, 800, workload.Uniform, ""},
		{[]string{"--ramp-end=30", "--ramp-duration=10s", "--duration=30s"}, 30 * time.Second, 750, workload.Uniform, ""},
		{[]string{"--ramp-end=30", "--ramp-duration=10s", "--duration=5s"}, 5 * time.Second, 37.5, workload.Uniform, ""},
		{[]string{"--ramp-start=30", "--ramp-end=0", "--ramp-duration=10s"}, 10 * time.Second, 150, workload.Uniform, ""},
		{[]string{"--shape=step", "--speed=60"}, time.Minute, 3600, workload.Poisson, "shape step at speed 60, 1m, about 3600 requests, mean 60.0/s, peak 100/s"},
		{[]string{"--shape=step", "--peak-rps=200", "--speed=60", "--duration=15s"}, 15 * time.Second, 600, workload.Poisson, ""},
		{[]string{"--trace=" + trace}, 4 * time.Minute, 900, workload.Poisson, "trace t.csv, 4m, about 900 requests, mean 3.75/s, peak 8.00/s"},
		{[]string{"--trace=" + trace, "--interpolate"}, 4 * time.Minute, 900, workload.Poisson, ""},
		{[]string{"--trace=" + trace, "--window=1m:3m"}, 2 * time.Minute, 360, workload.Poisson, ""},
		{[]string{"--trace=" + trace, "--window=1m:3m", "--peak-rps=40"}, 2 * time.Minute, 3600, workload.Poisson, ""},
		{[]string{"--trace=" + trace, "--p99-rps=80", "--speed=10", "--arrivals=uniform"}, 24 * time.Second, 900, workload.Uniform, ""},
		{[]string{"--trace=" + requests}, 4 * time.Second, 4, workload.Uniform, ""},
		{[]string{"--trace=" + requests, "--window=1s:3s"}, 2 * time.Second, 2, workload.Uniform, ""},
		{[]string{"--trace=" + requests, "--peak-rps=10"}, 4 * time.Second, 40, workload.Uniform, ""},
	}
	for _, tt := range tests {
		got := plan(t, tt.args...)
		if got.Shape.Duration() != tt.length || got.Arrivals != tt.arrivals {
			t.Errorf("%v: got %v of %s arrivals, want %v of %s", tt.args, got.Shape.Duration(), got.Arrivals, tt.length, tt.arrivals)
		}
		if n := got.Shape.Expected(tt.length); math.Abs(n-tt.requests) > 1e-6 {
			t.Errorf("%v: got %v requests, want %v", tt.args, n, tt.requests)
		}
		if tt.title != "" && got.String() != tt.title {
			t.Errorf("%v: got title %q, want %q", tt.args, got, tt.title)
		}
	}
}
