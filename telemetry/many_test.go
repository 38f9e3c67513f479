package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/telemetry"
)

// Most that a target may take which has everything: a forecast, eight signals,
// ten guards, a shadow, an objective, a balancer and a budget. docs/metrics.md
// promises the same to who sizes a Prometheus.
const (
	mostSeries = 110
	mostText   = 9 << 10  // bytes of a scrape
	mostMemory = 20 << 10 // bytes of heap
)

// full is what is heard of a target that has everything.
func full(name string) (record.Decided, control.Report) {
	d := decision(name, 5, 9, 8, "bounds")
	d.Decision.Policy = "predictive (requestRate)"
	for _, guard := range []string{"health", "rollout", "data", "behavior", "cooldown", "objective", "wake", "envelope", "budget", "bounds"} {
		d.Decision.Steps = append(d.Decision.Steps, scale.Step{Guard: guard, From: 9, To: 9})
	}
	for _, signal := range []string{"cpuUtilization", "memoryUtilization", "requestRate", "errorRate", "concurrency", "utilization", "violationRatio", "latency"} {
		d.Seen.Signals = append(d.Seen.Signals, record.Measured{Name: signal, Trust: scale.Fresh, Value: 0.7321, P50: 0.1, P95: 0.2, P99: 0.3, At: time.Now()})
	}
	d.Decision.Recommendation.Proposals = []scale.Proposal{{Signal: "forecast", Replicas: 7}, {Signal: "backlog", Replicas: 3}}
	d.Shadows = []scale.Decision{{Policy: "hpa (cpuUtilization, 70%)", DesiredReplicas: 11, Recommendation: scale.Recommendation{Replicas: 12}}}
	d.Outlook, d.Budget = outlook(110), &record.Budget{Spent: 2.5, PerDay: 20}
	return d, control.Report{Target: name, At: time.Now(), Carried: &control.Carried{Active: 8, Requests: 1000},
		Status: &target.Status{Replicas: make([]scale.Replica, 8)}}
}

func TestTenThousandTargetsAreBounded(t *testing.T) {
	testenv.Long(t)
	const targets = 10_000
	var names []string
	for i := range targets {
		names = append(names, fmt.Sprintf("team-%02d/service-%04d", i%100, i))
	}
	synctest.Test(t, func(t *testing.T) {
		before := heap()
		r := newRig(t, names...)
		defer r.stop()
		r.metrics.JudgedBy(func(string) (telemetry.Kept, bool) {
			return telemetry.Kept{Violations: 0.002, Met: true, Requests: 1000, Bad: 2}, true
		})
		for range 2 { // the forecasts of the first time come true
			for _, name := range names {
				d, report := full(name)
				must(t, control.Decisions(r.bus, name).Publish(t.Context(), d))
				must(t, control.Reports(r.bus, name).Publish(t.Context(), report))
				must(t, control.Changes(r.bus, name).Publish(t.Context(), record.Applied{Target: name, From: 5, To: 8}))
			}
			synctest.Wait()
			time.Sleep(11 * time.Second)
		}
		used := (heap() - before) / targets
		text := r.text()
		series := 0
		for line := range bytes.Lines(text) {
			if line[0] != '#' {
				series++
			}
		}
		t.Logf("a target: %d series, %d bytes of text (%d packed), %d bytes of memory", series/targets, len(text)/targets, packed(t, text)/targets, used)
		if n := series / targets; n > mostSeries || n < mostSeries*9/10 {
			t.Errorf("%d series a target, want at most %d and little fewer", n, mostSeries)
		}
		if n := len(text) / targets; n > mostText || n < mostText*8/10 {
			t.Errorf("%d bytes of text a target, want at most %d and little fewer", n, mostText)
		}
		if used > mostMemory {
			t.Errorf("%d bytes of memory a target, want at most %d", used, mostMemory)
		}
	})
	doc, err := os.ReadFile("../docs/metrics.md")
	must(t, err)
	for _, figure := range []string{fmt.Sprintf("at most %d series", mostSeries), fmt.Sprintf("%d kB of text", mostText>>10), fmt.Sprintf("%d kB of memory", mostMemory>>10)} {
		if !strings.Contains(string(doc), figure) {
			t.Errorf("docs/metrics.md does not say %q", figure)
		}
	}
}

// Whoever removes targets does not stop those that stay: searching the series of
// all for those of each that goes took two thirds of a minute here.
func TestManyTargetsThatGoAreForgottenAtOnce(t *testing.T) {
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprint("service-", i))
	}
	m := telemetry.New(telemetry.Options{Bus: memory.New(), Clock: clock.System, Targets: named(names...)})
	fewer, begun := named(names[:9_000]...), clock.System.Now()
	m.SetTargets(fewer)
	if took := clock.System.Now().Sub(begun); took > 5*time.Second {
		t.Errorf("forgetting 1,000 of 10,000 targets took %v, want milliseconds", took)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// packed is how many bytes a scrape takes on its way.
func packed(t *testing.T, text []byte) int {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	must(t, w.Close())
	return b.Len()
}
