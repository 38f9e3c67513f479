package openmetrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
)

// replica is a program that shows metrics; text may be changed at any time.
type replica struct {
	scale.Replica
	server *httptest.Server

	mu   sync.Mutex
	text string
	kind string
	code int
}

func (r *replica) show(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = fmt.Sprintf(format, args...)
}

// world is a target of replicas with a clock of its own.
type world struct {
	t        *testing.T
	now      time.Time
	replicas []*replica
	fault    error
	source   *Source
	last     round
}

func at(second int) time.Time { return time.Unix(1_800_000_000+int64(second), 0) }

// Now makes the world a clock.
func (w *world) Now() time.Time                       { return w.now }
func (w *world) After(time.Duration) <-chan time.Time { panic("not waited for") }
func (w *world) NewTicker(time.Duration) *time.Ticker { panic("not waited for") }

func newWorld(t *testing.T, replicas int, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, now: at(0)}
	for range replicas {
		w.start(at(-100))
	}
	cfg := Default()
	cfg.Metric = "x"
	change(&cfg)
	made, err := New("load", cfg, source.Env{Target: "web", Clock: w, Log: slog.New(slog.DiscardHandler), Interval: 10 * time.Second, Replicas: w.list})
	if err != nil {
		t.Fatal(err)
	}
	w.source = made
	return w
}

func (w *world) list(context.Context) ([]scale.Replica, error) {
	var all []scale.Replica
	for _, r := range w.replicas {
		all = append(all, r.Replica)
	}
	return all, w.fault
}

func (w *world) start(since time.Time) *replica {
	r := &replica{kind: "text/plain; version=0.0.4", code: http.StatusOK}
	r.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		out.Header().Set("Content-Type", r.kind)
		out.WriteHeader(r.code)
		fmt.Fprint(out, r.text)
	}))
	w.t.Cleanup(r.server.Close)
	r.Replica = scale.Replica{ID: string(rune('a' + len(w.replicas))), Address: strings.TrimPrefix(r.server.URL, "http://"), Phase: scale.Running,
		Readiness: scale.Readiness{Known: true, Ready: true}, StartedAt: since}
	w.replicas = append(w.replicas, r)
	return r
}

// look reads all replicas ten seconds after the last time.
func (w *world) look() (map[string]float64, error) {
	w.t.Helper()
	if !w.last.began.IsZero() {
		w.now = w.now.Add(10 * time.Second)
	}
	w.last = w.source.look(w.t.Context(), w.last)
	samples, err := w.source.report(w.last)
	values := map[string]float64{}
	for _, s := range samples {
		values[s.Replica] = s.Value
		if !s.At.Equal(w.now) {
			w.t.Errorf("%q is dated %v, now is %v", s.Replica, s.At, w.now)
		}
	}
	return values, err
}

