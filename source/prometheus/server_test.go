package prometheus_test

import (
	"bytes"
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
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
)

// server is a real Prometheus on loopback.
type server struct {
	t       *testing.T
	dir     string
	address string
	args    []string
	cmd     *exec.Cmd
	log     bytes.Buffer
}

// scraped starts a Prometheus that reads exporters five times a second, with
// further arguments.
func scraped(t *testing.T, exporters string, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), address: freeAddress(t), args: args}
	config := fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"+
		"scrape_configs:\n  - job_name: test\n    static_configs: [{targets: [%q]}]\n", strings.TrimPrefix(exporters, "http://"))
	if err := os.WriteFile(filepath.Join(s.dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) url() string { return "http://" + s.address }

// start runs the server and waits until it listens.
func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(testenv.Command(s.t, "prometheus"), append([]string{
		"--config.file=" + filepath.Join(s.dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(s.dir, "data"),
		"--web.listen-address=" + s.address, "--log.level=warn",
	}, s.args...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.log, &s.log
	testenv.EndWithTest(s.cmd)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("Prometheus listens", func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Error(err)
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *server) eventually(what string, holds func() bool) {
	s.t.Helper()
	eventually(s.t, what, holds)
	if s.t.Failed() {
		s.t.Log(s.log.String())
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := clock.System.Now().Add(30 * time.Second)
	for !holds() {
		if clock.System.Now().After(deadline) {
			t.Fatalf("waited 30 s in vain until %s", what)
		}
		<-clock.System.After(50 * time.Millisecond)
	}
}

// exporters serves testdata/exporters.prom as it would be after some seconds:
// counters have grown by their value in each of them.
type exporters struct {
	*httptest.Server
	began time.Time
	// down makes every request fail; dated adds the time at which they were
	// last up as an explicit timestamp to demo_dated.
	down atomic.Bool
}

func newExporters(t *testing.T) *exporters {
	t.Helper()
	text, err := os.ReadFile("testdata/exporters.prom")
	if err != nil {
		t.Fatal(err)
	}
	e := &exporters{began: clock.System.Now()}
	measured := e.began.Add(-90 * time.Second) // cAdvisor dates what it shows
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if e.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, grown(string(text), clock.System.Now().Sub(e.began).Seconds()))
		fmt.Fprintf(w, "# TYPE demo_dated gauge\ndemo_dated 4 %d\n", measured.UnixMilli())
	}))
	t.Cleanup(e.Close)
	return e
}

func grown(text string, seconds float64) string {
	var out strings.Builder
	counters := map[string]bool{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 4 && fields[1] == "TYPE" {
			for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
				counters[fields[2]+suffix] = fields[3] != "gauge"
			}
		}
		if name, _, _ := strings.Cut(line, "{"); counters[name] {
			head, value := line[:strings.LastIndex(line, " ")], fields[len(fields)-1]
			rate, _ := strconv.ParseFloat(value, 64)
			line = fmt.Sprintf("%s %v\n", head, rate*seconds)
		}
		out.WriteString(line)
	}
	return out.String()
}

// kill ends the server as a crash does.
func (s *server) kill() {
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}
