package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/source/prometheus"
	"github.com/flyball-io/flyball/workload"
)

// watched is what the exporters of a cluster would show of a simulated
// Deployment, every 15 seconds.
type watched struct {
	lines    map[string]*strings.Builder // by metric
	requests map[string]float64          // counters by pod
	cpu      map[string]float64
	buckets  []float64
	count    float64
	sum      float64
	gone     map[string]bool
}

func edges() []float64 { return []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10} }

func (w *watched) put(metric, labels string, value float64, at time.Time) {
	if w.lines[metric] == nil {
		w.lines[metric] = &strings.Builder{}
	}
	fmt.Fprintf(w.lines[metric], "%s{namespace=\"shop\",%s} %g %d\n", metric, labels, value, at.Unix())
}

// scrape takes over what was measured in the 15 seconds before.
func (w *watched) scrape(obs scale.Observation) {
	const every = 15
	rate := obs.Signal(scale.RequestRate)
	if len(rate.Points) == 0 {
		return
	}
	n := rate.Points[len(rate.Points)-1].Value * every
	latencies := obs.Signal(scale.Latency).Distribution
	w.count, w.sum = w.count+n, w.sum+n*latencies.Mean()
	for i, edge := range edges() {
		w.buckets[i] += n * (1 - latencies.ShareAbove(edge))
	}
	running := map[string]bool{}
	existing := 0.0
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		pod := fmt.Sprintf("web-6d4cf56db6-%s", r.ID[len(r.ID)-5:])
		running[pod] = true
		if r.DeletedAt.IsZero() {
			existing++
		}
		if r.TakesWork() {
			w.requests[pod] += n / float64(obs.ReadyReplicas())
		}
		for _, s := range r.Samples {
			w.cpu[pod] += s.Value * every * 0.5 // half a core is requested
		}
		w.put("http_requests_total", fmt.Sprintf("pod=%q,code=\"200\"", pod), w.requests[pod], obs.At)
		w.put("container_cpu_usage_seconds_total", fmt.Sprintf("pod=%q,container=\"app\"", pod), w.cpu[pod], obs.At)
		w.put("kube_pod_container_resource_requests", fmt.Sprintf("pod=%q,container=\"app\",resource=\"cpu\"", pod), 0.5, obs.At)
		w.put("kube_pod_status_phase", fmt.Sprintf("pod=%q,phase=\"Running\"", pod), 1, obs.At)
		w.gone[pod] = false
	}
	for _, pod := range slices.Sorted(maps.Keys(w.gone)) {
		if !running[pod] {
			w.put("kube_pod_status_phase", fmt.Sprintf("pod=%q,phase=\"Running\"", pod), 0, obs.At)
		}
	}
	pod := `pod="web-6d4cf56db6-00000",le="%v"`
	for i, edge := range edges() {
		w.put("http_request_duration_seconds_bucket", fmt.Sprintf(pod, edge), w.buckets[i], obs.At)
	}
	w.put("http_request_duration_seconds_bucket", fmt.Sprintf(pod, "+Inf"), w.count, obs.At)
	w.put("http_request_duration_seconds_sum", `pod="web-6d4cf56db6-00000"`, w.sum, obs.At)
	w.put("http_request_duration_seconds_count", `pod="web-6d4cf56db6-00000"`, w.count, obs.At)
	w.put("kube_deployment_spec_replicas", `deployment="web"`, float64(obs.CurrentReplicas), obs.At)
	w.put("kube_deployment_status_replicas", `deployment="web"`, existing, obs.At)
	w.put("kube_deployment_status_replicas_ready", `deployment="web"`, float64(obs.ReadyReplicas()), obs.At)
}

// deploymentScenario is the service that is watched.
func deploymentScenario() sim.Scenario {
	s := sim.Default()
	s.Start = recordedDay()
	s.Load = workload.Clip(workload.Diurnal{Base: 50, Peak: 300, Period: time.Hour}, 0, 2*time.Hour)
	s.Replicas.Initial = 3
	s.Metrics.Window, s.Metrics.BalancerWindow = 15*time.Second, 15*time.Second
	return s
}

// watchedDeployment runs a real Prometheus that holds what a cluster would have
// told of an HPA's Deployment, and says what really became of it.
func watchedDeployment(t *testing.T) (server string, truth *sim.Result) {
	t.Helper()
	s := deploymentScenario()
	who, err := app.Contestants{Plugins: builtin.New()}.Parse("hpa:cpuUtilization=70")
	if err != nil {
		t.Fatal(err)
	}
	d, err := who.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{lines: map[string]*strings.Builder{}, requests: map[string]float64{}, cpu: map[string]float64{}, gone: map[string]bool{}, buckets: make([]float64, len(edges()))}
	truth = sim.Run(&s, sim.NewEvents(&s), d, sim.Options{Decided: func(obs scale.Observation, _ scale.Decision) { w.scrape(obs) }})
	past := &strings.Builder{}
	for _, metric := range slices.Sorted(maps.Keys(w.lines)) {
		fmt.Fprintf(past, "# TYPE %s unknown\n%s", metric, w.lines[metric])
	}
	fmt.Fprintln(past, "# EOF")
	return servePast(t, past.String()), truth
}

