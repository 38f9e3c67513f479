package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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
// Until step 4 an error leaves everything as it was. The caller holds turn.
func (p *process) upgrade(ctx context.Context, u Upgrade) (Info, error) {
	private := fmt.Sprintf("%s.%d", p.opts.Socket, os.Getpid())
	farewell, err := p.servePrivately(ctx, private)
	if err != nil {
		return Info{}, fmt.Errorf("upgrade: %w", err)
	}
	if err := p.launchSuccessor(ctx, u, private); err != nil {
		farewell()
		return Info{}, fmt.Errorf("upgrade: %w", err)
	}
	p.farewell = farewell
	p.turned.Store(true)
	p.lock.Close()      // the successor has it: who starts after it must not wait for us
	_ = p.admin.Close() // the successor has it
	p.proxy.Retire()
	info, err := NewClient(p.opts.Socket).Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("upgrade: the successor took over, but: %w", err)
	}
	p.opts.Log.Info("proxy handed over", slog.Int("pid", os.Getpid()), slog.Int("successor", info.PID))
	return info, nil
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

// launchSuccessor starts the process that takes over.
func (p *process) launchSuccessor(ctx context.Context, u Upgrade, private string) error {
	s, err := p.state(ctx, u, private)
	if err != nil {
		return err
	}
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
	program := Program{Executable: u.Executable, Args: u.Args}
	if program.Args == nil {
		program.Args = p.opts.Args
	}
	ctx, cancel := context.WithTimeout(ctx, launchTimeout)
	defer cancel()
	return launch(ctx, program, os.Stderr, s, append(files[:2:2], p.lock))
}

// fileOf returns a second descriptor of a listener. Unlike that of its method
// File it stays non-blocking when it is passed to a process: both share one
// open socket, and in blocking mode our own Accept could not be stopped.
func fileOf(l net.Listener) (*os.File, error) {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	second, fault := 0, error(nil)
	err = raw.Control(func(fd uintptr) {
		second, fault = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = cmp.Or(err, fault); err != nil {
		return nil, fmt.Errorf("duplicate %s: %w", l.Addr(), err)
	}
	return os.NewFile(uintptr(second), l.Addr().String()), nil
}

// state is what the successor starts with.
func (p *process) state(ctx context.Context, u Upgrade, private string) (state, error) {
	s := state{
		Config: u.Config, Listen: p.cfg.Listen, Predecessor: private,
		Files: []string{"data", "admin", "lock"},
	}
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
