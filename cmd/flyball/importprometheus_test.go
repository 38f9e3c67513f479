package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/source/prometheus"
)

// recordedDay is when the past of the test begins.
func recordedDay() time.Time { return time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC) }

// startPrometheus runs a real Prometheus that holds an hour of two counters,
// which grow by 2 and by 3 in each second, with ten minutes missing; and a gauge.
func startPrometheus(t *testing.T) string {
	t.Helper()
	dir, address := t.TempDir(), freeLoopback(t)
	past := &strings.Builder{}
	fmt.Fprintln(past, "# TYPE hits counter")
	for pod, rate := range map[string]int{"a": 2, "b": 3} {
		for i := range 361 {
			if i <= 180 || i > 240 {
				fmt.Fprintf(past, "hits_total{pod=%q} %d %d\n", pod, rate*10*i, recordedDay().Unix()+int64(10*i))
			}
		}
	}
	fmt.Fprintln(past, "# TYPE balance gauge")
	for i := range 360 {
		fmt.Fprintf(past, "balance %d %d\n", 100-i, recordedDay().Unix()+int64(10*i))
	}
	fmt.Fprintln(past, "# EOF")
	for name, content := range map[string]string{"prometheus.yml": "global: {}\n", "past.om": past.String()} {
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

func TestImportFromARealPrometheus(t *testing.T) {
	t.Parallel()
	server := startPrometheus(t)
	imported := func(args ...string) (string, string, int) {
		return execute(t.Context(), append([]string{"import", "trace", "--from-prometheus", server, "--to", "2026-09-01T01:00:00Z", "--from", "2026-09-01T00:01:00Z"}, args...)...)
	}
	const query = "sum(rate(hits_total[1m]))"
	out, errOut, status := imported("--query", query)
	if status != 0 {
		t.Fatal(errOut)
	}
	rows := strings.Fields(out)
	// The value at 00:01 is the rate of the minute before it.
	if rows[0] != "t_seconds,requests_per_second" || rows[1] != "0,5" || rows[2] != "60,5" || rows[len(rows)-1] != "3540,5" {
		t.Errorf("got %v, want 5/s from 0 to 3540", rows)
	}
	wants(t, oneSpaced(errOut), "span 1h from 2026-09-01T00:00:00Z", "rows 50 of 1m", "gaps 1, 10m in all", "mean 5/s")

	for _, tc := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--query", "rate(hits_total[1m])"}, 1, `the query gives 2 series; want exactly one (sum, avg or max them): {pod="a"}, {pod="b"}; --sum adds them up`},
		{[]string{"--query", "rate(hits_total[1m]) # both", "--sum"}, 0, "mean 5/s"},
		{[]string{"--query", "sum(hits_total)"}, 2, "--query: sum(hits_total) is a counter that only grows; ask for its rate"},
		{[]string{"--query", "balance"}, 1, "at 2026-09-01T00:17:00Z: a rate of requests must be 0 or more"},
		{[]string{"--query", "no_such_thing"}, 1, "the query gives no series: nothing was recorded then, or the name or a label is wrong"},
		{[]string{"--query", "sum("}, 1, "parse error"},
		{[]string{"--query", "0 * balance / 0"}, 1, "is NaN or infinite all the time"},
		{[]string{"--query", query, "--step", "1h"}, 1, "must be at least 2"},
		{[]string{"--query", "rate(hits_total[5s])", "--sum"}, 1, "the query gives no series"},
		{[]string{"--query", query + " and hour() > 1"}, 1, "the query gives no series"},
		{[]string{"--query", query + " and minute() % 3 == 0"}, 1, "there is no value at most of the steps of 1m0s, the usual distance is 3m0s: take a longer --step"},
		{[]string{"--query", query, "--step", "0s"}, 2, "--step: must be above 0, got 0s"},
		{[]string{"--query", query, "--from", "2026-09-01T02:00:00Z"}, 2, "--from: must be before --to"},
		{[]string{}, 2, "--query: must be given"},
	} {
		_, errOut, status := imported(tc.args...)
		if status != tc.status || !strings.Contains(oneSpaced(errOut), tc.says) {
			t.Errorf("%v: status %d, %q; want %d and %q", tc.args, status, errOut, tc.status, tc.says)
		}
	}
}

func TestImportTellsWhoDoesNotAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	l.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer secret" || r.Header.Get("X-Scope-Orgid") != "shop" {
			t.Errorf("asked as %q of %q", got, r.Header.Get("X-Scope-Orgid"))
		}
		w.Header().Set("Content-Type", "text/html")
	}))
	defer page.Close()
	token := writeFile(t, "token", "secret\n")
	for _, tc := range []struct {
		server, says string
		status       int
	}{
		{gone, "connection refused", 1}, {page.URL, "a login page, or another address", 1}, {"nonsense", "--from-prometheus: must begin with http://", 2},
	} {
		out, errOut, status := execute(t.Context(), "import", "trace", "--from-prometheus", tc.server, "--query", "sum(rate(x[1m]))", "--token-file", token, "--tenant", "shop")
		if status != tc.status || !strings.Contains(errOut, tc.says) || strings.Contains(errOut, "secret") || out != "" {
			t.Errorf("%s: status %d, %q; want %d and %q", tc.server, status, errOut, tc.status, tc.says)
		}
	}
}
