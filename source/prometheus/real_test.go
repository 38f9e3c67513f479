package prometheus_test

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/prometheus"
	"github.com/flyball-io/flyball/source/sourcetest"
)

// asking is a source of one query.
func asking(t *testing.T, server, query string, change func(*prometheus.Config)) *prometheus.Source {
	t.Helper()
	cfg := prometheus.Default()
	cfg.Server, cfg.Query = server, query
	// A machine that also runs everything else may take longer than the default.
	cfg.Timeout = scale.Duration(30 * time.Second)
	if change != nil {
		change(&cfg)
	}
	s, err := prometheus.New("x", cfg, source.Env{Target: "web", Clock: clock.System, Log: slog.New(slog.DiscardHandler), Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// until collects until there is a sample, and returns the last one.
func until(t *testing.T, s source.Source) scale.Sample {
	t.Helper()
	var samples []scale.Sample
	var err error
	deadline := clock.System.Now().Add(60 * time.Second)
	for len(samples) == 0 || err != nil {
		if clock.System.Now().After(deadline) {
			t.Fatalf("no sample within 60 s; last error: %v", err)
		}
		<-clock.System.After(50 * time.Millisecond)
		samples, err = s.Collect(t.Context())
	}
	return samples[len(samples)-1]
}

// fails wants an error that says all of these.
func fails(t *testing.T, s source.Source, says ...string) {
	t.Helper()
	samples, err := s.Collect(t.Context())
	if err == nil {
		t.Fatalf("got %+v, want an error that says %q", samples, says)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to say %q", err, part)
		}
	}
	if len(err.Error()) > 1000 {
		t.Errorf("the error has %d bytes: %.200s…", len(err.Error()), err)
	}
}

func age(s scale.Sample) time.Duration { return clock.System.Now().Sub(s.At) }

func TestOneNumberOfARealServer(t *testing.T) {
	t.Parallel()
	s := scraped(t, newExporters(t).URL)
	for query, want := range map[string]float64{
		`demo_temperature{room="a"}`:                    21.5,
		`avg(demo_temperature)`:                         20.25,
		`scalar(demo_temperature{room="b"})`:            19,
		`max_over_time(demo_temperature{room="a"}[2s])`: 21.5,
	} {
		got := until(t, asking(t, s.url(), query, nil))
		if got.Value != want || got.Signal != "x" || age(got) > 3*time.Second || age(got) < 0 {
			t.Errorf("%s: got %+v, %v old; want %v of just now", query, got, age(got), want)
		}
	}
	if got := until(t, asking(t, s.url(), `sum(rate(nginx_http_requests_total[3s]))`, nil)); got.Window != 3*time.Second {
		t.Errorf("a rate over 3 s has the window %v", got.Window)
	}
	t.Run("what is not one number is a fault", func(t *testing.T) {
		fails(t, asking(t, s.url(), `demo_temperature`, nil), "2 series", "want exactly one", `demo_temperature{`, `room="a"`, `room="b"`)
		fails(t, asking(t, s.url(), `{job="test"}`, nil), " series", ", …")
		fails(t, asking(t, s.url(), `no_such_metric`, nil), "no series")
		fails(t, asking(t, s.url(), `demo_broken`, nil), "NaN")
		fails(t, asking(t, s.url(), `sum(demo_temperature) / 0`, nil), "+Inf")
		fails(t, asking(t, s.url(), `sum(no_such_metric) or vector(0)`, nil), "none of its series exists")
		own := func(c *prometheus.Config) { c.NewestQuery = "time()" }
		fails(t, asking(t, s.url(), `sum(rate(demo_temperature))`, own), "400", "bad_data", "parse error")
	})
	t.Run("conformance", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Harness{
			New: func(t *testing.T) source.Source {
				if s.cmd == nil {
					s.start() // it was broken
				}
				made := asking(t, s.url(), `demo_temperature{room="a"}`, func(c *prometheus.Config) {
					c.Range, c.Step = scale.Duration(3*time.Second), scale.Duration(time.Second)
				})
				until(t, made)
				return made
			},
			Now: clock.System.Now, Signals: []string{"x"},
			Break: func(*testing.T, source.Source) { s.stop() },
		})
	})
}

