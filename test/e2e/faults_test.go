package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/sqlite"
)

// metrics is a real Prometheus that reads one number, behind a proxy that can
// spoil its answers.
type metrics struct {
	t        *testing.T
	jobs     atomic.Int64
	spoil    atomic.Pointer[http.HandlerFunc] // nil: answers pass
	exporter *httptest.Server
	front    *httptest.Server
	dir      string
	address  string
	cmd      *exec.Cmd
}

func (p *place) metrics() *metrics {
	p.t.Helper()
	m := &metrics{t: p.t, dir: p.t.TempDir(), address: fmt.Sprintf("127.0.0.1:%d", freePort(p.t)+7)}
	m.exporter = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE jobs gauge\njobs %d\n", m.jobs.Load())
	}))
	p.t.Cleanup(m.exporter.Close)
	through := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: m.address})
	m.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil := m.spoil.Load(); spoil != nil {
			(*spoil)(w, r)
			return
		}
		through.ServeHTTP(w, r)
	}))
	p.t.Cleanup(m.front.Close)
	through.ErrorLog = log.New(io.Discard, "", 0) // of the time when it is down
	config := fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: jobs, static_configs: [{targets: [%q]}]}]\n",
		strings.TrimPrefix(m.exporter.URL, "http://"))
	if err := os.WriteFile(filepath.Join(m.dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		p.t.Fatal(err)
	}
	m.start()
	p.t.Cleanup(m.stop)
	return m
}

func (m *metrics) start() {
	m.t.Helper()
	m.cmd = exec.Command(testenv.Command(m.t, "prometheus"), "--config.file="+filepath.Join(m.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(m.dir, "data"), "--web.listen-address="+m.address, "--log.level=error")
	testenv.EndWithTest(m.cmd)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *metrics) stop() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	_ = m.cmd.Wait()
	m.cmd = nil
}

// jobDocument keeps two jobs per replica, as Prometheus counts them.
func (p *place) jobDocument(port int, server string) string {
	return fmt.Sprintf(`apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  sync: 500ms
  target: {process: {command: [%q, sample-app], port: %d, readiness: {path: /healthz, interval: 500ms}}}
  replicas: {min: 1, max: 8}
  signals: [{name: jobs, prometheus: {server: %q, query: jobs, timeout: 1s}}]
  policy: {hpa: {metrics: [{signal: jobs, averageValue: 2}]}}
  behavior: {scaleUp: {stabilizationWindowSeconds: 0}, scaleDown: {stabilizationWindowSeconds: 0}}
`, p.program, port, server)
}

// Whatever befalls the Prometheus that a document relies on: the count never
// falls on it, and follows the load again afterwards.
func TestNoFaultOfPrometheusScalesDown(t *testing.T) {
	p := newPlace(t)
	m := p.metrics()
	m.jobs.Store(8)
	c := p.control("-f", p.write("shop.yaml", p.jobDocument(freePort(t), m.front.URL)))
	c.untilReady("shop", 4)
	spoilers := map[string]http.HandlerFunc{
		"says that nothing is there": answering(`{"status":"success","data":{"resultType":"vector","result":[]}}`),
		"answers with two series": answering(`{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"a":"1"},"value":[1,"0"]},{"metric":{"a":"2"},"value":[1,"0"]}]}}`),
		"answers with a login page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>log in</html>") },
		"answers half":              answering(`{"status":"success","data":{"resultTy`),
		"fails": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "overloaded", http.StatusServiceUnavailable)
		},
		"is slow": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-clock.System.After(time.Minute):
			}
		},
	}
	for name, spoil := range spoilers {
		t.Log("a server that " + name)
		m.spoil.Store(&spoil)
		m.jobs.Store(2)
		c.holds("shop", 4)
		m.spoil.Store(nil)
		c.untilReady("shop", 1)
		m.jobs.Store(8)
		c.untilReady("shop", 4)
	}
	t.Log("a server that is down, and comes back")
	m.stop()
	m.jobs.Store(2)
	c.holds("shop", 4)
	m.start()
	c.untilReady("shop", 1)
	c.ends(syscall.SIGTERM, 0)
}

func answering(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}
}

// holds waits until a signal is in doubt and then sees the count stay.
func (c *controller) holds(name string, n int) {
	c.t.Helper()
	eventually(c.t, patience, "a decision without data", func() bool {
		view, _ := c.target(name)
		return view.Decision != nil && view.Decision.NoData
	}, sprint(func() any { view, _ := c.target(name); return view.Decision }))
	for range 3 {
		c.decidesOn(name)
		if view, _ := c.target(name); view.Decision.To != n || len(c.place.replicas(name)) != n {
			c.t.Errorf("%d replicas wanted and %d there, want %d: %s", view.Decision.To, len(c.place.replicas(name)), n, view.Decision.Reason)
		}
	}
}

// A disk that is full stops no decision, and none of them is missing from the
// record once there is room again.
func TestAFullDiskLosesNoDecision(t *testing.T) {
	p := newPlace(t)
	p.disk = testenv.SmallDisk(t, "4m")
	m := p.metrics()
	m.jobs.Store(4)
	c := p.control("-f", p.write("shop.yaml", p.jobDocument(freePort(t), m.front.URL)))
	began := clock.System.Now()
	c.untilReady("shop", 2)

	fill(t, filepath.Join(p.state(), "ballast"))
	c.says(0, "cannot write the record")
	for range 5 {
		c.decidesOn("shop")
	}
	if n := len(p.replicas("shop")); n != 2 {
		t.Errorf("%d replicas on a full disk, want the 2 there were", n)
	}
	if err := os.Remove(filepath.Join(p.state(), "ballast")); err != nil {
		t.Fatal(err)
	}
	c.says(0, "the record can be written again")
	m.jobs.Store(8)
	c.untilReady("shop", 4)
	c.ends(syscall.SIGTERM, 0)
	p.noGaps("shop", began, time.Second+500*time.Millisecond)
}

// fill writes to a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 16, 1 << 10, 1} {
		block := make([]byte, size)
		for err == nil {
			_, err = f.Write(block)
		}
		err = nil
	}
}

// noGaps fails the test when the record misses decisions that were made.
func (p *place) noGaps(name string, from time.Time, most time.Duration) {
	p.t.Helper()
	store, err := sqlite.Open(p.t.Context(), sqlite.Options{Path: filepath.Join(p.state(), "record.db")})
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	entries, err := store.Read(p.t.Context(), record.Query{Target: name, Kind: record.DecidedKind, From: from, OldestFirst: true, Brief: true})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(entries) < 10 {
		p.t.Fatalf("%d decisions recorded, want more", len(entries))
	}
	for i := 1; i < len(entries); i++ {
		if gap := entries[i].At.Sub(entries[i-1].At); gap > most {
			p.t.Errorf("no decision recorded for %v before %v", gap, entries[i].At)
		}
	}
}
