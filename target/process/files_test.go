package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
)

func TestLogs(t *testing.T) {
	l := newLogs(t.TempDir(), "web")
	write := func(id, text string) {
		t.Helper()
		file, err := l.open(id)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"one line", "one line"},
		{"first\nlast\n\n", "last"},
		{strings.Repeat("x", 10_000) + "\nlast\n", "last"},
		{strings.Repeat("y", 1000), strings.Repeat("y", 300)},
	} {
		id := fmt.Sprintf("web-%d", len(test.text))
		write(id, test.text)
		if got := l.lastLine(id); got != test.want {
			t.Errorf("last line of %.20q…: %q, want %q", test.text, got, test.want)
		}
	}
	l.bound(5000)
	if got := l.lastLine("web-10006"); got != "" {
		t.Errorf("a file over the bound still holds %q", got)
	}
	if got := l.lastLine("web-8"); got != "one line" {
		t.Errorf("a file under the bound holds %q", got)
	}
	write("web-10006", "goes on\n")
	if got := l.lastLine("web-10006"); got != "goes on" {
		t.Errorf("after the bound: %q", got)
	}
}

func TestOldLogsArePruned(t *testing.T) {
	l := newLogs(t.TempDir(), "web")
	for i := range maxOldLogs + 5 {
		file, err := l.open(fmt.Sprintf("web-%02d", i))
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		if err := os.Chtimes(file.Name(), at(i), at(i)); err != nil {
			t.Fatal(err)
		}
	}
	l.prune(func(id string) bool { return id == "web-00" })
	var left []string
	for _, f := range l.files() {
		left = append(left, strings.TrimSuffix(f.Name(), ".log"))
	}
	want := []string{"web-00"} // alive
	for i := 5; i < maxOldLogs+5; i++ {
		want = append(want, fmt.Sprintf("web-%02d", i))
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("files left, -want +got:\n%s", diff)
	}
}

func TestPortsAreFreeAndTakeTurns(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	p := ports{first: port, last: port, next: port}
	if got, err := p.take(func(int) bool { return false }); err == nil {
		t.Errorf("took %d, on which somebody listens", got)
	}
	first := 18000
	for !free(first) || !free(first+1) || !free(first+2) {
		first += 3
	}
	cfg := Default()
	cfg.PortRange = fmt.Sprintf("%d-%d", first, first+2)
	p = newPorts(cfg, "owner")
	taken := map[int]bool{}
	for range 3 {
		got, err := p.take(func(port int) bool { return taken[port] })
		if err != nil {
			t.Fatal(err)
		}
		if taken[got] {
			t.Errorf("took %d twice", got)
		}
		taken[got] = true
	}
	if _, err := p.take(func(port int) bool { return taken[port] }); err == nil || !strings.Contains(err.Error(), cfg.PortRange) {
		t.Errorf("with all taken: %v, want an error that names the range", err)
	}
}

func TestDirectoryHasOneName(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	// Before and after it exists the directory must have the same name, or
	// replicas would not be found again.
	want := filepath.Join(dir, "state", "flyball")
	for range 2 {
		if got, err := canonical(filepath.Join(link, "state", "flyball")); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		if err := os.MkdirAll(want, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadinessKeepsItsDateOverAdoption(t *testing.T) {
	r := &replica{adopted: true, readySince: at(5), seenAt: at(50)}
	r.note(true, at(51))
	if !r.readiness.Since.Equal(at(5)) {
		t.Errorf("ready since %v, want %v as before the adoption", r.readiness.Since, at(5))
	}
	if r.note(true, at(52)) {
		t.Error("the same again is news")
	}
	r.note(false, at(60))
	r.note(true, at(70))
	if got := r.member("").Since; !got.Equal(at(70)) {
		t.Errorf("ready again since %v, want %v", got, at(70))
	}
}

// A controller that returns has asked nobody yet: who took work before goes on
// taking it, and nothing is planned on that.
func TestAdoptedReplicaTakesWorkUntilItIsAsked(t *testing.T) {
	r := &replica{adopted: true, exited: make(chan struct{})}
	r.recall(record{StartedAt: at(1), ReadySince: at(5)})
	if d := r.describe(nil); !d.TakesWork() || d.Readiness.Known {
		t.Errorf("before it was asked: %+v", d)
	}
	if m := r.member(""); m.Ready || !m.Unprobed {
		t.Errorf("planned on is %+v, which nobody has seen", m)
	}
	if r.note(false, at(9)); r.readiness.Ready {
		t.Error("it takes work although it answers that it does not")
	}
	fresh := &replica{adopted: true, exited: make(chan struct{})}
	fresh.recall(record{StartedAt: at(1)})
	if d := fresh.describe(nil); d.TakesWork() {
		t.Error("one that was never ready takes work before it was asked")
	}
}

func TestJobsDifferByWhatRuns(t *testing.T) {
	cfg := Default()
	cfg.Command = []string{"web"}
	before := cfg.hash()
	cfg.DrainTimeout *= 2
	cfg.Readiness.Path = "/ready"
	if cfg.hash() != before {
		t.Error("another time-out makes replicas outdated")
	}
	cfg.Env = map[string]string{"A": "1"}
	if cfg.hash() == before {
		t.Error("another environment does not make replicas outdated")
	}
}

func TestIDsAreNotUsedTwice(t *testing.T) {
	e := &engine{name: "web"}
	seen := map[string]bool{}
	for range 1000 {
		id := e.newID()
		if seen[id] || !strings.HasPrefix(id, "web-") {
			t.Fatalf("%s", id)
		}
		seen[id] = true
	}
}

// at is a time n seconds into the story.
func at(n int) time.Time { return time.Unix(1_000_000+int64(n), 0) }

// While nobody is ready for longer than most services take to start, what the
// probe finds is said; not of one that starts beside others that are ready.
func TestWhyNobodyIsReadyIsSaid(t *testing.T) {
	starts := &replica{id: "b", startedAt: at(0), readiness: scale.Readiness{Known: true}, unready: "nothing listens"}
	later := &replica{id: "a", startedAt: at(5), readiness: scale.Readiness{Known: true}, unready: "it answers 503"}
	e := &engine{replicas: map[string]*replica{"a": later, "b": starts}}
	if c, ok := e.unready(at(9)); ok {
		t.Errorf("after 9 s: %+v, want patience", c)
	}
	c, ok := e.unready(at(10))
	if want := (scale.Condition{Type: scale.NotReady, Since: at(0), Message: "no replica is ready: nothing listens"}); !ok || c != want {
		t.Errorf("after 10 s: %+v, want %+v", c, want)
	}
	starts.note(true, at(11))
	if c, ok := e.unready(at(60)); ok {
		t.Errorf("one is ready: %+v, want nothing", c)
	}
	starts.note(false, at(70))
	starts.unready = "it hangs"
	starts.deletedAt = at(75) // on its way out, nobody waits for it
	if c, ok := e.unready(at(80)); !ok || c.Message != "no replica is ready: it answers 503" {
		t.Errorf("the one that was ready goes: %+v, want what the other one says", c)
	}
}
