package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// output is written by the command and read by the test.
type output struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// wire is between a command and an instance, and can be cut.
type wire struct {
	listener net.Listener
	mu       sync.Mutex // guards what follows
	to       string
	cut      bool
	open     []net.Conn
}

func newWire(t *testing.T, url string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: strings.TrimPrefix(url, "http://")}
	t.Cleanup(func() { l.Close(); w.set(true) })
	go w.serve()
	return w
}

func (w *wire) url() string { return "http://" + w.listener.Addr().String() }

func (w *wire) serve() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.there())
		w.mu.Lock()
		if err != nil || w.cut {
			in.Close()
			w.mu.Unlock()
			continue
		}
		w.open = append(w.open, in, out)
		w.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() { _, _ = io.Copy(pair[0], pair[1]); pair[0].Close(); pair[1].Close() }()
		}
	}
}

func (w *wire) there() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to
}

// set cuts the wire, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, c := range w.open {
			c.Close()
		}
		w.open = nil
	}
}

// following runs a command until end is called, which returns its status.
func following(t *testing.T, args ...string) (out, notes *output, end func() int) {
	out, notes = &output{}, &output{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		root := newRootCommand()
		root.SetArgs(args)
		root.SetOut(out)
		root.SetErr(notes)
		status := 0
		if err := root.ExecuteContext(ctx); err != nil {
			status = report(notes, err)
		}
		ended <- status
	}()
	return out, notes, func() int { cancel(); return <-ended }
}

func TestFollowMissesNothingOverABrokenConnection(t *testing.T) {
	i := newInstance(t, "shop")
	w := newWire(t, i.http.URL)
	now := clock.System.Now().Add(-time.Minute)
	second := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
	i.decide("shop", second(0), 1, 2, 2)
	out, notes, end := following(t, "decisions", "shop", "--follow", "--json", "--server", w.url())
	lines := func() int { return strings.Count(out.String(), "\n") }
	eventually(t, func() bool { return lines() == 1 })
	i.decide("shop", second(1), 2, 3, 3)
	eventually(t, func() bool { return lines() == 2 })

	w.set(true)
	eventually(t, func() bool { return strings.Contains(notes.String(), "(connection lost, trying again)") })
	i.decide("shop", second(2), 3, 2, 2)
	i.decide("shop", second(3), 2, 4, 4)
	w.set(false)
	eventually(t, func() bool { return strings.Contains(notes.String(), "(reconnected, 2 missed are shown)") })
	i.decide("shop", second(4), 4, 1, 1)
	eventually(t, func() bool { return lines() == 5 })
	if status := end(); status != 0 {
		t.Errorf("after Ctrl-C: status %d, want 0; %s", status, notes)
	}
	order := []string{`"to":2`, `"to":3`, `"to":2`, `"to":4`, `"to":1`}
	for n, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !strings.Contains(line, order[n]) {
			t.Errorf("line %d is %s, want %s", n, line, order[n])
		}
	}
}

// An instance that starts again may know nothing of before.
func TestFollowGoesOnWithAnInstanceThatStartedAgain(t *testing.T) {
	i := newInstance(t, "shop")
	w := newWire(t, i.http.URL)
	now := clock.System.Now().Add(-time.Minute)
	i.decide("shop", now, 1, 2, 2)
	out, notes, end := following(t, "decisions", "shop", "--follow", "--json", "--server", w.url())
	eventually(t, func() bool { return strings.Count(out.String(), "\n") == 1 })
	i.stop()
	again := newInstance(t, "shop")
	again.decide("shop", now.Add(time.Second), 2, 3, 3)
	w.mu.Lock()
	w.to = strings.TrimPrefix(again.http.URL, "http://")
	w.mu.Unlock()
	eventually(t, func() bool { return strings.Contains(notes.String(), "(reconnected, 1 missed are shown)") })
	again.decide("shop", now.Add(2*time.Second), 3, 4, 4)
	eventually(t, func() bool { return strings.Count(out.String(), "\n") == 3 })
	if status := end(); status != 0 {
		t.Errorf("after Ctrl-C: status %d, want 0; %s", status, notes)
	}
}

// A target that is gone for good ends the command.
func TestFollowOfAnUnknownTargetEnds(t *testing.T) {
	i := newInstance(t, "shop")
	_, errOut, status := i.run("decisions", "shops", "--follow")
	if status != 2 {
		t.Errorf("status %d, want 2", status)
	}
	wants(t, errOut, "known are shop")
}

func TestTopFitsTheWindow(t *testing.T) {
	i := newInstance(t, "shop", "a-service-with-quite-a-long-name-that-does-not-fit")
	i.decide("shop", clock.System.Now(), 3, 6, 4)
	f := &remoteFlags{server: i.http.URL}
	c, err := f.client()
	if err != nil {
		t.Fatal(err)
	}
	v := &topView{server: c.Server()}
	if v.overview, err = c.Targets(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.keepSelection()
	for _, size := range [][2]int{{60, 14}, {80, 24}, {120, 8}, {20, 5}, {200, 50}} {
		for _, state := range []func(){func() {}, func() { v.help = true }, func() { v.help, v.open, v.detail = false, "shop", []string{"one", strings.Repeat("two ", 80)} }} {
			state()
			lines := v.lines(size[0], size[1], clock.System.Now())
			if len(lines) > size[1] {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				if n := len([]rune(line)); n > size[0] {
					t.Errorf("%v: %d columns: %q", size, n, line)
				}
				if strings.Contains(line, "\x1b") {
					t.Errorf("colour without being asked for: %q", line)
				}
			}
		}
		v.help, v.open = false, ""
	}
	lines := strings.Join(v.lines(60, 14, clock.System.Now()), "\n")
	wants(t, lines, "> shop", "shop grew from 3 to 4 replicas")
	v.move(1)
	wants(t, strings.Join(v.lines(60, 14, clock.System.Now()), "\n"), "> a-service-with-")
}

func TestTopWithoutATerminalIsOneTable(t *testing.T) {
	i := newInstance(t, "shop")
	i.decide("shop", clock.System.Now(), 3, 6, 4)
	out, _, status := i.run("top")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); status != 0 || len(lines) != 2 {
		t.Errorf("status %d, want 0 and two lines:\n%s", status, out)
	}
	wants(t, out, "TARGET", "shop", "Apply", "134", "6 is above the maximum of 4")
}
