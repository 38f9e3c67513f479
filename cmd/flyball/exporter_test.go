package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
)

// exporterHere runs flyball exporter on a free port until the test ends, and
// returns where its metrics are.
func exporterHere(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "exporter.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	root := newRootCommand()
	reader, writer := io.Pipe()
	root.SetOut(writer)
	root.SetErr(io.Discard)
	root.SetArgs([]string{"exporter", "--config", file, "--listen", "127.0.0.1:0"})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = writer.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("exporter ended with %v", err)
		}
	})
	line, err := bufio.NewReader(reader).ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), " are at ")
	if !found {
		t.Fatalf("it says %q, %v, want where its metrics are", line, err)
	}
	return address
}

// inferenceServer shows what TGI shows.
func inferenceServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "# TYPE tgi_queue_size gauge\ntgi_queue_size 4\n")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A real Prometheus scrapes the exporter: one server is well, the other away.
func TestPrometheusScrapesTheExporter(t *testing.T) {
	t.Parallel()
	program := testenv.Command(t, "prometheus")
	metrics := exporterHere(t, fmt.Sprintf("inference:\n  - {service: chat, engine: tgi, urls: [%s, 'http://127.0.0.1:1']}\n", inferenceServer(t)))
	dir, address := t.TempDir(), freeLoopback(t)
	config := fmt.Sprintf("scrape_configs:\n  - {job_name: ai, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: ['%s']}]}\n",
		strings.TrimSuffix(strings.TrimPrefix(metrics, "http://"), "/metrics"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	testenv.EndWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	value := func(query string) string {
		answer, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		var told struct {
			Data struct {
				Result []struct{ Value []any }
			}
		}
		if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || len(told.Data.Result) != 1 {
			return fmt.Sprint(err, told)
		}
		return fmt.Sprint(told.Data.Result[0].Value[1])
	}
	for query, want := range map[string]string{
		`up{job="ai"}`: "1", `flyball_inference_queue_depth{service="chat"}`: "4", `flyball_inference_up{endpoint="127.0.0.1:1"}`: "0", `sum(flyball_inference_up)`: "1",
	} {
		eventually(t, func() bool { return value(query) == want })
	}
}

func TestExporterChecks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "exporter.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "inference:\n  - {service: chat, engine: tgi, urls: [%s, 'http://127.0.0.1:1']}\n", inferenceServer(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, status := execute(t.Context(), "exporter", "--config", file, "--check")
	if status == 0 || !strings.Contains(out, "ok    inference chat 127.0.0.1:") || !strings.Contains(out, "FAIL  inference chat 127.0.0.1:1: ") || !strings.Contains(errOut, "1 of 2 cannot be read") {
		t.Errorf("status %d: %s%s", status, out, errOut)
	}
	out, _, status = execute(t.Context(), "exporter", "--config", file, "--check", "--json")
	var told struct {
		OK     bool
		Checks []struct{ Name, Fault string }
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || status == 0 || told.OK || len(told.Checks) != 2 || told.Checks[0].Fault != "" || told.Checks[1].Fault == "" {
		t.Errorf("status %d, %v: %s", status, err, out)
	}
}

// What is wrong is told with its place, and ends the program as a wrong use.
func TestExporterRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "exporter.yaml")
	if err := os.WriteFile(file, []byte("inference:\n  - {service: chat, engine: vlm, urls: ['http://127.0.0.1:1']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "good.yaml")
	if err := os.WriteFile(good, []byte("inference:\n  - {service: chat, urls: ['http://127.0.0.1:1']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"--config: must name a file":                      {},
		"no such file":                                    {"--config", file + "x"},
		":2: inference[0].engine: must be one of":         {"--config", file},
		"--json: is for what --check prints":              {"--config", file, "--json"},
		"--listen: other machines can reach 0.0.0.0:9200": {"--config", good, "--listen", "0.0.0.0:9200"},
		"holds 0 documents, want one configuration":       {"--config", "-"},
		"--without-token: --token-file names some":        {"--config", file, "--without-token", "--token-file", file},
		`takes flags only, got "now"`:                     {"now"},
	} {
		_, errOut, status := execute(t.Context(), append([]string{"exporter"}, args...)...)
		if status != 2 || !strings.Contains(errOut, says) {
			t.Errorf("%v: status %d, says %q; want 2 and %q", args, status, errOut, says)
		}
	}
}
