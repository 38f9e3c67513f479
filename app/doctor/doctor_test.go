package doctor_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/app/doctor"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record/sqlite"
)

func TestEveryCheckHasAnEntryInTheGuideAndViceVersa(t *testing.T) {
	guide, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var entries []string
	for _, found := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(string(guide), -1) {
		entries = append(entries, found[1])
	}
	if diff := cmp.Diff(doctor.Checks(), entries); diff != "" {
		t.Errorf("-checks +entries of docs/troubleshooting.md:\n%s", diff)
	}
}

// patient is a machine with one document that has nothing wrong with it.
type patient struct {
	t        *testing.T
	dir      string
	port     int
	command  string
	document string // after the target
	options  doctor.Options
}

func newPatient(t *testing.T) *patient {
	dir := t.TempDir()
	return &patient{
		t: t, dir: dir, port: freePort(t), command: `"/bin/sleep", "1000"`,
		options: doctor.Options{StateDir: filepath.Join(dir, "state"), Record: filepath.Join(dir, "state", "record.db"), Clock: clock.System},
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (p *patient) examine() []doctor.Result {
	p.t.Helper()
	file := filepath.Join(p.dir, "shop.yaml")
	text := fmt.Sprintf(`apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop}
spec:
  target: {process: {command: [%s], port: %d}}
  replicas: {max: 3}
  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}
%s`, p.command, p.port, p.document)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.options.Files = []string{file}
	return doctor.Examine(p.t.Context(), p.options)
}

// find returns the results of a check.
func find(t *testing.T, results []doctor.Result, check string) []doctor.Result {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(results), func(r doctor.Result) bool { return r.Check != check })
	if len(found) == 0 {
		t.Fatalf("no result of %s in %+v", check, results)
	}
	return found
}

// says fails unless the first result of a check is as wanted.
func says(t *testing.T, results []doctor.Result, check string, status doctor.Status, message, fix string) {
	t.Helper()
	r := find(t, results, check)[0]
	if r.Status != status || !strings.Contains(r.Message, message) || !strings.Contains(r.Fix, fix) {
		t.Errorf("%s: got %s %q (%q), want %s %q (%q)", check, r.Status, r.Message, r.Fix, status, message, fix)
	}
	if strings.Contains(r.Message+r.Fix, "\n") {
		t.Errorf("%s: %q %q: want one line", check, r.Message, r.Fix)
	}
}

func TestAHealthyMachineHasNothingToMend(t *testing.T) {
	results := newPatient(t).examine()
	if doctor.Failed(results) {
		t.Errorf("got %+v, want no failure", results)
	}
	says(t, results, "port", doctor.OK, "is free", "")
	says(t, results, "state", doctor.OK, "can be made", "")
	says(t, results, "record", doctor.OK, "no record yet", "")
	says(t, results, "leftover", doctor.OK, "nothing runs on", "")
}

func TestAWrongDocument(t *testing.T) {
	p := newPatient(t)
	p.document = "  replica: {}\n"
	results := p.examine()
	says(t, results, "document", doctor.Fail, "shop.yaml:8: spec.replica: unknown field", "document.md")
	if slices.ContainsFunc(results, func(r doctor.Result) bool { return r.Check == "command" }) {
		t.Error("what depends on a wrong document was checked")
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	p := newPatient(t)
	p.command = `"/none/web"`
	says(t, p.examine(), "command", doctor.Fail, "/none/web", "install the program")
}

func TestAPortThatIsHeld(t *testing.T) {
	p := newPatient(t)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	says(t, p.examine(), "port", doctor.Fail, fmt.Sprintf("port %d is held by doctor.test (process %d)", p.port, os.Getpid()), fmt.Sprintf("kill %d", os.Getpid()))
}

// The service that runs before Flyball takes over is expected to be there;
// another program of the same interpreter is not.
func TestAPortHeldByTheServiceItself(t *testing.T) {
	p := newPatient(t)
	service := exec.Command(testenv.Command(t, "python3"), "-m", "http.server", "--bind", "127.0.0.1", fmt.Sprint(p.port))
	service.Dir = t.TempDir()
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Process.Kill(); _ = service.Wait() })
	waitFor(t, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	p.command = `"python3", "-m", "http.server", "{port}"`
	says(t, p.examine(), "port", doctor.Note, "looks like the service itself", fmt.Sprintf("kill %d", service.Process.Pid))
	p.command = `"python3", "shop.py"`
	says(t, p.examine(), "port", doctor.Fail, "is held by python3", "kill")
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for over := clock.System.After(20 * time.Second); !holds(); {
		select {
		case <-over:
			t.Fatal("did not happen")
		case <-clock.System.After(10 * time.Millisecond):
		}
	}
}

func TestSignalsOfARealPrometheus(t *testing.T) {
	server := startPrometheus(t)
	p := newPatient(t)
	signal := func(query string) []doctor.Result {
		p.document = fmt.Sprintf("  signals: [{name: rps, prometheus: {server: %q, query: %q}}]\n", server, query)
		return p.examine()
	}
	waitFor(t, func() bool { return find(t, signal("sum(up)"), "signal")[0].Status == doctor.OK })
	says(t, signal("sum(up)"), "signal", doctor.OK, "rps is measured by prometheus: 1, ", "")
	says(t, signal("sum(up)"), "clock", doctor.OK, "agrees with that of "+server, "")
	says(t, signal("sum(up)"), "prometheus", doctor.OK, server+": 1 target up", "")
	says(t, signal("sum(nothing)"), "signal", doctor.Fail, "no series", "exactly one number")
	says(t, signal("go_gc_duration_seconds"), "signal", doctor.Fail, "series", "exactly one number")
	server = "http://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(freePort(t)))
	says(t, signal("sum(up)"), "signal", doctor.Fail, "refused", "see that the server answers")
}

// A value that would be stale is said to be, with what to write.
func TestASignalThatComesSeldom(t *testing.T) {
	var age time.Duration
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := float64(clock.System.Now().UnixMilli()) / 1000
		value := 7.0
		if strings.Contains(r.FormValue("query"), "timestamp") {
			value = now - age.Seconds()
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"flyball_input":"0"},"value":[%.3f,"%.3f"]}]}}`, now, value)
	}))
	defer server.Close()
	for _, tc := range []struct {
		age          time.Duration
		beside       string
		status       doctor.Status
		message, fix string
	}{
		{10 * time.Second, "", doctor.OK, "7, 10s old", ""},
		{40 * time.Second, "", doctor.Note, "40s old, so it is stale after a start: older than 15s, until", "state maxAge: 2m30s beside name"},
		{40 * time.Second, "maxAge: 1m, ", doctor.OK, "40s old", ""},
		{20 * time.Second, "maxAge: 18s, ", doctor.Note, "20s old, so it is stale: older than its maxAge of 18s", "state maxAge: 1m15s beside name"},
		{6 * time.Minute, "maxAge: 1m, ", doctor.Note, "6m old, so it is stale: older than 1m", "what the server scrapes runs"},
	} {
		p := newPatient(t)
		age = tc.age
		p.document = fmt.Sprintf("  signals: [{name: rps, %sprometheus: {server: %q, query: 'up'}}]\n", tc.beside, server.URL)
		says(t, p.examine(), "signal", tc.status, tc.message, tc.fix)
	}
}

// startPrometheus returns the address of one that scrapes itself.
func startPrometheus(t *testing.T) string {
	program := testenv.Command(t, "prometheus")
	dir, address := t.TempDir(), net.JoinHostPort("127.0.0.1", fmt.Sprint(freePort(t)))
	config := "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: self, static_configs: [{targets: ['" + address + "']}]}]\n"
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+dir, "--web.listen-address="+address)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	return "http://" + address
}

func TestAServerWithAnotherClock(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", clock.System.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	}))
	defer server.Close()
	p := newPatient(t)
	p.document = fmt.Sprintf("  signals: [{name: rps, prometheus: {server: %q, query: 'up'}}]\n", server.URL)
	says(t, p.examine(), "clock", doctor.Fail, "ahead of that of "+server.URL, "NTP")
}

func TestAStateFolderThatIsNone(t *testing.T) {
	p := newPatient(t)
	if err := os.WriteFile(p.options.StateDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, p.examine(), "state", doctor.Fail, "cannot be written to", "--state-dir")
}

func TestARecordIsReadWithoutBeingChanged(t *testing.T) {
	p := newPatient(t)
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: p.options.Record})
	if err != nil {
		t.Fatal(err)
	}
	says(t, p.examine(), "record", doctor.OK, "is healthy", "") // also while it is open
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	says(t, p.examine(), "record", doctor.OK, "is healthy", "")
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(p.options.Record + suffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("record.db%s is left: %v", suffix, err)
		}
	}
	if err := os.WriteFile(p.options.Record, []byte("this is no record at all, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, p.examine(), "record", doctor.Fail, "", "start flyball run")
}

func TestAnAPIThatIsSomebodyElses(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() { // it hangs up on everybody
		for c, err := other.Accept(); err == nil; c, err = other.Accept() {
			c.Close()
		}
	}()
	p := newPatient(t)
	p.options.Listen = other.Addr().String()
	if p.options.API, err = client.New(client.Options{Server: p.options.Listen}); err != nil {
		t.Fatal(err)
	}
	says(t, p.examine(), "api", doctor.Fail, "is held by doctor.test", "--listen")
}

func TestACertificateThatIsNotThere(t *testing.T) {
	p := newPatient(t)
	p.options.TLSCert, p.options.TLSKey = filepath.Join(p.dir, "none.pem"), filepath.Join(p.dir, "none.key")
	says(t, p.examine(), "tls", doctor.Fail, "none.pem", "PEM form")
}
