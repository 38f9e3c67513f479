package exporter_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/redistest"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/serve/exporter"
	"github.com/flyball-io/flyball/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an exporter of a configuration, and its log.
type world struct {
	t      *testing.T
	server *exporter.Server
	log    *bytes.Buffer
}

func start(t *testing.T, config string, tokens ...web.Token) *world {
	t.Helper()
	cfg, err := exporter.Read("exporter.yaml", []byte(config), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	x, err := exporter.New(cfg, clock.System, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	w.server = exporter.NewServer(exporter.Options{Exporter: x, Tokens: tokens, Log: log, Version: "v1.2.3"})
	return w
}

// scrape answers what Prometheus would get; more are headers, name before value.
func (w *world) scrape(more ...string) (status int, text string) {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/metrics", nil)
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// ours are the lines of flyball_inference, _queue and _vector but buckets; hosts are named.
func ours(text string, hosts map[string]string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if regexp.MustCompile(`^flyball_(inference|queue|vector)_`).MatchString(line) && !strings.Contains(line, "_bucket{") {
			for host, name := range hosts {
				line = strings.ReplaceAll(line, host, name)
			}
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return lines
}

// vllm shows what vLLM 0.10 shows; while it is broken, nothing.
func vllm(t *testing.T, broken *atomic.Bool) (address, host string) {
	t.Helper()
	text, err := os.ReadFile("../../source/inference/testdata/vllm-0.10.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s.URL, strings.TrimPrefix(s.URL, "http://")
}

// qdrant shows what Qdrant 1.16 shows.
func qdrant(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile("../../source/vector/testdata/" + map[string]string{"/telemetry": "telemetry-1.16.json", "/metrics": "metrics-1.16.txt"}[r.URL.Path])
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A vector database as Prometheus sees it.
func TestVectorDatabases(t *testing.T) {
	address := qdrant(t)
	w := start(t, fmt.Sprintf("vectors:\n  - {service: search, qdrant: {url: '%s'}}\n  - {service: away, qdrant: {url: 'http://127.0.0.1:1'}}\n", address))
	_, text := w.scrape()
	want := []string{
		`flyball_vector_collection_points{collection="docs",endpoint="HOST",service="search"} 7500`,
		`flyball_vector_collection_points{collection="faces",endpoint="HOST",service="search"} 12`,
		`flyball_vector_index_bytes{collection="docs",endpoint="HOST",service="search"} 2.304e+07`,
		`flyball_vector_search_duration_seconds_count{collection="",endpoint="HOST",service="search"} 150`,
		`flyball_vector_search_duration_seconds_sum{collection="",endpoint="HOST",service="search"} 0.75`,
		`flyball_vector_up{endpoint="127.0.0.1:1",service="away"} 0`,
		`flyball_vector_up{endpoint="HOST",service="search"} 1`,
	}
	if diff := cmp.Diff(want, ours(text, map[string]string{strings.TrimPrefix(address, "http://"): "HOST"})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// An inference server and a queue as Prometheus sees them; then both fail.
func TestWhatPrometheusSees(t *testing.T) {
	var broken atomic.Bool
	address, host := vllm(t, &broken)
	redis := redistest.Start(t)
	w := start(t, fmt.Sprintf(`
share: 0s
inference:
  - {service: chat, urls: [%s], timeout: 5s}
queues:
  - {service: mail, redis: {address: "%s", password: "%s", list: jobs, completed: done, processing: [busy]}}
`, address, redis.Address, redis.Password))
	_, text := w.scrape()
	llama := `endpoint="HOST",model="meta-llama/Llama-3.1-8B-Instruct",service="chat"`
	want := []string{
		`flyball_inference_duration_seconds_count{` + llama + `} 100`,
		`flyball_inference_duration_seconds_sum{` + llama + `} 210`,
		`flyball_inference_kv_cache_usage_ratio{` + llama + `} 0.8`,
		`flyball_inference_queue_depth{` + llama + `} 7`,
		`flyball_inference_requests_total{` + llama + `,status="abort"} 5`,
		`flyball_inference_requests_total{` + llama + `,status="length"} 15`,
		`flyball_inference_requests_total{` + llama + `,status="stop"} 100`,
		`flyball_inference_running_requests{` + llama + `} 28`,
		`flyball_inference_time_to_first_token_seconds_count{` + llama + `} 100`,
		`flyball_inference_time_to_first_token_seconds_sum{` + llama + `} 31.5`,
		`flyball_inference_tokens_total{direction="generated",` + llama + `} 9000`,
		`flyball_inference_tokens_total{direction="prompt",` + llama + `} 30000`,
		`flyball_inference_up{endpoint="HOST",service="chat"} 1`,
		`flyball_queue_completed_total{queue="jobs",service="mail"} 0`,
		`flyball_queue_depth{queue="jobs",service="mail"} 0`,
		`flyball_queue_in_progress{queue="jobs",service="mail"} 0`,
		`flyball_queue_up{queue="jobs",service="mail"} 1`,
	}
	if diff := cmp.Diff(want, ours(text, map[string]string{host: "HOST"})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, text := w.scrape(); !strings.Contains(text, "flyball_inference_tokens_per_second{") {
		t.Error("after two readings there are no tokens per second")
	}
	broken.Store(true)
	redis.Kill()
	for range 2 {
		_, text = w.scrape()
	}
	down := []string{`flyball_inference_up{endpoint="HOST",service="chat"} 0`, `flyball_queue_up{queue="jobs",service="mail"} 0`}
	if diff := cmp.Diff(down, ours(text, map[string]string{host: "HOST"})); diff != "" {
		t.Errorf("both are away: -want +got:\n%s", diff)
	}
	broken.Store(false)
	redis.Run()
	if _, text = w.scrape(); !strings.Contains(text, `flyball_queue_depth{queue="jobs",service="mail"} 0`) || !strings.Contains(text, `flyball_inference_queue_depth{`) {
		t.Errorf("both are back: %s", strings.Join(ours(text, nil), "\n"))
	}
	for _, says := range []string{"cannot be read", "can be read again"} {
		if n := strings.Count(w.log.String(), says); n != 2 {
			t.Errorf("the log says %q %d times, want once for each server:\n%s", says, n, w.log)
		}
	}
}

// Names, help and types are as Prometheus' own linter wants them.
func TestPromtoolFindsNothing(t *testing.T) {
	var broken atomic.Bool
	address, _ := vllm(t, &broken)
	redis := redistest.Start(t)
	w := start(t, fmt.Sprintf("share: 0s\ninference:\n  - {service: chat, urls: [%s]}\nqueues:\n  - {service: mail, redis: {address: '%s', password: '%s', list: jobs, completed: done}}\nvectors:\n  - {service: search, qdrant: {url: '%s'}}\n",
		address, redis.Address, redis.Password, qdrant(t)))
	w.scrape()
	_, text := w.scrape()
	check := exec.Command(testenv.Command(t, "promtool"), "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// One server that hangs holds neither the others nor the scrape.
func TestAServerThatHangsHoldsNobody(t *testing.T) {
	var broken atomic.Bool
	address, _ := vllm(t, &broken)
	free := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(free) })
	w := start(t, fmt.Sprintf("inference:\n  - {service: chat, urls: [%s, %s], timeout: 30s}\n", address, hangs.URL))
	began := time.Now()
	status, text := w.scrape("X-Prometheus-Scrape-Timeout-Seconds", "2")
	if took := time.Since(began); took > 7*time.Second || status != http.StatusOK {
		t.Errorf("answered %d after %v, want 200 within the time that Prometheus has", status, took)
	}
	if !strings.Contains(text, `flyball_inference_queue_depth{`) || strings.Count(text, "\nflyball_inference_up{") != 2 ||
		!strings.Contains(text, fmt.Sprintf(`flyball_inference_up{endpoint="%s",service="chat"} 0`, strings.TrimPrefix(hangs.URL, "http://"))) {
		t.Errorf("want the server that answers, and 0 for the other:\n%s", strings.Join(ours(text, nil), "\n"))
	}
}

// Scrapes within share read once.
func TestScrapesShareReadings(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "tgi_queue_size 3\n")
	}))
	t.Cleanup(s.Close)
	w := start(t, fmt.Sprintf("share: 1m\ninference:\n  - {service: chat, engine: tgi, urls: [%s]}\n", s.URL))
	for range 5 {
		if _, text := w.scrape(); !strings.Contains(text, "flyball_inference_queue_depth{") {
			t.Fatal(text)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestATokenIsNeeded(t *testing.T) {
	tokens, err := web.ParseTokens(strings.NewReader("prometheus: 0123456789abcdef0123456789abcdef\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, "inference:\n  - {service: chat, urls: ['http://127.0.0.1:1']}\n", tokens...)
	if status, text := w.scrape(); status != http.StatusUnauthorized || strings.Contains(text, "flyball_inference") {
		t.Errorf("without a token: %d %s", status, text)
	}
	if status, _ := w.scrape("Authorization", "Bearer 0123456789abcdef0123456789abcdeX"); status != http.StatusUnauthorized {
		t.Errorf("with a wrong one: %d", status)
	}
	if status, text := w.scrape("Authorization", "Bearer 0123456789abcdef0123456789abcdef"); status != http.StatusOK || !strings.Contains(text, "flyball_inference_up") {
		t.Errorf("with the right one: %d", status)
	}
}

// All that is wrong is told at once, with its line.
func TestAFileThatIsWrong(t *testing.T) {
	for config, want := range map[string][]string{
		"inference:\n  - service: chat\n": {"exporter.yaml:2: inference[0].urls: is required but missing"},
		"inferense: []\n":                 {"exporter.yaml:1: inferense: unknown field", "did you mean inference?"},
		"inference:\n  - {service: chat, urls: ['localhost:8000'], engine: gpt}\n":                        {"engine: must be one of", "exporter.yaml:2"},
		"inference:\n  - {service: chat, urls: ['localhost:8000']}\n":                                     {"exporter.yaml:2: inference[0].urls[0]: must be http://host:port"},
		"inference:\n  - {service: chat, urls: ['http://a:1', 'http://a:1']}\n":                           {"is read by inference[0].urls[0] already"},
		"queues:\n  - {service: mail}\n":                                                                  {"queues[0].redis: exactly one of redis, celery, rabbitmq and nats must be given, got 0"},
		"queues:\n  - {service: mail, redis: {address: 'redis://x', list: a}}\nshare: 5m\ndeadline: 0s\n": {"share: must be 0 to 1m", "deadline: must be 100ms to 2m"},
		"queues:\n  - {service: mail, redis: {address: 'redis://x', list: a}, timeout: soon}\n":           {"timeout: must be a duration"},
		"share: 1s\n": {"names nothing to read"},
		"a: [":        {"exporter.yaml:2: not valid YAML"},
	} {
		_, err := exporter.Read("exporter.yaml", []byte(config), func(string) (string, bool) { return "", false })
		if err == nil {
			t.Errorf("%q is taken", config)
			continue
		}
		for _, says := range want {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%q: got %v, want it to say %q", config, err, says)
			}
		}
	}
}

// The file that the documentation shows is one that is taken.
func TestTheDocumentedFile(t *testing.T) {
	text, err := os.ReadFile("../../docs/exporter.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```yaml\n# exporter.yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("docs/exporter.md shows no exporter.yaml")
	}
	cfg, err := exporter.Read("exporter.yaml", []byte(block), func(string) (string, bool) { return "x", true })
	if err != nil || len(cfg.Inference) == 0 || len(cfg.Queues) < 4 {
		t.Errorf("%v: %+v", err, cfg)
	}
}

func TestCheckAll(t *testing.T) {
	var broken atomic.Bool
	address, _ := vllm(t, &broken)
	cfg, err := exporter.Read("-", fmt.Appendf(nil, "inference:\n  - {service: chat, urls: [%s, 'http://127.0.0.1:1']}\n", address), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	x, err := exporter.New(cfg, clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	all := x.CheckAll(context.Background())
	if len(all) != 2 || all[0].Fault != "" || all[0].Parts != 1 || all[1].Fault == "" {
		t.Errorf("got %+v; want the first well and the second away", all)
	}
}

// Labels mean the same in every metric.
func TestPartsThatAreLeftOut(t *testing.T) {
	var text strings.Builder
	for i := range 103 {
		fmt.Fprintf(&text, "vllm:num_requests_waiting{model_name=\"m%03d\"} 1\n", i)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, text.String())
	}))
	t.Cleanup(s.Close)
	_, got := start(t, "inference: [{service: chat, engine: vllm, urls: ["+s.URL+"]}]").scrape()
	host := strings.TrimPrefix(s.URL, "http://")
	for _, want := range []string{
		`flyball_exporter_parts_left_out{endpoint="` + host + `",kind="inference",service="chat"} 3`,
		`flyball_inference_up{endpoint="` + host + `",service="chat"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?m)^flyball_exporter.*`).FindAllString(got, -1))
	}
}
