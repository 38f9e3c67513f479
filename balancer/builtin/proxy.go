// Package builtin is the balancer that needs nothing installed: a reverse
// proxy in the same binary. It spreads HTTP/1.1, HTTP/2 and WebSocket requests
// over the replicas, holds them while none is ready, sends them elsewhere
// where a replica fails, lets a replica finish before it goes, and measures
// what it sees, so that a service without any metrics can be scaled.
package builtin

import (
	"context"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Proxy is the reverse proxy. It is a [balancer.Balancer], a [source.Source],
// a [target.Traffic] and a [http.Handler]; Run or Serve makes it listen.
// Health is only checked while it runs.
type Proxy struct {
	cfg Config
	clk clock.Clock
	log *slog.Logger

	pool    *pool
	total   *meter          // of the whole target
	models  *inferenceMeter // nil: not measured
	budget  *budget
	buffers buffers
	quiet   *log.Logger // for the noise that clients make

	retireOnce sync.Once
	retired    chan struct{}
}

var (
	_ balancer.Balancer = (*Proxy)(nil)
	_ source.Source     = (*Proxy)(nil)
	_ target.Traffic    = (*Proxy)(nil)
	_ http.Handler      = (*Proxy)(nil)
)

// New builds a proxy; it does not listen yet. It returns every fault of cfg.
func New(cfg Config, clk clock.Clock, logger *slog.Logger) (*Proxy, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	now := clk.Now()
	p := &Proxy{
		cfg: cfg, clk: clk, log: logger,
		total:   newMeter(cfg.MetricWindow.Std(), now),
		budget:  &budget{share: cfg.RetryBudget, began: now},
		quiet:   slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		retired: make(chan struct{}),
	}
	p.total.threshold = cfg.Threshold.Std()
	p.models = newInferenceMeter(cfg.Inference, cfg.MetricWindow.Std(), now)
	p.pool = newPool(newPicker(cfg), p.newBackend)
	return p, nil
}

func (p *Proxy) newBackend(b balancer.Backend) *backend {
	dial := dialer(p.cfg)
	return &backend{
		Backend:   b,
		transport: newTransport(p.cfg, dial),
		wires: &wires{
			dial:   func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", b.Address) },
			unused: p.cfg.BackendIdleTimeout.Std(),
		},
		meter: newMeter(p.cfg.MetricWindow.Std(), p.clk.Now()),
	}
}

// SetBackends makes exactly these the known backends.
func (p *Proxy) SetBackends(_ context.Context, backends []balancer.Backend) error {
	p.pool.set(backends)
	return nil
}

// Leave stops new requests to a backend.
func (p *Proxy) Leave(ctx context.Context, id string) error {
	p.pool.beginDrain(id)
	return ctx.Err()
}

// Drain stops new requests to a backend and waits until none is in progress,
// also when it is no longer listed; it returns ctx's error.
func (p *Proxy) Drain(ctx context.Context, id string) error { return p.pool.drain(ctx, id) }

// Backends says what is known of each backend, sorted by ID.
func (p *Proxy) Backends(context.Context) ([]balancer.BackendStatus, error) {
	return p.pool.status(), nil
}

// Load returns the requests in progress on a backend; false when it gets no
// new ones or is not known.
func (p *Proxy) Load(id string) (int, bool) { return p.pool.load(id) }

// ServeHTTP passes one request on.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor >= 2 {
		w = &streamWriter{ResponseWriter: w, control: http.NewResponseController(w), clk: p.clk, stall: p.cfg.BodyStallTimeout.Std()}
	}
	if conn := connOf(r); conn != nil && conn.spoiled.Load() {
		panic(http.ErrAbortHandler) // this was never a request
	}
	if r.Method == http.MethodConnect {
		refusal{http.StatusMethodNotAllowed, "CONNECT is not supported", false}.write(w)
		return
	}
	if r.Header["Upgrade"] == nil && p.isRetired() {
		w.Header().Set("Connection", "close") // in HTTP/2 the same as GOAWAY
	}
	x := p.newExchange(w, r)
	x.generation = p.models.begin(r, x.arrived)
	p.total.expect(x.arrived, &x.waiting)
	p.budget.request(x.arrived)
	defer x.end()
	x.serve(w, r)
}

// rewrite makes the request that a backend gets.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.URL.RawQuery = r.In.URL.RawQuery // as it came, odd parts too
	if p.cfg.TrustForwarded {
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
	}
	r.SetXForwarded()
	if p.cfg.TrustForwarded {
		keep(r, "X-Forwarded-Host")
		keep(r, "X-Forwarded-Proto")
	}
	if r.Out.Header.Get("Upgrade") == "h2c" {
		// Answering in HTTP/1.1 is allowed, a tunnel past the proxy is not wanted.
		r.Out.Header.Del("Upgrade")
		r.Out.Header.Del("Connection")
		r.Out.Header.Del("Http2-Settings")
	}
}

func keep(r *httputil.ProxyRequest, header string) {
	if v := r.In.Header[header]; len(v) > 0 {
		r.Out.Header[header] = v
	}
}

// buffers lends the memory that bodies are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buf []byte) { b.pool.Put((*[bufferSize]byte)(buf)) }
