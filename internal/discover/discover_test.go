package discover_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/discover"
	"github.com/flyball-io/flyball/internal/testenv"
)

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for over := clock.System.After(30 * time.Second); !holds(); {
		select {
		case <-over:
			t.Fatalf("%s: did not happen", what)
		case <-clock.System.After(20 * time.Millisecond):
		}
	}
}

// launch starts a program that ends with the test.
func launch(t *testing.T, dir string, env []string, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// listener waits until a port is listened on.
func listener(t *testing.T, port int) discover.Listener {
	t.Helper()
	var found discover.Listener
	waitFor(t, fmt.Sprintf("somebody listens on %d", port), func() bool {
		all, err := discover.Listeners()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(l discover.Listener) bool { return l.Port == port })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

func TestARunningServiceIsFoundWithItsCommand(t *testing.T) {
	python := testenv.Command(t, "python3")
	dir, port := t.TempDir(), freePort(t)
	if err := os.WriteFile(filepath.Join(dir, "healthz"), []byte("ok"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := launch(t, dir, []string{"SHOP_KEY=hush"}, python, "-m", "http.server", "--bind", "127.0.0.1", strconv.Itoa(port))
	l := listener(t, port)
	if l.Process.PID != server.Process.Pid || l.Process.Dir != dir {
		t.Errorf("got process %d in %s, want %d in %s", l.Process.PID, l.Process.Dir, server.Process.Pid, dir)
	}
	services := discover.Services(t.Context(), []discover.Listener{l})
	if len(services) != 1 || services[0].Ready != "/healthz" {
		t.Fatalf("got %+v, want one that is ready at /healthz", services)
	}
	command, from := services[0].Portable()
	if want := []string{"-m", "http.server", "--bind", "127.0.0.1", "{port}"}; from != discover.FromArgument || cmp.Diff(want, command[1:]) != "" {
		t.Errorf("got %q from %s, want %q from an argument", command, from, want)
	}
	if got := l.Process.Variables(func(string) bool { return false }); !slices.Contains(got, "SHOP_KEY") || slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, "hush") }) {
		t.Errorf("got variables %q, want SHOP_KEY without its value", got)
	}
	if holder, known := discover.Holder(port); !known || holder.PID != server.Process.Pid {
		t.Errorf("got holder %+v, want process %d", holder, server.Process.Pid)
	}
}

func TestWhatSpeaksNoHTTPIsNoService(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			fmt.Fprint(c, "220 smtp\r\n")
			c.Close()
		}
	}()
	found := listener(t, l.Addr().(*net.TCPAddr).Port)
	if got := discover.Services(t.Context(), []discover.Listener{found}); len(got) != 0 {
		t.Errorf("got %+v, want none", got)
	}
}

// A web site that answers every path alike says nothing of readiness by that.
func TestAPathWithAnAnswerOfItsOwnIsPreferred(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			fmt.Fprintln(w, "ok")
			return
		}
		fmt.Fprintf(w, "welcome to %s, visitor %d", r.URL.Path, clock.System.Now().UnixNano())
	}))
	defer server.Close()
	found := listener(t, server.Listener.Addr().(*net.TCPAddr).Port)
	if got := discover.Services(t.Context(), []discover.Listener{found}); len(got) != 1 || got[0].Ready != "/health" {
		t.Errorf("got %+v, want /health", got)
	}
}

func TestHowAProgramLearnsItsPort(t *testing.T) {
	for _, tc := range []struct {
		command, want string
		env           []string
		from          discover.PortFrom
	}{
		{"/w/web --port 8080", "/w/web --port {port}", nil, discover.FromArgument},
		{"/w/web --listen=:8080", "/w/web --listen=:{port}", nil, discover.FromArgument},
		{"/w/web --listen=0.0.0.0:8080 -x", "/w/web --listen=0.0.0.0:{port} -x", nil, discover.FromArgument},
		{"/w/web --id 18080", "/w/web --id 18080", nil, discover.FromElsewhere},
		{"/w/web 8080", "/w/web {port}", []string{"PORT=8080"}, discover.FromArgument},
		{"/w/web", "/w/web", []string{"A=b", "PORT=8080"}, discover.FromEnvironment},
		{"/w/web", "/w/web", []string{"PORT=80"}, discover.FromElsewhere},
	} {
		l := discover.Listener{Port: 8080, Process: discover.Process{Command: strings.Fields(tc.command), Env: tc.env}}
		if got, from := l.Portable(); strings.Join(got, " ") != tc.want || from != tc.from {
			t.Errorf("%s: got %q from %s, want %q from %s", tc.command, got, from, tc.want, tc.from)
		}
	}
}

func TestServiceNames(t *testing.T) {
	for command, want := range map[string]string{
		"./Shop_Web --x": "shop-web", "python3 /srv/app/main.py": "main", "python3 -m": "service", "java -jar shop.jar": "shop",
		"/usr/sbin/nginx": "nginx", "flyball sample-app": "sample-app", "...": "service", "node server.mjs 7171": "server",
	} {
		if got := discover.ServiceName(strings.Fields(command)); got != want {
			t.Errorf("%s: got %s, want %s", command, got, want)
		}
	}
}

// A real Prometheus that scrapes a service of two metrics.
func TestAPrometheusAndItsSeries(t *testing.T) {
	program := testenv.Command(t, "prometheus")
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, "# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\"} 5\nhttp_requests_total{code=\"500\"} 1\n"+
			"# TYPE http_request_duration_seconds histogram\nhttp_request_duration_seconds_bucket{le=\"+Inf\"} 6\nhttp_request_duration_seconds_sum 1\nhttp_request_duration_seconds_count 6\n"+
			"# TYPE queue_depth gauge\nqueue_depth 3\n")
	}))
	defer service.Close()
	scraped := service.Listener.Addr().(*net.TCPAddr)
	dir, address := t.TempDir(), net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: 'a \"shop\"', static_configs: [{targets: ['%s']}]}]\n", scraped)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, dir, nil, program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+address)
	var got discover.Prometheus
	waitFor(t, "Prometheus knows the series", func() bool {
		p, err := discover.AskPrometheus(t.Context(), "http://"+address+"/")
		got = p
		return err == nil && len(p.Series) == 3
	})
	var queries []string
	for _, s := range got.Of(scraped.Port) {
		queries = append(queries, s.Query())
	}
	want := []string{
		`sum(rate(http_requests_total{job="a \"shop\""}[1m]))`,
		`sum(rate(http_request_duration_seconds_count{job="a \"shop\""}[1m]))`,
		`histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="a \"shop\""}[1m])))`,
	}
	if diff := cmp.Diff(want, queries); diff != "" || got.Version == "" {
		t.Errorf("version %q, -want +got:\n%s", got.Version, diff)
	}
	if _, err := discover.AskPrometheus(t.Context(), service.URL); err == nil {
		t.Error("a service that answers everything was taken for a Prometheus")
	}
}