// servePast runs a real Prometheus on metrics in the OpenMetrics format.
func servePast(t *testing.T, metrics string) string {
	t.Helper()
	dir, address := t.TempDir(), freeLoopback(t)
	for name, content := range map[string]string{"prometheus.yml": "global: {}\n", "past.om": metrics} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command(testenv.Command(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "past.om"), data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	cmd := exec.Command(testenv.Command(t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+address, "--log.level=error")
	cmd.Stderr = os.Stderr
	testenv.EndWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	eventually(t, func() bool {
		now := clock.System.Now()
		_, err := prometheus.Range(t.Context(), "http://"+address, "vector(1)", now.Add(-time.Minute), now, time.Second)
		return err == nil
	})
	return "http://" + address
}

// within fails where a value is further from the truth than a share of it.
func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if !(math.Abs(got/want-1) <= share) {
		t.Errorf("%s: got %.4g, want %.4g within %.0f %%", what, got, want, share*100)
	}
}

// What well-known metrics of a Deployment hold is enough to find the service
// again, and the replica-hours of its HPA.
func TestReplayOfARealPrometheus(t *testing.T) {
	testenv.Long(t)
	t.Parallel()
	server, truth := watchedDeployment(t)
	span := []string{"--prometheus", server, "--from", "2026-09-01T00:00:00Z", "--to", "2026-09-01T02:00:00Z", "--out", "", "--policy", "hpa:cpuUtilization=70", "--step", "15s"}
	found := replayOf(t, append(span, "--namespace", "shop", "--deployment", "web")...)
	given := replayOf(t, append(span, "--rate-query", `sum(rate(http_requests_total{namespace="shop"}[1m]))`,
		"--latency-query", `sum by (le) (rate(http_request_duration_seconds_bucket{namespace="shop"}[1m]))`,
		"--replicas-query", `max(kube_deployment_status_replicas{deployment="web"})`, "--concurrency", "4")...)
	for name, r := range map[string]replayedJSON{"found": found, "given": given} {
		known := 1 - r.Replay.LostShare
		if r.Replay.LostShare > 0.03 {
			t.Errorf("%s: %.3f of the time is lost, want hardly any: %+v", name, r.Replay.LostShare, r.Replay.Lost)
		}
		within(t, name+": recorded replica-hours", r.Replay.Recorded.ReplicaHours, truth.ReplicaHours()*known, 0.04)
		within(t, name+": recorded requests", r.Replay.Recorded.Requests, truth.Requests*known, 0.03)
		if v := r.Replay.Recorded.ViolationRatio; v == nil || math.Abs(*v-truth.ViolationRatio()) > 0.005 {
			t.Errorf("%s: recorded violations %v, want %v", name, v, truth.ViolationRatio())
		}
		within(t, name+": replica-hours of the same policy", r.Runs[0].ReplicaHours, r.Replay.Recorded.ReplicaHours, 0.05)
		if off := r.Runs[0].ViolationRatio - truth.ViolationRatio(); math.Abs(off) > 0.01 {
			t.Errorf("%s: violations of the same policy are %+.4f off, want within 0.01", name, off)
		}
		if f := r.Replay.Fit; f.P95Bias == nil || math.Abs(*f.P95Bias) > 0.1 {
			t.Errorf("%s: the model says p95 otherwise than measured: %+v", name, f)
		}
		bounds := map[string]float64{"service mean": 0.05, "service cv": 0.15}
		if name == "given" {
			bounds["service mean"] = 0.15 // from buckets alone
		}
		for _, v := range r.Replay.Service {
			switch v.Name {
			case "service mean":
				within(t, name+": "+v.Name, v.Value, 0.080, bounds[v.Name])
			case "service cv":
				within(t, name+": "+v.Name, v.Value, 0.5, bounds[v.Name])
			case "slots":
				within(t, name+": "+v.Name, v.Value, 4, 0)
			}
		}
	}
	wants(t, strings.Join(found.Replay.Notes, "\n"), `requests are those of http_requests_total{namespace="shop",pod=~"web-[a-z0-9]{1,10}-[a-z0-9]{5}"}`)

	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"--namespace", "shop", "--deployment", "api"}, "no requests of Deployment api in namespace shop were counted"},
		{[]string{"--namespace", "shop", "--deployment", "api"}, `istio_requests_total{reporter="destination",destination_workload_namespace="shop",destination_workload="api"}`},
		{[]string{"--rate-query", "rate(http_requests_total[1m])"}, "--rate-query: the query gives"},
		{[]string{"--rate-query", "no_such_thing"}, "--rate-query: prometheus: range from"},
		{[]string{"--rate-query", "0 * vector(1) / 0"}, "NaN or infinite all the time"},
		{[]string{"--rate-query", "sum(rate(http_requests_total[1m]))", "--latency-query", "rate(http_request_duration_seconds_bucket[1m]) or label_replace(rate(http_request_duration_seconds_bucket[1m]), \"pod\", \"x\", \"pod\", \".*\")"}, "add them up with sum by (le)"},
		{[]string{"--rate-query", "-1 * sum(rate(http_requests_total[1m]))"}, "must be 0 or more"},
		{[]string{"--rate-query", "sum(rate(http_requests_total[1m]))"}, "give --service-mean"},
		{[]string{"--rate-query", "sum(rate(http_requests_total[1m]))", "--service-mean", "80ms"}, "give --concurrency"},
	} {
		_, errOut, status := execute(t.Context(), append(append([]string{"replay"}, span...), tc.args...)...)
		if status != 1 || !strings.Contains(errOut, tc.says) {
			t.Errorf("%v: status %d, %q; want 1 and %q", tc.args, status, errOut, tc.says)
		}
	}
}