// expect looks and wants these values by replica, "" being the target's.
func (w *world) expect(why string, want map[string]float64) {
	w.t.Helper()
	got, err := w.look()
	if err != nil {
		w.t.Errorf("%s: %v", why, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		w.t.Errorf("%s: -want +got:\n%s", why, diff)
	}
}

func TestGaugesOfAllReplicas(t *testing.T) {
	const text = "# TYPE x gauge\nx{queue=\"mail\"} %d\nx{queue=\"print\"} %d\nx{queue=\"other\"} 1000\nxy 5\n"
	for aggregate, want := range map[string]map[string]float64{
		Sum: {"a": 3, "b": 9, "": 12}, Avg: {"a": 1.5, "b": 4.5, "": 3}, Max: {"a": 2, "b": 5, "": 5}, Min: {"a": 1, "b": 4, "": 1},
	} {
		w := newWorld(t, 2, func(c *Config) { c.Aggregate, c.Match = aggregate, `queue=~"mail|print"` })
		w.replicas[0].show(text, 1, 2)
		w.replicas[1].show(text, 4, 5)
		w.expect(aggregate, want)
	}
}

func TestRatesAreBetweenTwoReadings(t *testing.T) {
	const text = "# TYPE x counter\nx{code=\"200\"} %d\nx{code=\"500\"} %d\n"
	w := newWorld(t, 2, func(c *Config) { c.As = Rate })
	a, b := w.replicas[0], w.replicas[1]
	a.show(text, 1000, 10)
	b.show(text, 2000, 20)
	w.expect("one reading is no rate, and no zero", map[string]float64{})
	a.show(text, 1100, 10)
	b.show(text, 2050, 30)
	w.expect("two are", map[string]float64{"a": 10, "b": 6, "": 16})
	a.show(text, 30, 0)
	b.show(text, 2050, 30)
	w.expect("a has begun again at 0; b rests", map[string]float64{"a": 3, "b": 0, "": 3})

	c := w.start(w.now.Add(5 * time.Second))
	c.show(text, 20, 5)
	a.show(text, 130, 0)
	w.expect("c counts from its start 5 s ago", map[string]float64{"a": 10, "b": 0, "c": 5, "": 15})

	d := w.start(at(-100))
	d.show(text, 5000, 0)
	a.show(text, 230, 0)
	w.expect("d was there before, so its rate is not known, and not 0", map[string]float64{"a": 10, "b": 0, "c": 0})
	d.show(text, 5100, 0)
	w.expect("now it is", map[string]float64{"a": 0, "b": 0, "c": 0, "d": 10, "": 10})
}

func TestFailuresThatWereNeverCountedAreNone(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.As, c.Match = Rate, `code=~"5.."` })
	w.replicas[0].show("x{code=\"200\"} 7\n")
	w.expect("first", map[string]float64{})
	w.expect("requests are counted and failures are not", map[string]float64{"a": 0, "": 0})
	w.replicas[0].show("x{code=\"200\"} 7\nx{code=\"503\"} 20\n")
	w.expect("the first failures count from 0", map[string]float64{"a": 2, "": 2})
	w.replicas[0].show("y 1\n")
	if got, err := w.look(); err == nil || !strings.Contains(err.Error(), "shows no metric x") || len(got) != 0 {
		t.Errorf("without the metric: %v, %v; want a fault alone", got, err)
	}
}

const histogram = `# TYPE x histogram
x_bucket{path="/",le="0.1"} %[1]d
x_bucket{path="/",le="0.5"} %[2]d
x_bucket{path="/",le="+Inf"} %[3]d
x_sum{path="/"} 1
x_count{path="/"} %[3]d
`

func TestQuantilesOfHistograms(t *testing.T) {
	w := newWorld(t, 2, func(c *Config) { c.As, c.Quantile = Quantile, 0.95 })
	w.replicas[0].show(histogram, 1000, 1000, 1000)
	w.replicas[1].show(histogram, 0, 0, 0)
	w.expect("first", map[string]float64{})
	w.expect("without requests there is no latency", map[string]float64{})
	w.replicas[0].show(histogram, 1050, 1100, 1100)
	w.expect("b rests: the target is a", map[string]float64{"a": 0.46, "": 0.46})
	w.replicas[0].show(histogram, 1050+100, 1100+100, 1100+100)
	w.replicas[1].show(histogram, 0, 100, 100)
	w.expect("both, by their requests", map[string]float64{"a": 0.095, "b": 0.48, "": 0.46})
	w.replicas[1].show(histogram, 0, 100, 110)
	w.expect("beyond the last bound nothing is known but that", map[string]float64{"b": 0.5, "": 0.5})

	w.replicas[1].show(histogram, 50, 200, 210)
	w.now = w.now.Add(10 * time.Second)
	w.last = w.source.look(t.Context(), w.last)
	samples, err := w.source.report(w.last)
	if err != nil || len(samples) != 2 {
		t.Fatalf("got %+v, %v", samples, err)
	}
	h := samples[1].Distribution
	if h == nil || h.Count() != 100 || math.Abs(h.Quantile(0.5)-0.1) > 0.02 || math.Abs(h.ShareAbove(0.3)-0.25) > 0.03 {
		t.Errorf("the distribution of 50 below 0.1 s and 50 below 0.5 s: %+v", h)
	}
}

