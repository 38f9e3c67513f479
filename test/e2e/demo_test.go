package e2e

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app/demo"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// quickDemo are the arguments of a demonstration without a browser.
func quickDemo(more ...string) []string {
	return append([]string{"demo", "--no-browser", "--listen", "127.0.0.1:0"}, more...)
}

// scorecard runs a demonstration to its end and reads what it prints.
func (p *place) scorecard(args ...string) demo.Result {
	p.t.Helper()
	r := p.start(quickDemo(append(args, "--json")...)...)
	if status := r.wait(2 * time.Minute); status != 0 {
		p.t.Fatalf("exit status %d", status)
	}
	var result demo.Result
	if err := json.Unmarshal([]byte(r.stdout.String()), &result); err != nil {
		p.t.Fatalf("%v in %s", err, r.stdout)
	}
	p.hasAllFields(r.stdout.String())
	p.gone()
	return result
}

// hasAllFields looks for what the scorecard must have, also under compare.
func (p *place) hasAllFields(text string) {
	p.t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		p.t.Fatal(err)
	}
	for _, want := range strings.Fields(`policy requests failed_requests violation_ratio latency_mean_seconds latency_p50_seconds
		latency_p90_seconds latency_p95_seconds latency_p99_seconds replica_hours max_replicas scaling_actions shadows`) {
		if len(fields[want]) == 0 {
			p.t.Errorf("the scorecard lacks %s: %v", want, slices.Sorted(maps.Keys(fields)))
		}
	}
	if other, ok := fields["compare"]; ok {
		p.hasAllFields(string(other))
	}
}

// gone fails the test when a process or a scratch folder is left.
func (p *place) gone() {
	p.t.Helper()
	p.nothingLeft()
	left, err := os.ReadDir(p.scratch())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, entry := range left {
		if entry.IsDir() { // a lock shared by all programs of the machine may stay
			p.t.Errorf("left behind: scratch folder %s", entry.Name())
		}
	}
}

// sane fails the test when the figures cannot be true. atLeast is how many
// requests there must be.
func sane(t *testing.T, c demo.Scorecard, atLeast int64) {
	t.Helper()
	if c.Requests < atLeast || c.FailedRequests != 0 {
		t.Errorf("%d requests, %d failed, want at least %d and none", c.Requests, c.FailedRequests, atLeast)
	}
	l := c.Latency
	if !(l.P50 > 0.03 && l.P50 <= l.P90 && l.P90 <= l.P95 && l.P95 <= l.P99 && l.Mean > 0.03) {
		t.Errorf("latencies %+v: want them to rise from about 80 ms on", l)
	}
	if c.ViolationRatio < 0 || c.ViolationRatio > 1 {
		t.Errorf("violation ratio %v, want a share", c.ViolationRatio)
	}
	if c.MaxReplicas < 2 || c.MaxReplicas > 20 || c.ScalingActions < 1 || c.ReplicaHours <= 0 {
		t.Errorf("at most %d replicas, %d actions, %v replica-hours: want it scaled", c.MaxReplicas, c.ScalingActions, c.ReplicaHours)
	}
	if len(c.Shadows) == 0 || c.Shadows[0].MaxReplicas < 1 || c.Shadows[0].MeanReplicas <= 0 {
		t.Errorf("shadows %+v, want one with a wish", c.Shadows)
	}
}

func TestDemoEndsWithAScorecard(t *testing.T) {
	p := newPlace(t)
	r := p.scorecard("--duration", "8s")
	sane(t, r.Scorecard, 500)
	if r.Policy != "predictive" || r.Compare != nil || r.Interrupted || r.DurationSeconds < 8 || r.TimeCompression != 120 {
		t.Errorf("got %+v, want 8 s of predictive at speed 120, not interrupted, nothing to compare with", r)
	}
}

func TestDemoComparesUnderTheSameLoad(t *testing.T) {
	p := newPlace(t)
	r := p.scorecard("--duration", "8s", "--compare", `hpa:metrics=[{"signal":"requestRate","averageValue":30}]`, "--peak-rps", "200", "--seed", "3")
	if r.Compare == nil {
		t.Fatal("there is no compare")
	}
	sane(t, r.Scorecard, 250)
	sane(t, *r.Compare, 250)
	if r.Requests != r.Compare.Requests {
		t.Errorf("%d and %d requests, want the same load on both", r.Requests, r.Compare.Requests)
	}
	if r.PolicyDescription == r.Compare.PolicyDescription {
		t.Errorf("both policies are %q", r.PolicyDescription)
	}
}

