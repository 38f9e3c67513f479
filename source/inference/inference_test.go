package inference

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
	"github.com/flyball-io/flyball/source/sourcetest"
)

const llama = "meta-llama/Llama-3.1-8B-Instruct"

// shown is a file of testdata.
func shown(t testing.TB, file string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// serve answers paths with texts; whatever else is asked for is not found.
func serve(t testing.TB, kind string, texts map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := texts[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func read(t testing.TB, engine Engine, address string) (reading.Reading, error) {
	t.Helper()
	cfg := DefaultServer()
	cfg.Engine = engine
	r := NewReader(cfg, address, clock.System)
	t.Cleanup(r.Close)
	return r.Read(t.Context())
}

// The numbers of each file were added up by hand: those of vLLM over its two
// engines.
func TestWhatEnginesTell(t *testing.T) {
	tokens := func(kind string) reading.Count { return reading.Count{Name: reading.Tokens, Kind: kind} }
	requests := func(kind string) reading.Count { return reading.Count{Name: reading.Requests, Kind: kind} }
	for _, c := range []struct {
		engine Engine
		file   string
		want   []reading.Part
	}{
		{VLLM, "vllm-0.10.txt", []reading.Part{{
			Name:   llama,
			Values: map[string]float64{reading.QueueDepth: 7, reading.RunningRequests: 28, reading.KVCacheUsage: 0.8},
			Counts: map[reading.Count]float64{tokens(reading.Prompt): 30000, tokens(reading.Generated): 9000, requests("stop"): 100, requests("length"): 15, requests("abort"): 5},
			Durations: map[string]reading.Histogram{
				reading.TimeToFirstToken: {Buckets: map[float64]uint64{0.1: 40, 0.5: 90, 1: 100}, Count: 100, Sum: 31.5},
				reading.RequestDuration:  {Buckets: map[float64]uint64{0.3: 0, 5: 100}, Count: 100, Sum: 210},
			},
		}}},
		{TGI, "tgi-3.txt", []reading.Part{{
			Values: map[string]float64{reading.QueueDepth: 4, reading.RunningRequests: 9},
			Counts: map[reading.Count]float64{tokens(reading.Prompt): 8000, tokens(reading.Generated): 6000, requests("success"): 40, requests("failure"): 3},
			Durations: map[string]reading.Histogram{
				reading.RequestDuration: {Buckets: map[float64]uint64{1.5: 20, 3: 40}, Count: 40, Sum: 60},
			},
		}}},
		{Triton, "triton-25.txt", []reading.Part{
			{Name: "bert", Values: map[string]float64{reading.QueueDepth: 0}, Counts: map[reading.Count]float64{requests("success"): 10}, Durations: map[string]reading.Histogram{}},
			{Name: "resnet50", Values: map[string]float64{reading.QueueDepth: 6}, Counts: map[reading.Count]float64{requests("success"): 70, requests("failure"): 3}, Durations: map[string]reading.Histogram{}},
		}},
	} {
		t.Run(string(c.engine), func(t *testing.T) {
			got, err := read(t, c.engine, serve(t, "text/plain; version=0.0.4; charset=utf-8", map[string]string{"/metrics": shown(t, c.file)}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Parts, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOllamaTellsItsModels(t *testing.T) {
	got, err := read(t, Ollama, serve(t, "application/json; charset=utf-8", map[string]string{
		"/api/tags": `{"models":[{"name":"llama3.2:latest","size":2019393189,"digest":"a"},{"name":"qwen3:4b","size":2600000000,"digest":"b"}]}`,
		"/api/ps":   `{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","size":3600000000,"size_vram":1200000000,"expires_at":"2026-11-24T00:30:00Z"}]}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []reading.Part{
		{Name: "llama3.2:latest", Values: map[string]float64{reading.ModelLoaded: 1, reading.ModelBytes: 3.6e9, reading.ModelAcceleratorBytes: 1.2e9}},
		{Name: "qwen3:4b", Values: map[string]float64{reading.ModelLoaded: 0}},
	}
	if diff := cmp.Diff(want, got.Parts, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Whatever is wrong is an error with words, and never a queue of zero.
func TestWhatCannotBeReadIsAnError(t *testing.T) {
	vllm := shown(t, "vllm-0.10.txt")
	for name, c := range map[string]struct {
		engine     Engine
		kind, text string
		says       string
	}{
		"another engine's metrics": {TGI, "text/plain", vllm, "none of the metrics"},
		"a login page":             {VLLM, "text/html", "<html>log in</html>", "text/html"},
		"nothing":                  {VLLM, "text/plain", "", "none of the metrics"},
		"cut off":                  {VLLM, "text/plain", vllm[:strings.Index(vllm, "16.0")-1], "not in the format"},
		"a negative queue":         {VLLM, "text/plain", `vllm:num_requests_waiting{model_name="a"} -1` + "\n", "no number that it can have"},
		"a share above 1":          {VLLM, "text/plain", `vllm:kv_cache_usage_perc{model_name="a"} 87` + "\n", "a share is at most 1"},
		"a series twice":           {VLLM, "text/plain", strings.Repeat(`vllm:num_requests_waiting{model_name="a"} 1`+"\n", 2), "twice"},
		"no JSON":                  {Ollama, "application/json", "Ollama is running", "not the JSON"},
		"no models":                {Ollama, "application/json", "{}", "names no models"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, c.engine, serve(t, c.kind, map[string]string{"/metrics": c.text, "/api/tags": c.text, "/api/ps": c.text}))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %+v, %v; want an error that says %q", got, err, c.says)
			}
		})
	}
	t.Run("not found", func(t *testing.T) {
		if _, err := read(t, VLLM, serve(t, "text/plain", nil)); err == nil || !strings.Contains(err.Error(), "answered 404") {
			t.Errorf("got %v, want the status", err)
		}
	})
	t.Run("NaN is not told", func(t *testing.T) {
		got, err := read(t, VLLM, serve(t, "text/plain", map[string]string{"/metrics": "vllm:num_requests_waiting{model_name=\"a\"} NaN\nvllm:num_requests_running{model_name=\"a\"} 1\n"}))
		if _, told := got.Parts[0].Values[reading.QueueDepth]; err != nil || told {
			t.Errorf("got %+v, %v; want no queue depth", got, err)
		}
	})
}

// replica shows what vLLM shows, until it is broken.
type replica struct {
	scale.Replica
	text   atomic.Pointer[string]
	broken atomic.Bool
}

func startReplica(t testing.TB, id, text string) *replica {
	r := &replica{}
	r.text.Store(&text)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if r.broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprint(w, *r.text.Load())
	}))
	t.Cleanup(s.Close)
	r.Replica = scale.Replica{ID: id, Address: strings.TrimPrefix(s.URL, "http://"), Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true}}
	return r
}

// runs makes a source and runs it until the test ends.
func runs(t *testing.T, signal string, change func(*Config), replicas ...*replica) *reading.Source {
	t.Helper()
	cfg := Default()
	change(&cfg)
	s, err := New(signal, cfg, source.Env{Target: "chat", Clock: clock.System, Log: slog.New(slog.DiscardHandler), Interval: time.Second,
		Replicas: func(context.Context) (all []scale.Replica, _ error) {
			for _, r := range replicas {
				all = append(all, r.Replica)
			}
			return all, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// until collects until what is delivered is as wanted.
func until(t *testing.T, s *reading.Source, why string, is func(map[string]float64, error) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		samples, err := s.Collect(t.Context())
		got := map[string]float64{}
		for _, one := range samples {
			got[strings.TrimSuffix(one.Signal+" "+one.Replica, " ")] = one.Value
		}
		if is(got, err) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: have %v, %v", why, got, err)
		}
	}
}

func TestSignalsOfReplicas(t *testing.T) {
	a, b := startReplica(t, "a", shown(t, "vllm-0.10.txt")), startReplica(t, "b", strings.ReplaceAll(shown(t, "vllm-0.10.txt"), "5.0\n", "11.0\n"))
	s := runs(t, reading.QueueDepth, func(c *Config) { c.Also = []string{reading.KVCacheUsage} }, a, b)
	if s.Independent() {
		t.Error("it asks replicas, so it cannot wake a target without any")
	}
	until(t, s, "7 and 13 requests wait", func(got map[string]float64, err error) bool {
		return err == nil && got["queueDepth a"] == 7 && got["queueDepth b"] == 13 && got["queueDepth"] == 20 && got["kvCacheUsage"] > 0.79 && got["kvCacheUsage"] < 0.81
	})
	b.broken.Store(true)
	until(t, s, "b cannot be read: a alone is no total", func(got map[string]float64, err error) bool {
		_, total := got["queueDepth"]
		return err != nil && strings.Contains(err.Error(), "replica b") && !total && got["queueDepth a"] == 7
	})
}

// 1000 more tokens in about a second, and 100 requests of which 95 had their
// first token within a second.
func TestRatesAndQuantiles(t *testing.T) {
	before := shown(t, "vllm-0.10.txt")
	a := startReplica(t, "a", before)
	s := runs(t, "speed", func(c *Config) {
		c.Measure, c.Also, c.Window = reading.TokensPerSecond, []string{reading.TimeToFirstToken, reading.QueueDepth}, scale.Duration(time.Minute)
	}, a)
	until(t, s, "one reading is neither a rate nor a quantile", func(got map[string]float64, err error) bool {
		_, depth := got["queueDepth"]
		_, speed := got["speed"]
		_, first := got["timeToFirstToken"]
		return err == nil && depth && !speed && !first
	})
	more := strings.NewReplacer("5000.0", "6000.0", `le="0.5",model_name="`+llama+`"} 90`, `le="0.5",model_name="`+llama+`"} 185`,
		`le="1.0",model_name="`+llama+`"} 100`, `le="1.0",model_name="`+llama+`"} 200`, `first_token_seconds_count{engine="0",model_name="`+llama+`"} 100`, `first_token_seconds_count{engine="0",model_name="`+llama+`"} 200`,
		`le="+Inf",model_name="`+llama+`"} 100`, `le="+Inf",model_name="`+llama+`"} 200`).Replace(before)
	a.text.Store(&more)
	until(t, s, "two are", func(got map[string]float64, err error) bool {
		return err == nil && got["speed"] > 0 && got["speed"] <= 1100 && got["timeToFirstToken"] == 0.5
	})
}

func TestConformance(t *testing.T) {
	var r *replica
	sourcetest.Run(t, sourcetest.Harness{
		New: func(t *testing.T) source.Source {
			r = startReplica(t, "a", shown(t, "vllm-0.10.txt"))
			s := runs(t, reading.QueueDepth, func(c *Config) { c.URL = "http://" + r.Address })
			until(t, s, "the first reading", func(got map[string]float64, _ error) bool { return len(got) > 0 })
			if !s.Independent() {
				t.Error("it asks one server, also while there is no replica")
			}
			return s
		},
		Now: time.Now, Signals: []string{reading.QueueDepth},
		Break: func(t *testing.T, s source.Source) {
			r.broken.Store(true)
			until(t, s.(*reading.Source), "it is broken", func(_ map[string]float64, err error) bool { return err != nil })
		},
	})
}

func TestWhatADocumentMayNotSay(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"engine: must be one of":         func(c *Config) { c.Engine = "gpt" },
		"path: must start with /":        func(c *Config) { c.Path = "metrics" },
		"timeout: must be above 0":       func(c *Config) { c.Timeout = 0 },
		"maxBytes: must be at least":     func(c *Config) { c.MaxBytes = 1 },
		"url: must be http":              func(c *Config) { c.URL = "localhost:8000" },
		"port: must be 0 beside url":     func(c *Config) { c.URL, c.Port = "http://x:1", 80 },
		"window: must be 1s to 1h":       func(c *Config) { c.Window = 0 },
		"measure: must be one of":        func(c *Config) { c.Measure = "depth" },
		"also[0]: must be one of":        func(c *Config) { c.Also = []string{"depth"} },
		"the name \"waiting\" does not":  func(*Config) {},
		"bearerToken: at most one of":    func(c *Config) { c.BearerToken, c.BearerTokenFile = "a", "b" },
		"url: must not hold a user":      func(c *Config) { c.URL = "http://me:secret@x:1" },
		"scheme: must be http or https,": func(c *Config) { c.Scheme = "ftp" },
	} {
		cfg := Default()
		change(&cfg)
		if _, err := New("waiting", cfg, source.Env{Clock: clock.System}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
}

// Whatever a server shows becomes plausible numbers or an error.
func FuzzRead(f *testing.F) {
	for _, file := range []string{"vllm-0.10.txt", "tgi-3.txt", "triton-25.txt"} {
		f.Add(shown(f, file))
	}
	f.Add(`vllm:time_to_first_token_seconds_bucket{le="NaN"} 1`)
	f.Fuzz(func(t *testing.T, text string) {
		for engine, d := range dialects() {
			parts, err := d.read([]byte(text), "text/plain")
			if err != nil {
				continue
			}
			for _, p := range parts {
				for name, v := range p.Values {
					if !(v >= 0) || (name == reading.KVCacheUsage && v > 1.001) {
						t.Errorf("%s: %s is %v of %q", engine, name, v, text)
					}
				}
			}
		}
	})
}
