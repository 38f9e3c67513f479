package balancertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Gate passes connections on to an address, unless it is shut: then they hang,
// as in a network that loses everything.
type Gate struct {
	to string

	mu   sync.Mutex // guards what follows
	open chan struct{}
}

// NewGate returns one that is open and lasts as long as the test.
func NewGate(t *testing.T, address, to string) *Gate {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{to: to, open: make(chan struct{})}
	close(g.open)
	ended := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { g.pass(conn, ended) })
		}
	})
	t.Cleanup(func() {
		close(ended)
		listener.Close()
		serving.Wait()
	})
	return g
}

// Shut holds back all that is sent from now on, until Open.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// Open lets it through.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
}

// pass connects a client until one side or the test ends.
func (g *Gate) pass(client net.Conn, ended <-chan struct{}) {
	defer client.Close()
	server, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer server.Close()
	var copying sync.WaitGroup
	over := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		copying.Go(func() { g.copy(way[1], way[0], ended); over <- struct{}{} })
	}
	select {
	case <-over:
	case <-ended:
	}
	client.Close()
	server.Close()
	copying.Wait()
}

// copy hands over what comes while the gate is open.
func (g *Gate) copy(to io.Writer, from io.Reader, ended <-chan struct{}) {
	part := make([]byte, 32<<10)
	for {
		n, err := from.Read(part)
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		select {
		case <-open:
		case <-ended:
			return
		}
		if _, failed := to.Write(part[:n]); err != nil || failed != nil {
			return
		}
	}
}