func TestDemoPlaysATrace(t *testing.T) {
	p := newPlace(t)
	trace := testenv.Trace(t, "nasa_http_1995-07-13_10s.csv")
	r := p.scorecard("--trace", trace, "--window", "12h:14h", "--speed", "100", "--duration", "6s", "--peak-rps", "150")
	sane(t, r.Scorecard, 250)
	if r.Workload != "trace nasa_http_1995-07-13_10s.csv" || r.TimeCompression != 100 {
		t.Errorf("played %s at speed %v", r.Workload, r.TimeCompression)
	}
}

// Without --json the scorecard is a table, and every decision has its reason
// on the screen.
func TestDemoTellsAPerson(t *testing.T) {
	p := newPlace(t)
	r := p.start(quickDemo("--duration", "11s", "--peak-rps", "200")...)
	dashboard := r.says(0, `dashboard +(http://\S+)`)
	r.says(0, `Divided by it:(?s:.*)start-up 30 s → 250 ms`)
	response, err := http.Get(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	r.says(0, `shop +\d+ req/s +p95 \d+ ms +replicas \d+ of \d+ ready\s+last \d+ → \d+: \S+`)
	if status := r.wait(time.Minute); status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{"Scorecard", "failed ", "latency p99", "replica-hours", "scaling actions", "watched beside it"} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("the scorecard lacks %q:\n%s", want, r.stdout)
		}
	}
	p.gone()
}

// Whenever Ctrl-C or SIGTERM come, nothing stays behind; after SIGKILL no
// process does, and only the scratch folder cannot be cleared away.
func TestDemoLeavesNothingBehind(t *testing.T) {
	p := newPlace(t)
	rng := rand.New(rand.NewPCG(2, 2))
	moments := []time.Duration{0, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond}
	for range 10 {
		moments = append(moments, time.Duration(rng.Float64()*2500)*time.Millisecond)
	}
	for i, after := range moments {
		signal := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[i%4/3]
		r := p.start(quickDemo("--duration", "1m", "--json", "--compare", "hpa")...)
		<-clock.System.After(after)
		r.signal(signal)
		status := r.wait(patience)
		said := r.stderr.String()
		// Before it asks for signals the program is ended by them.
		if early := status == -1 && said == ""; status != 0 && !early {
			t.Errorf("%v after %v: exit status %d, said %s", signal, after, status, said)
		}
		if said != "" && !strings.Contains(r.stdout.String(), `"interrupted": true`) {
			t.Errorf("%v after %v: the scorecard does not say that it was interrupted: %s", signal, after, r.stdout)
		}
		p.gone()
	}
}

func TestDemoThatIsKilledLeavesNoProcess(t *testing.T) {
	p := newPlace(t)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 4 {
		r := p.start(quickDemo("--duration", "1m")...)
		<-clock.System.After(time.Duration(100+rng.Float64()*2500) * time.Millisecond)
		r.signal(syscall.SIGKILL)
		r.wait(patience)
		p.nothingLeft()
	}
}

// A second Ctrl-C does not wait for what is in progress.
func TestDemoEndsAtOnceOnTheSecondSignal(t *testing.T) {
	p := newPlace(t)
	r := p.start(quickDemo("--duration", "1m")...)
	service := r.says(0, `service +http://(\S+)`)
	requests := traffictest.Only(traffictest.Streams)
	requests[0].URL = "/stream?chunks=10000&interval=100ms"
	long := traffictest.Send(t, service, requests, 20, time.Second)
	<-clock.System.After(time.Second)
	r.signal(syscall.SIGINT)
	closed(t, service)
	select {
	case <-r.exited:
		t.Error("the first Ctrl-C cut requests off")
	case <-clock.System.After(time.Second):
	}
	r.signal(syscall.SIGINT)
	if status := r.wait(5 * time.Second); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	long.End()
	p.gone()
}
