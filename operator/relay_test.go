package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
)

// relayed begins an instance at a port; who acts says its name to each line it is
// sent.
func relayed(t *testing.T, name string, at string, lease func(context.Context) (string, error)) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		testenv.Missing(t, fmt.Sprintf("the address %s (%v)", at, err))
	}
	r := NewRelay(l, silent())
	r.lease = lease
	r.begin(t, name)
	return r
}

// begin has an instance take connections until the end of the test.
func (r *Relay) begin(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := r.Start(ctx); err != nil {
			t.Errorf("%s ends with %v", name, err)
		}
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
	ended.Go(func() {
		for {
			c, err := r.Acting().Accept()
			if err != nil {
				return
			}
			ended.Go(func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					fmt.Fprintf(c, "%s: %s\n", name, lines.Text())
				}
			})
		}
	})
	t.Cleanup(func() { _ = r.Acting().Close() })
}

// asker is one who keeps a connection, as KEDA does.
type asker struct {
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, address string) *asker {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &asker{c, bufio.NewReader(c)}
}

func (a *asker) ask(t *testing.T, want string) {
	t.Helper()
	if _, err := io.WriteString(a, "how many?\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := a.answers.ReadString('\n'); strings.TrimSpace(got) != want {
		t.Fatalf("was told %q (%v), want %q", got, err, want)
	}
}

// ends reports that the connection was closed by the other side.
func (a *asker) ends() bool {
	_, err := a.answers.ReadByte()
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// Whoever of several instances is connected to, the one that acts answers; when
// another one acts the connection ends, and the next leads to that one.
func TestConnectionsArePassedOnToWhoActs(t *testing.T) {
	var mu sync.Mutex // guards holder
	holder := ""
	lease := func(context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return holder, nil
	}
	acts := func(who *Relay, host string) {
		mu.Lock()
		holder = "pod_abcd_" + host + ":7070" // that of the dashboard
		mu.Unlock()
		who.act(true)
	}
	first := relayed(t, "first", "127.0.0.1:0", lease)
	_, port, _ := net.SplitHostPort(first.listener.Addr().String())
	second := relayed(t, "second", "127.0.0.2:"+port, lease) // another pod, the same flags
	at := func(r *Relay) string { return r.listener.Addr().String() }

	if nobody := dial(t, at(second)); !nobody.ends() {
		t.Error("while nobody acts a connection is kept")
	}
	acts(first, "127.0.0.1")
	direct, passed := dial(t, at(first)), dial(t, at(second))
	for range 3 {
		direct.ask(t, "first: how many?")
		passed.ask(t, "first: how many?")
	}
	first.act(false)
	acts(second, "127.0.0.2")
	if !passed.ends() {
		t.Error("what was passed on to the first goes on although the second acts")
	}
	dial(t, at(second)).ask(t, "second: how many?")
	dial(t, at(first)).ask(t, "second: how many?")
}

// One that is in the Lease already, and does not act yet, does not connect to
// itself for ever.
func TestNobodyPassesOnToItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	r := NewRelay(l, silent())
	r.own = "pod_abcd_" + l.Addr().String()
	r.lease = func(context.Context) (string, error) {
		asked.Add(1)
		return r.own, nil
	}
	r.begin(t, "first")
	if c := dial(t, r.listener.Addr().String()); !c.ends() || asked.Load() != 1 {
		t.Errorf("asked %d times who acts, want once", asked.Load())
	}
}

// hiccups is a listener that fails some times before each connection.
type hiccups struct {
	net.Listener
	left int
}

func (h *hiccups) Accept() (net.Conn, error) {
	if h.left--; h.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return h.Listener.Accept()
}

// Too many open files are no end: the next connection is taken.
func TestAFrontOutlivesWhatFailsForAMoment(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(&hiccups{l, 3}, silent())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.receive(ctx) }()
	go func() {
		c, err := f.waiting.Accept()
		if err == nil {
			_, _ = io.WriteString(c, "waits\n")
			c.Close()
		}
	}()
	if got, err := dial(t, l.Addr().String()).answers.ReadString('\n'); got != "waits\n" {
		t.Errorf("was told %q (%v)", got, err)
	}
	cancel()
	l.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A dashboard whose address is lost says so, and does not wait for the end of all.
func TestALostAddressEndsTheReception(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newReception(l, nil, nil, silent())
	ended := make(chan error, 1)
	go func() { ended <- r.Start(t.Context()) }()
	l.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("ends with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("goes on without an address")
	}
}
