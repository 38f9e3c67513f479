package observability

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/deploy/prometheus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
)

// builtProgram names the variable with the path of the program under test.
const builtProgram = "OBSERVED_PROGRAM"

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds the program once for all tests.
func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "flyball-observed-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flyball")
	build := exec.Command("go", "build", "-o", path, "github.com/flyball-io/flyball/cmd/flyball")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	os.Setenv(builtProgram, path)
	return m.Run()
}

// world is Flyball, the exporter and the Prometheus that scrapes both.
type world struct {
	t          *testing.T
	dir        string
	program    string
	prometheus string // address
	dashboard  string
	exporter   string
	service    string // where users send requests
}

// secret lets Prometheus in.
const secret = "prometheus-0123456789abcdef"

func newWorld(t *testing.T) *world {
	t.Helper()
	testenv.Long(t)
	w := &world{t: t, dir: t.TempDir(), program: os.Getenv(builtProgram),
		prometheus: freeAddress(t), dashboard: freeAddress(t), exporter: freeAddress(t), service: freeAddress(t)}
	w.startPrometheus()
	w.startExporter()
	w.start(w.program, "run", "-f", w.write("shop.yaml", w.document()), "--listen", w.dashboard, "--token-file", w.write("tokens", "prometheus: "+secret+"\n"),
		"--state-dir", filepath.Join(w.dir, "state"))
	w.eventually("Flyball takes requests", func() bool {
		answer, err := http.Get("http://" + w.service)
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return w
}

// document is a service with everything that is measured: a policy that looks
// ahead and is advised, a shadow, an objective, and a budget that will not last.
func (w *world) document() string {
	advisor := advisortest.NewServer(w.t, advisortest.OpenAI, advisortest.Say(`{"replicas": 3, "confidence": 0.8, "reasoning": "the load will rise"}`))
	_, port, _ := strings.Cut(w.service, ":")
	return fmt.Sprintf(`apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  sync: 1s
  target:
    process:
      command: [%q, sample-app]
      readiness: {path: /healthz, interval: 500ms}
      resources: {cpu: 1, memory: 64Mi}
  replicas: {min: 1, max: 6}
  objective:
    latency: {threshold: 200ms, target: 99%%}
    cost: {perReplicaHour: 1, budgetPerDay: 25}
  signals:
    - {name: networkReceiveRate, interval: 1s, prometheus: {server: "http://%[2]s", query: 'sum(rate(process_network_receive_bytes_total{job="flyball"}[10s]))'}}
    - {name: networkTransmitRate, interval: 1s, prometheus: {server: "http://%[2]s", query: 'sum(rate(process_network_transmit_bytes_total{job="flyball"}[10s]))'}}
  policy:
    advised:
      advisor: {openai: {url: %q, model: %s, keyFile: %q}, always: true, every: 5s, timeout: 5s, maxAge: 30s, budget: {inputPrice: 1, outputPrice: 1}}
  shadows: [{hpa: {cpuUtilization: 70}}]
  balancer: {builtin: {listen: "127.0.0.1:%s"}}
`, w.program, w.prometheus, advisor.URL(), advisortest.Model, w.write("key", advisortest.Key), port)
}

func (w *world) startPrometheus() {
	w.t.Helper()
	w.write("alerts.yaml", string(prometheus.Alerts()))
	w.write("token", secret)
	config := w.write("prometheus.yml", fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: flyball
    authorization: {credentials_file: token}
    static_configs: [{targets: [%q]}]
  - job_name: exporter
    static_configs: [{targets: [%q]}]
`, w.dashboard, w.exporter))
	w.start(testenv.Command(w.t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(w.dir, "data"), "--web.listen-address="+w.prometheus, "--log.level=warn")
	w.eventually("Prometheus answers", func() bool {
		answer, err := http.Get("http://" + w.prometheus + "/-/ready")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// serves is a server that answers paths with files, with counters that grow each
// time.
func (w *world) serves(files map[string]string) (at string) {
	w.t.Helper()
	texts := map[string][]byte{}
	for path, file := range files {
		text, err := os.ReadFile("../../source/" + file)
		if err != nil {
			w.t.Fatal(err)
		}
		texts[path] = text
	}
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(files[r.URL.Path], ".json") {
			_, _ = rw.Write(texts[r.URL.Path])
			return
		}
		rw.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = rw.Write(grown(texts[r.URL.Path], asked.Add(1)))
	}))
	w.t.Cleanup(server.Close)
	return server.URL
}

// startExporter starts it beside servers that speak as vLLM and Qdrant do, and a
// queue in a real Redis.
func (w *world) startExporter() {
	w.t.Helper()
	model := w.serves(map[string]string{"/metrics": "inference/testdata/vllm-0.10.txt"})
	vectors := w.serves(map[string]string{"/metrics": "vector/testdata/metrics-1.16.txt", "/telemetry": "vector/testdata/telemetry-1.16.json"})
	redis := freeAddress(w.t)
	_, port, _ := strings.Cut(redis, ":")
	w.start(testenv.Command(w.t, "redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", w.dir)
	w.eventually("Redis answers", func() bool { return w.redis(redis, "PING") == "+PONG" })
	for range 5 {
		w.redis(redis, "LPUSH", "tasks", fmt.Sprintf(`{"at": %d}`, clock.System.Now().Unix()))
	}
	w.redis(redis, "LPUSH", "doing", `{"at": 1}`)
	w.background(func() { w.redis(redis, "INCR", "done") })
	w.start(w.program, "exporter", "--listen", w.exporter, "--config", w.write("exporter.yaml", fmt.Sprintf(`inference:
  - {service: chat, urls: [%q], engine: vllm}
queues:
  - {service: agent, redis: {address: "redis://%s", list: tasks, processing: [doing], completed: done, timeField: at}}
vectors:
  - {service: memory, qdrant: {url: %q}}
`, model, redis, vectors)))
}

// grown are metrics after so many times the work.
func grown(text []byte, times int64) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(string(line)), "} ")
		metric, _, _ := strings.Cut(name, "{")
		counts := strings.HasSuffix(metric, "_total") || strings.HasSuffix(metric, "_bucket") || strings.HasSuffix(metric, "_count") || strings.HasSuffix(metric, "_sum")
		number, err := strconv.ParseFloat(value, 64)
		if !found || !counts || err != nil {
			out.Write(line)
			continue
		}
		fmt.Fprintf(&out, "%s} %v\n", name, number*float64(times))
	}
	return out.Bytes()
}

// redis asks a server of Redis one thing and returns the first line of its answer.
func (w *world) redis(address string, words ...string) string {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	fmt.Fprintf(connection, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(connection, "$%d\r\n%s\r\n", len(word), word)
	}
	answer := make([]byte, 256)
	n, _ := connection.Read(answer)
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}

// background does something ten times a second until the end of the test.
func (w *world) background(do func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	ticker := clock.System.NewTicker(100 * time.Millisecond)
	go func() {
		defer close(ended)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				do()
			}
		}
	}()
	w.t.Cleanup(func() { cancel(); <-ended })
}

// start starts a program, which ends with the test.
func (w *world) start(program string, args ...string) {
	w.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stderr, cmd.Stdout, cmd.WaitDelay = w.dir, &said, &said, 5*time.Second
	testenv.EndWithTest(cmd)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("%s %s\n%s", program, strings.Join(args, " "), &said)
		}
	})
}

func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// patience is how long something may take that takes seconds: the machine may be
// busy with other things.
const patience = 2 * time.Minute

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := clock.System.Now().Add(patience); !holds(); <-clock.System.After(200 * time.Millisecond) {
		if clock.System.Now().After(end) {
			w.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// freeAddress is one at which nobody listens yet.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