func TestPresetsAgainstARealServer(t *testing.T) {
	t.Parallel()
	s := scraped(t, newExporters(t).URL)
	const pods, ingress, service, workload, cluster = `namespace="shop",pod=~"web-.*"`, `ingress="web"`, `service="web@docker"`, `destination_workload="web"`, `envoy_cluster_name="web"`
	tested := map[string]bool{}
	for _, tc := range []struct {
		name, match string
		want        float64
	}{
		{"cadvisorCPU", pods, 0.6}, {"cadvisorCPUCores", pods, 0.6}, {"cadvisorMemory", pods, 0.25}, {"cadvisorMemoryBytes", pods, 3e8},
		{"kubeCPU", pods, 0.6}, {"kubeMemory", pods, 0.5}, {"kubeReadyReplicas", `namespace="shop",deployment="web"`, 2},
		{"nginxRequestRate", `host=~"edge-.*"`, 100}, {"nginxConcurrency", `host="edge-1"`, 3},
		{"ingressNginxRequestRate", ingress, 100}, {"ingressNginxErrorRate", ingress, 10}, {"ingressNginxErrorRatio", ingress, 0.1},
		{"ingressNginxLatency", ingress, 0.46}, {"ingressNginxErrorRate", `ingress="quiet"`, 0}, {"ingressNginxErrorRatio", `ingress="quiet"`, 0},
		{"traefikRequestRate", service, 20}, {"traefikErrorRate", service, 2}, {"traefikErrorRatio", service, 0.1}, {"traefikLatency", service, 0.28},
		{"istioRequestRate", workload, 40}, {"istioErrorRate", workload, 10}, {"istioErrorRatio", workload, 0.25}, {"istioLatency", workload, 0.235},
		{"envoyRequestRate", cluster, 50}, {"envoyErrorRate", cluster, 5}, {"envoyErrorRatio", cluster, 0.1}, {"envoyLatency", cluster, 0.095},
		{"envoyConcurrency", cluster, 7}, {"envoyQueueDepth", cluster, 3},
	} {
		tested[tc.name] = true
		t.Run(tc.name+" "+tc.match, func(t *testing.T) {
			made := asking(t, s.url(), "", func(c *prometheus.Config) {
				c.Preset = &prometheus.Preset{Name: tc.name, Match: tc.match, Window: scale.Duration(2 * time.Second)}
			})
			var got scale.Sample
			// The first rates rest on few scrapes.
			eventually(t, "the value is about right", func() bool {
				got = until(t, made)
				return math.Abs(got.Value-tc.want) <= 0.1*tc.want
			})
			if age(got) > 3*time.Second {
				t.Errorf("the value is %v old", age(got))
			}
		})
	}
	web := prometheus.Workload{Namespace: "shop", Deployment: "web"}
	for name, want := range map[string]float64{"kubeCPU": 0.6, "kubeReadyReplicas": 2, "ingressNginxRequestRate": 100, "ingressNginxErrorRate": 10, "ingressNginxLatency": 0.46} {
		t.Run(name+" of a deployment", func(t *testing.T) {
			made := asking(t, s.url(), "", func(c *prometheus.Config) {
				c.Preset = &prometheus.Preset{Name: name, Workload: web, Window: scale.Duration(2 * time.Second)}
			})
			eventually(t, "the value is about right", func() bool { return math.Abs(until(t, made).Value-want) <= 0.1*want })
		})
	}
	for _, name := range prometheus.Presets() {
		if !tested[name] {
			t.Errorf("preset %s is not tested", name)
		}
	}
	fails(t, asking(t, s.url(), "", func(c *prometheus.Config) {
		c.Preset = &prometheus.Preset{Name: "traefikRequestRate", Match: `service="wbe@docker"`}
	}), "no series")
}

// A value is as old as its measurement, whatever Prometheus says.
func TestValuesAreDatedWhenTheyWereMeasured(t *testing.T) {
	t.Parallel()
	exporters := newExporters(t)
	s := scraped(t, exporters.URL)
	gauge := asking(t, s.url(), `demo_temperature{room="a"}`, nil)
	rate := asking(t, s.url(), `sum(rate(nginx_http_requests_total[1m]))`, nil)
	dated := asking(t, s.url(), `sum(demo_dated)`, nil)
	mixed := asking(t, s.url(), `sum(demo_temperature) / sum(demo_dated)`, nil)
	until(t, gauge)
	until(t, rate)
	for _, old := range []source.Source{dated, mixed} {
		if got := until(t, old); age(got) < 85*time.Second || age(got) > 130*time.Second {
			t.Errorf("measured 90 s before the test began: got %v, %v old", got, age(got))
		}
	}
	last := until(t, gauge).At

	exporters.down.Store(true)
	eventually(t, "the end of the exporter is known", func() bool { _, err := gauge.Collect(t.Context()); return err != nil })
	fails(t, gauge, "no series")
	fails(t, rate, "have ended", "nginx_http_requests_total")

	// A Prometheus that was not there when the exporter died, or whose scrapes
	// hang, does not know of it: it goes on to show the last value for 5
	// minutes.
	exporters.down.Store(false)
	until(t, gauge)
	eventually(t, "scraped again", func() bool { return until(t, gauge).At.After(last) })
	s.kill()
	exporters.down.Store(true)
	died := clock.System.Now()
	s.start()
	s.eventually("Prometheus answers again", func() bool {
		_, err := gauge.Collect(t.Context())
		return err == nil || !strings.Contains(err.Error(), "50")
	})
	if samples, err := gauge.Collect(t.Context()); err == nil && samples[0].At.After(died) {
		t.Errorf("dated %v, though the exporter died at %v", samples[0].At, died)
	}
}

func TestARangeBringsThePast(t *testing.T) {
	t.Parallel()
	s := scraped(t, newExporters(t).URL)
	ranged := asking(t, s.url(), `demo_temperature{room="a"}`, func(c *prometheus.Config) {
		c.Range, c.Step = scale.Duration(60*time.Second), scale.Duration(time.Second)
	})
	eventually(t, "the past has 4 values", func() bool {
		samples, err := ranged.Collect(t.Context())
		if err != nil {
			return false // not scraped yet
		}
		for i, s := range samples {
			if s.Value != 21.5 || (i > 0 && !s.At.After(samples[i-1].At)) {
				t.Fatalf("sample %d is %+v after %+v", i, s, samples[max(0, i-1)])
			}
		}
		return len(samples) >= 4
	})
}

func TestServerThatGoesAndReturns(t *testing.T) {
	t.Parallel()
	s := scraped(t, newExporters(t).URL)
	gauge := asking(t, s.url(), `demo_temperature{room="a"}`, nil)
	until(t, gauge)
	s.stop()
	fails(t, gauge, "connection refused", s.url()+"/api/v1/query")
	s.start()
	if got := until(t, gauge); got.Value != 21.5 {
		t.Errorf("after the restart: %+v", got)
	}
}
