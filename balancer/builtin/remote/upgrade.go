package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// launchTimeout is how long a successor may take to serve.
const launchTimeout = 15 * time.Second

// upgrade starts a successor and hands over to it:
//
//  1. serve the API on a socket of our own, for the successor
//  2. start it with our listening sockets, our lock and our backends
//  3. it reports that it serves: from here both accept
//  4. accept no more; the kernel's queue is shared, nothing in it is lost
//  5. answer what we have, say goodbye on each connection, end
//
// Until step 4 an error leaves everything as it was. Where sockets cannot be
// inherited step 4 comes before step 2: connections are refused until the
// successor serves, and when it does not start nobody serves until the
// controller notices. The caller holds turn.
func (p *process) upgrade(ctx context.Context, u Upgrade) (Info, error) {
	private := fmt.Sprintf("%s.%d", p.opts.Socket, os.Getpid())
	farewell, err := p.servePrivately(ctx, private)
	if err != nil {
		return Info{}, fmt.Errorf("upgrade: %w", err)
	}
	s, err := p.state(ctx, u, private)
	if err != nil {
		farewell()
		return Info{}, fmt.Errorf("upgrade: %w", err)
	}
	if p.inherits() {
		if err := p.launchHeir(ctx, u, s); err != nil {
			farewell()
			return Info{}, fmt.Errorf("upgrade: %w", err)
		}
		p.letGo(farewell)
	} else {
		p.letGo(farewell)
		if err := p.launchSuccessor(ctx, u, s, nil); err != nil {
			return Info{}, fmt.Errorf("upgrade: this proxy has ended and its successor did not start: %w", err)
		}
	}
	info, err := NewClient(p.opts.Socket).Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("upgrade: the successor took over, but: %w", err)
	}
	p.opts.Log.Info("proxy handed over", slog.Int("pid", os.Getpid()), slog.Int("successor", info.PID))
	return info, nil
}

// inherits says that a successor gets our sockets.
func (p *process) inherits() bool { return handsOver && !p.opts.noInheritance }

// letGo leaves both sockets to the successor.
func (p *process) letGo(farewell func()) {
	p.farewell = farewell
	p.turned.Store(true)
	p.lock.Close()      // who starts after us must not wait for us
	_ = p.admin.Close() // the successor has it, or opens it anew
	p.proxy.Retire()
	if !p.inherits() {
		<-p.accepting.closed // the successor is about to open its address
	}
}

// servePrivately serves the API on the socket at path until end is called.
func (p *process) servePrivately(ctx context.Context, path string) (end func(), err error) {
	l, err := listenSocket(ctx, path)
	if err != nil {
		return nil, err
	}
	server := adminServer(api{process: p})
	served := make(chan error, 1)
	go func() { served <- serveAdmin(server, l) }()
	return func() {
		shutdown(server)
		if err := <-served; err != nil {
			p.opts.Log.Warn("serve the successor", slog.Any("error", err))
		}
		_ = os.Remove(path) // nobody serves it; the name is never used again
	}, nil
}

// launchHeir starts a successor with our sockets and our lock.
func (p *process) launchHeir(ctx context.Context, u Upgrade, s state) error {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for _, l := range []net.Listener{p.data, p.admin} {
		f, err := fileOf(l)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	s.Files = []string{"data", "admin", "lock"}
	return p.launchSuccessor(ctx, u, s, append(files[:2:2], p.lock))
}

// launchSuccessor starts the process that takes over.
func (p *process) launchSuccessor(ctx context.Context, u Upgrade, s state, files []*os.File) error {
	program := Program{Executable: u.Executable, Args: u.Args}
	if program.Args == nil {
		program.Args = p.opts.Args
	}
	ctx, cancel := context.WithTimeout(ctx, launchTimeout)
	defer cancel()
	return launch(ctx, program, os.Stderr, s, files)
}

// state is what the successor starts with.
func (p *process) state(ctx context.Context, u Upgrade, private string) (state, error) {
	s := state{Config: u.Config, Listen: p.cfg.Listen, Predecessor: private}
	if len(s.Config) == 0 {
		raw, err := json.Marshal(p.cfg)
		if err != nil {
			return state{}, err
		}
		s.Config = raw
	}
	list, err := p.proxy.Backends(ctx)
	if err != nil {
		return state{}, err
	}
	for _, b := range list {
		s.Backends = append(s.Backends, standby{Backend: b.Backend, Draining: b.State == balancer.Draining})
	}
	return s, nil
}