func TestReplicasThatCannotBeRead(t *testing.T) {
	const text = "x 10\n"
	for _, tc := range []struct {
		why    string
		break_ func(*replica)
		says   string
	}{
		{"down", func(r *replica) { r.server.Close() }, "connection refused"},
		{"an error", func(r *replica) { r.code = 500 }, "answered 500"},
		{"a login page", func(r *replica) { r.kind, r.text = "text/html", "<html>" }, `"text/html"`},
		{"garbage", func(r *replica) { r.text = "x{ 5\n\x00" }, "not in the format"},
		{"truncated", func(r *replica) { r.kind = "application/openmetrics-text; version=1.0.0" }, "not in the format"},
		{"too much", func(r *replica) { r.text = strings.Repeat("# y\n", 1<<20) }, "more than the allowed"},
		{"no number", func(r *replica) { r.text = "x NaN\n" }, "no number"},
		{"twice", func(r *replica) { r.text = "x 1\nx 2\n" }, "twice"},
		{"a redirect", func(r *replica) { r.code = 302 }, "answered 302"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			for _, missing := range []string{Fault, Ignore} {
				w := newWorld(t, 3, func(c *Config) { c.Missing, c.MaxBytes = missing, 1<<20 })
				for _, r := range w.replicas {
					r.show(text)
				}
				tc.break_(w.replicas[1])
				got, err := w.look()
				want := map[string]float64{"a": 10, "c": 10}
				if missing == Ignore {
					want[""] = 20
				} else if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "replica b") || len(err.Error()) > 700 {
					t.Errorf("got %v, want it to name b and to say %q", err, tc.says)
				}
				if missing == Ignore && err != nil {
					t.Errorf("ignored, and yet: %v", err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("missing %s: -want +got:\n%s", missing, diff)
				}
				w.replicas[1].Readiness.Ready = false
				want[""] = 20
				w.expect("it takes no work any more", want)
			}
		})
	}
}

func TestReplicasThatAreNotKnown(t *testing.T) {
	w := newWorld(t, 1, func(*Config) {})
	w.replicas[0].show("x 1\n")
	w.fault = errors.New("no daemon")
	if got, err := w.look(); err == nil || !strings.Contains(err.Error(), "no daemon") || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
	w.fault = nil
	w.expect("known again", map[string]float64{"a": 1, "": 1})
	w.replicas = nil
	w.expect("there are none", map[string]float64{})
}

// A real program that shows OpenMetrics with exemplars and an end mark.
func TestARealProgram(t *testing.T) {
	server := httptest.NewServer(nil)
	address := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	cmd := exec.Command(testenv.Command(t, "prometheus"), "--config.file=/dev/null", "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address, "--log.level=error")
	testenv.EndWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	cfg := Default()
	cfg.Metric, cfg.As, cfg.Match = "prometheus_http_request_duration_seconds", Quantile, `handler="/metrics"`
	made := running(t, cfg, []scale.Replica{{ID: "p", Address: address, Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true}}})
	var samples []scale.Sample
	eventually(t, "the program is measured", func() bool {
		samples, _ = made.Collect(t.Context())
		return len(samples) == 2
	})
	if s := samples[1]; s.Replica != "" || !(s.Value > 0 && s.Value < 1) || s.Distribution.Count() == 0 {
		t.Errorf("got %+v, want the time that its /metrics takes", s)
	}
}

