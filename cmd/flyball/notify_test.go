package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// chatRoom takes what it is sent, and answers with a status.
func chatRoom(t *testing.T, status int) (url string, said <-chan string) {
	t.Helper()
	out := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		out <- r.URL.Path + " " + string(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, out
}

func TestNotifyTestSaysWhoTakesAMessage(t *testing.T) {
	good, said := chatRoom(t, http.StatusOK)
	bad, _ := chatRoom(t, http.StatusNotFound)
	t.Setenv("GOOD", good+"/secret")
	t.Setenv("BAD", bad+"/secret")
	file := writeFile(t, "n.yaml", "receivers:\n- {name: ops, slack: {url: \"${GOOD}\"}, severity: critical}\n- {name: audit, cloudEvents: {url: \"${BAD}\"}}\n")
	try := func(args ...string) (string, error) {
		cmd, out := newRootCommand(), &bytes.Buffer{}
		cmd.SetArgs(append([]string{"notify", "test"}, args...))
		cmd.SetOut(out)
		cmd.SetErr(io.Discard)
		err := cmd.Execute()
		return out.String(), err
	}
	out, err := try("--notify", file)
	if out != "ops: taken\n" || err == nil || !strings.Contains(err.Error(), "receiver audit: ") || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %q and %v, want ops to have taken it and audit to have answered 404", out, err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("the address is told: %v", err)
	}
	if got := <-said; !strings.HasPrefix(got, "/secret ") || !strings.Contains(got, "nothing has happened") {
		t.Errorf("ops was sent %q", got)
	}
	if out, err := try("--notify", file, "--receiver", "ops"); out != "ops: taken\n" || err != nil {
		t.Errorf("of ops alone: got %q and %v", out, err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "--notify: must be given"},
		{[]string{"--notify", file, "--receiver", "oops"}, `--receiver: must be one of ops, audit, got "oops"`},
		{[]string{"--notify", "/nowhere.yaml"}, "--notify: open /nowhere.yaml"},
		{[]string{"--notify", writeFile(t, "w.yaml", "receivers: []\n")}, "receivers"},
		{[]string{"--notify", file, "stray"}, "takes flags only"},
	} {
		_, err := try(tc.args...)
		if usage := (cli.UsageError{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: got %v, want a usage error with %q", tc.args, err, tc.want)
		}
	}
}

// Who runs a controller is told who will not be told, before anything runs.
func TestRunRefusesAFileOfNotificationsThatIsWrong(t *testing.T) {
	f := &runFlags{notify: notifyFlags{file: writeFile(t, "n.yaml", "receivers:\n- {name: ops, slak: {url: \"http://h\"}}\n")}}
	if _, err := f.beside(app.Deps{}); err == nil || !strings.Contains(err.Error(), "--notify: ") || !strings.Contains(err.Error(), "n.yaml:2") {
		t.Errorf("got %v, want the place of the fault", err)
	}
}

// A file that is changed counts from then on; one that is wrong changes nothing.
func TestNotificationsAreReadAnew(t *testing.T) {
	first, toFirst := chatRoom(t, http.StatusOK)
	second, toSecond := chatRoom(t, http.StatusOK)
	file := writeFile(t, "n.yaml", "receivers: [{name: a, slack: {url: \""+first+"\"}, coalesce: 0s}]\n")
	b, log := memory.New(), &logBuffer{}
	f := &notifyFlags{file: file}
	besides, err := f.beside(app.Deps{Clock: clock.System, Bus: b, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil || len(besides) != 1 {
		t.Fatalf("got %v, %v", besides, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- besides[0].Run(ctx) }()
	happen := func(to <-chan string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
			e := record.Event{Type: control.ModeChanged, Target: "web", At: time.Now(), Message: "Paused"}
			if err := control.Events(b, "web").Publish(ctx, e); err != nil {
				t.Fatal(err)
			}
			select {
			case <-to:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
		t.Fatalf("nobody was told:\n%s", log.String())
	}
	happen(toFirst)
	write := func(text, logged string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); !strings.Contains(log.String(), logged); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q is not logged:\n%s", logged, log.String())
			}
		}
	}
	write("receivers: wrong\n", "notifications stay as they were")
	happen(toFirst)
	write("receivers: [{name: a, slack: {url: \""+second+"\"}, coalesce: 0s}]\n", "notifications are read anew")
	happen(toSecond)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
