package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/clock"
)

// Options are what a proxy process needs besides what it is told at the
// start.
type Options struct {
	// Socket is the path of the socket the controller speaks to.
	Socket string
	// Version is told to who asks what runs.
	Version string
	// Input is where the process is told its configuration, its standard
	// input: an object with the field "config". Start and Upgrade write it.
	Input io.Reader
	// Args start this program as a proxy again, for an upgrade that names none.
	Args  []string
	Clock clock.Clock
	Log   *slog.Logger

	noInheritance bool // a successor opens its sockets anew, as if it had to
}

// process is one running proxy process.
type process struct {
	opts      Options
	cfg       builtin.Config
	proxy     *builtin.Proxy
	data      net.Listener
	accepting *closeNoter // data, as the proxy accepts from it
	admin     *net.UnixListener
	lock      *os.File
	stop      context.CancelFunc
	quiet     chan struct{} // closed when no request is in progress any more

	turn     sync.Mutex  // guards farewell and the order of changes
	turned   atomic.Bool // a successor serves the socket, or nobody any more
	farewell func()      // ends what only the successor used

	mu       sync.Mutex // guards previous
	previous *Client
}

// Serve runs a proxy process until ctx is cancelled, it is told to shut down,
// or it has handed over to a successor and its last connection has ended. It
// returns ErrRunning when another one serves the socket.
func Serve(ctx context.Context, o Options) error {
	// The memory in use is small and the garbage of each request alike, so the
	// collector would run dozens of times a second: let it run less often.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var s state
	if err := decode(o.Input, &s); err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	files := inherit(s.Files, s.Handles)
	defer files.close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p, err := newProcess(ctx, o, s, files)
	if err != nil {
		files.report(err)
		return fmt.Errorf("start proxy: %w", err)
	}
	p.stop = stop
	return p.run(ctx, func() { files.report(nil) })
}

func newProcess(ctx context.Context, o Options, s state, files inheritance) (*process, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	p := &process{opts: o, cfg: cfg, quiet: make(chan struct{}), farewell: func() {}}
	if p.proxy, err = builtin.New(cfg, o.Clock, o.Log); err != nil {
		return nil, err
	}
	if err := p.takeOver(ctx, s); err != nil {
		return nil, err
	}
	if err := p.open(ctx, s, files); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// takeOver starts with the backends of the predecessor.
func (p *process) takeOver(ctx context.Context, s state) error {
	if s.Predecessor != "" {
		p.previous = NewClient(s.Predecessor)
	}
	list := make([]balancer.Backend, len(s.Backends))
	for i, b := range s.Backends {
		list[i] = b.Backend
	}
	if err := p.proxy.SetBackends(ctx, list); err != nil {
		return err
	}
	for _, b := range s.Backends {
		if b.Draining {
			if err := p.proxy.Leave(ctx, b.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// open takes lock and listeners: inherited ones where there are.
func (p *process) open(ctx context.Context, s state, files inheritance) (err error) {
	if p.lock = files.take("lock"); p.lock == nil {
		if p.lock, err = lockSocket(p.opts.Socket); err != nil {
			return err
		}
	}
	if s.Listen == p.cfg.Listen {
		p.data, err = files.listener("data")
	} else if elsewhere := files.take("data"); elsewhere != nil {
		elsewhere.Close() // connections there would wait for ever
	}
	if p.data == nil && err == nil {
		p.data, err = builtin.Listen(ctx, p.cfg)
	}
	if err != nil {
		return err
	}
	inherited, err := files.listener("admin")
	if err != nil {
		return err
	}
	if u, ok := inherited.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
		p.admin = u
		return nil
	}
	p.admin, err = listenSocket(ctx, p.opts.Socket)
	return err
}

// close gives up what open took.
func (p *process) close() {
	if p.data != nil {
		p.data.Close()
	}
	if p.admin != nil {
		_ = p.admin.Close() // the error that brought us here says more
	}
	if p.lock != nil {
		p.lock.Close()
	}
}

// run serves until the proxy has ended; then it takes its socket away, if it
// has not handed it over.
func (p *process) run(ctx context.Context, ready func()) error {
	defer p.lock.Close()
	p.accepting = &closeNoter{Listener: p.data, closed: make(chan struct{})}
	admin := adminServer(api{process: p, public: true})
	var g errgroup.Group
	g.Go(func() error {
		defer p.end(admin)
		err := p.proxy.Serve(ctx, p.accepting)
		p.outlastPrevious(ctx)
		return err
	})
	g.Go(func() error { return serveAdmin(admin, p.admin) })
	g.Go(func() error { return p.endPrevious(ctx) })
	ready()
	p.opts.Log.Info("proxy serves", slog.String("address", p.data.Addr().String()), slog.String("socket", p.opts.Socket), slog.Int("pid", os.Getpid()))
	return g.Wait()
}

// closeNoter is a listener that tells when it was closed.
type closeNoter struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

// Close stops accepting.
func (l *closeNoter) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { close(l.closed) })
	return err
}

// end takes the socket away and lets calls under way finish.
func (p *process) end(admin *http.Server) {
	close(p.quiet)
	p.turn.Lock()
	if !p.turned.Swap(true) { // no hand-over from here on
		_ = os.Remove(p.opts.Socket) // a stale one is replaced
	}
	farewell := p.farewell
	p.turn.Unlock()
	shutdown(admin)
	farewell()
	p.opts.Log.Info("proxy ended", slog.Int("pid", os.Getpid()))
}

// outlastPrevious waits for the end of the predecessor: our successor knows of
// its requests through us.
func (p *process) outlastPrevious(ctx context.Context) {
	for p.predecessor() != nil && ctx.Err() == nil {
		p.previousLoad(ctx)
		select {
		case <-ctx.Done():
		case <-p.opts.Clock.After(100 * time.Millisecond):
		}
	}
}

// endPrevious tells the predecessor to end when we are told to.
func (p *process) endPrevious(ctx context.Context) error {
	select {
	case <-p.quiet:
	case <-ctx.Done():
		limited, cancel := context.WithTimeout(context.Background(), p.cfg.DrainTimeout.Std())
		defer cancel()
		if previous := p.predecessor(); previous != nil {
			p.lost(previous, previous.Shutdown(limited))
		}
	}
	return nil
}

func adminServer(a api) *http.Server {
	return &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(a.opts.Log.Handler(), slog.LevelDebug),
	}
}

// shutdown lets calls under way finish for a moment.
func shutdown(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		_ = s.Close() // whatever is still open is given up
	}
}

// serveAdmin serves until the server is shut down or the listener is closed.
func serveAdmin(s *http.Server, l net.Listener) error {
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", l.Addr(), err)
}

func (p *process) info() Info {
	return Info{Version: p.opts.Version, PID: os.Getpid(), Address: p.data.Addr().String(), Config: p.cfg}
}