// running is a source whose Run runs until the test ends.
func running(t *testing.T, cfg Config, replicas []scale.Replica) *Source {
	t.Helper()
	made, err := New("load", cfg, source.Env{Clock: clock.System, Interval: time.Second, Replicas: func(context.Context) ([]scale.Replica, error) { return replicas, nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- made.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return made
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := clock.System.Now().Add(30 * time.Second)
	for !holds() {
		if clock.System.Now().After(deadline) {
			t.Fatalf("waited 30 s in vain until %s", what)
		}
		<-clock.System.After(20 * time.Millisecond)
	}
}

func TestConformance(t *testing.T) {
	servers := map[source.Source]*httptest.Server{}
	sourcetest.Run(t, sourcetest.Harness{
		New: func(t *testing.T) source.Source {
			w := newWorld(t, 2, func(*Config) {})
			var all []scale.Replica
			for _, r := range w.replicas {
				r.show("x 4\n")
				all = append(all, r.Replica)
			}
			cfg := Default()
			cfg.Metric = "x"
			made := running(t, cfg, all)
			servers[made] = w.replicas[0].server
			eventually(t, "there are samples", func() bool { s, _ := made.Collect(t.Context()); return len(s) == 3 })
			return made
		},
		Now: clock.System.Now, Signals: []string{"load"},
		Break: func(t *testing.T, s source.Source) {
			servers[s].Close()
			eventually(t, "the fault was noticed", func() bool { _, err := s.Collect(t.Context()); return err != nil })
		},
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	cfg := Default()
	cfg.Metric = "x"
	made, err := New("load", cfg, source.Env{Clock: clock.System, Interval: time.Second, Replicas: func(context.Context) ([]scale.Replica, error) {
		return []scale.Replica{{ID: "a", Address: strings.TrimPrefix(hanging.URL, "http://"), Phase: scale.Running}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- made.Run(ctx) }()
	<-clock.System.After(20 * time.Millisecond)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if samples, err := made.Collect(t.Context()); err != nil || len(samples) != 0 {
		t.Errorf("the end is told as %v, %v; want nothing", samples, err)
	}
	hanging.Close()
}

func TestConfigurationsThatAreWrong(t *testing.T) {
	for body, says := range map[string]string{
		`{}`:                                     "metric: must name a metric",
		`{"metric":"x","match":"a=b"}`:           "match: must be labels",
		`{"metric":"x","as":"counter"}`:          `as: must be one of gauge, rate, quantile, got "counter"`,
		`{"metric":"x","aggregate":"p95"}`:       "aggregate: must be one of sum, avg, max, min",
		`{"metric":"x","missing":"zero"}`:        "missing: must be one of fault, ignore",
		`{"metric":"x","scheme":"ftp"}`:          "scheme: must be one of http, https",
		`{"metric":"x","quantile":95}`:           "quantile: must be above 0 and below 1, got 95",
		`{"metric":"x","port":70000}`:            "port: must be 0 to 65535",
		`{"metric":"x","path":"metrics"}`:        `path: must start with /, got "metrics"`,
		`{"metric":"x","timeout":"0s"}`:          "timeout: must be above 0",
		`{"metric":"x","maxBytes":1}`:            "maxBytes: must be at least 1024",
		`{"metric":"x","basic":{"username":""}}`: "basic.username",
	} {
		cfg := Default()
		if err := json.Unmarshal([]byte(body), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want it to say %q", body, err, says)
		}
	}
}

// Whatever a replica shows becomes finite numbers or an error.
func FuzzMeasure(f *testing.F) {
	f.Add("x 1\n", "x 2\n", true)
	f.Add(fmt.Sprintf(histogram, 1, 2, 3), fmt.Sprintf(histogram, 4, 5, 6), false)
	f.Add("# TYPE x counter\nx_total 1 # {a=\"b\"} 1\n# EOF\n", "x{a=\"b\"} 1e300 5\n", true)
	f.Fuzz(func(t *testing.T, one, two string, plain bool) {
		kind := "application/openmetrics-text; version=1.0.0"
		if plain {
			kind = "text/plain"
		}
		for _, as := range []string{Gauge, Rate, Quantile} {
			cfg := Default()
			cfg.Metric, cfg.As = "x", as
			w := wanted{name: "x", counter: as != Gauge, buckets: as == Quantile}
			if w.buckets {
				w.name = "x_bucket"
			}
			before, err := w.read([]byte(one), kind, at(0))
			if err != nil {
				continue
			}
			now, err := w.read([]byte(two), kind, at(10))
			if err != nil {
				continue
			}
			m, err := cfg.measure(before, now)
			if err == nil {
				m.distribution()
				m, err = cfg.total([]measured{m, m})
			}
			if err == nil && (math.IsNaN(m.value) || (as != Gauge && math.IsInf(m.value, 0)) || (as != Gauge && m.value < 0)) {
				t.Errorf("%s: %v of %q and %q", as, m.value, one, two)
			}
		}
	})
}
