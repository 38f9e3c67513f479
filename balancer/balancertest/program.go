package balancertest

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/testenv"
)

// Program is a real balancer's program that a test starts.
type Program struct {
	T   *testing.T
	URL string // where it takes requests
	Log string // the file of what it says
	// Slay ends the process at once; nil: that process alone.
	Slay func(*os.Process) error

	cmd *exec.Cmd
}

// NewProgram says where it takes requests; what it says is kept in a folder
// that lasts as long as the test.
func NewProgram(t *testing.T, listen string) Program {
	return Program{T: t, URL: "http://" + listen, Log: filepath.Join(t.TempDir(), "log")}
}

// Must fails the test on an error.
func (p *Program) Must(err error) {
	p.T.Helper()
	if err != nil {
		p.T.Fatal(err)
	}
}

// Start starts it and waits until it takes connections, also at the sockets.
func (p *Program) Start(cmd *exec.Cmd, sockets ...string) {
	p.T.Helper()
	out, err := os.OpenFile(p.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	p.Must(err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr, p.cmd = out, out, cmd
	p.Must(cmd.Start())
	p.T.Cleanup(sync.OnceFunc(p.Kill))
	p.Eventually(cmd.Path+" listens", func() bool {
		for _, socket := range sockets {
			if !reachable("unix", socket) {
				return false
			}
		}
		return reachable("tcp", p.URL[len("http://"):])
	})
}

func reachable(network, address string) bool {
	conn, err := net.Dial(network, address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// Command is one that ends with the test at the latest.
func Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	testenv.EndWithTest(cmd)
	return cmd
}

// Kill ends it as kill -9 does.
func (p *Program) Kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	if p.Slay == nil {
		p.Slay = (*os.Process).Kill
	}
	_ = p.Slay(p.cmd.Process)
	_ = p.cmd.Wait()
}

// Signal sends one to the program.
func (p *Program) Signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		p.T.Error(err)
	}
}

// Serve runs a plane until the test ends, or what it returns is called.
func (p *Program) Serve(plane balancer.Plane) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := plane.Run(ctx); err != nil {
			p.T.Error(err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	p.T.Cleanup(stop)
	return stop
}

// Eventually waits until something holds.
func (p *Program) Eventually(what string, holds func() bool) {
	p.T.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(p.Log)
			p.T.Fatalf("%s: not within %v\n%.3000s", what, patience, said)
		}
	}
}

// Get returns what a request is answered with, or 0.
func (p *Program) Get(path string) (int, string) { return Get(http.DefaultClient, p.URL+path) }

// Get returns what a client's request is answered with, or 0.
func Get(client *http.Client, url string) (int, string) {
	response, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// NothingLost sends 500 requests a second to replicas that echo, half of which
// can be sent only once, while something is done, and fails the test when one
// is lost.
func (p *Program) NothingLost(while func()) {
	p.T.Helper()
	ctx, cancel := context.WithCancel(p.T.Context())
	defer cancel()
	done := make(chan Flooded, 1)
	go func() { done <- Flood(ctx, p.URL, 500) }()
	while()
	cancel()
	got := <-done
	p.T.Logf("%d requests, slowest %v", got.Sent, got.Slowest)
	if len(got.Lost) > 0 || got.Sent < 100 {
		p.T.Errorf("lost %d of %d requests, for example %v", len(got.Lost), got.Sent, got.Lost[:min(3, len(got.Lost))])
	}
}

// Reconfigured fails the test unless a plane takes over a configuration.
func (p *Program) Reconfigured(plane balancer.Plane, cfg balancer.Config) {
	p.T.Helper()
	p.Must(plane.(balancer.Reconfigurer).Reconfigure(p.T.Context(), cfg))
}

// Refuses fails the test unless a plane refuses a configuration in these words.
func (p *Program) Refuses(plane balancer.Plane, cfg balancer.Config, words string) {
	p.T.Helper()
	err := plane.(balancer.Reconfigurer).Reconfigure(p.T.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), words) {
		p.T.Errorf("got %v, want %q", err, words)
	}
}

// FreeAddress is one of this machine that is free for TCP and UDP.
func FreeAddress(t *testing.T) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		u, err := net.ListenPacket("udp", address)
		l.Close()
		if err == nil {
			_ = u.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}
