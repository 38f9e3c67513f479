// Package gym serves environments to learn in to programs in other languages, in
// Python above all: many copies of one stepped together, and many steps in one
// round trip. docs/gym.md says what goes over the connection; examples/gym has a
// client.
//
//	open   {"environment": "scaling", "copies": 64, "seed": 1}  ──►
//	                                   ◄── welcome {"width": 61, "actions": 8, …}
//	reset  seed                        ──► ◄── step: observations, masks
//	act    64 numbers                  ──► ◄── step: observations, rewards, ends, masks
//
// Each connection has an environment of its own, which ends with it.
package gym

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/flyball-io/flyball/rl"
)

// Version of the protocol.
const Version = 1

// Environment is one that is served, by its name.
type Environment struct {
	Name        string
	Description string
	// Observations and Actions name the numbers of an observation and the actions,
	// for people; nil: they have no names.
	Observations, Actions []string
	// Model is what the file of a policy that was learned here must say of itself,
	// as JSON; nil: nothing.
	Model any
	// Low and High bound every number of an observation; both 0: nothing does.
	Low, High float32
	// Make makes so many copies from one seed, as options say, which are nil where a
	// client says nothing. The same arguments make the same environment.
	Make func(ctx context.Context, copies int, seed uint64, options json.RawMessage) (rl.Environment, error)
}

// Options of a server.
type Options struct {
	Environments []Environment
	// Connections is how many there may be at a time.
	Connections int
	// MostCopies is how many copies an environment may have, up to [CopiesInFrame].
	MostCopies int
	Log        *slog.Logger
}

// CopiesInFrame is how many copies of an environment fit into a frame of answers,
// whose observations have so many numbers and that has so many actions.
func CopiesInFrame(width, actions int) int { return mostPayload / copyBytes(width, actions) }

// Server serves environments. It is made once and served once.
type Server struct {
	opts Options

	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

// New returns a server.
func New(o Options) *Server { return &Server{opts: o, open: map[net.Conn]bool{}} }

// Serve takes connections until ctx is done, and then ends them all.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		s.endAll()
	})
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve environments: %w", err)
		}
		full := !s.admit(ctx, conn)
		sessions.Go(func() {
			defer s.leave(conn)
			session := newSession(conn, &s.opts)
			if full {
				_ = session.refuse(fmt.Errorf("%d connections are open, no more are served", s.opts.Connections))
				return
			}
			session.run(ctx)
		})
	}
}

// admit notes a connection; false where there are enough.
func (s *Server) admit(ctx context.Context, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.opts.Connections {
		return false
	}
	s.open[conn] = true
	if ctx.Err() != nil {
		_ = conn.Close() // it came while all ended
	}
	return true
}

func (s *Server) leave(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// endAll ends all connections: what is read of them fails.
func (s *Server) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}

// find returns the environment of a name; "" is the first.
func (o *Options) find(name string) (*Environment, error) {
	if len(o.Environments) == 0 {
		return nil, errors.New("no environment is served")
	}
	var known []string
	for i := range o.Environments {
		if e := &o.Environments[i]; name == "" || e.Name == name {
			return e, nil
		}
		known = append(known, o.Environments[i].Name)
	}
	return nil, fmt.Errorf("environment: must be one of %v, got %q", known, name)
}
