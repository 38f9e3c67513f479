// Package inference is a source that reads inference servers, which answer
// requests to language models: how many requests wait and run, how full the
// key-value cache is, how many tokens they make and how long the first of them
// takes. What a server does not tell is absent; a server that cannot be read
// is a fault, and never a queue of zero.
package inference

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*reading.Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	wanted := reading.Wanted{Known: Signals(), Signal: signal, Measure: cfg.Measure, Also: cfg.Also, Part: cfg.Model, Window: cfg.Window.Std()}
	if cfg.URL != "" {
		return reading.Of(NewReader(cfg.Server, cfg.URL, env.Clock), wanted, env)
	}
	client := cfg.client(true)
	return reading.OfReplicas(func(r scale.Replica) (reading.Reader, error) {
		base, err := cfg.baseOf(r)
		return &Reader{cfg: cfg.Server, base: base, clock: env.Clock, client: client}, err
	}, wanted, env)
}

// baseOf is where a replica is read.
func (c Config) baseOf(r scale.Replica) (string, error) {
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return "", fmt.Errorf("address %q of the replica: %w", r.Address, err)
	}
	if c.Port > 0 {
		port = strconv.Itoa(c.Port)
	}
	return (&url.URL{Scheme: c.Scheme, Host: net.JoinHostPort(host, port)}).String(), nil
}

// Reader reads one server.
type Reader struct {
	cfg    Server
	base   string // http://host:port
	clock  clock.Clock
	client *webclient.Client
}

var _ reading.Reader = (*Reader)(nil)

// NewReader returns what reads the server at an address; cfg is valid.
func NewReader(cfg Server, address string, clk clock.Clock) *Reader {
	return &Reader{cfg: cfg, base: address, clock: clk, client: cfg.client(false)}
}

// client goes round proxies for replicas, which are near.
func (s Server) client(direct bool) *webclient.Client {
	return webclient.New(webclient.Options{Client: calls.Inference, Auth: s.Auth, Timeout: s.Timeout.Std(), MaxBytes: s.MaxBytes, Direct: direct})
}

// Close gives its connections back.
func (r *Reader) Close() { r.client.Close() }

// Read asks the server once.
func (r *Reader) Read(ctx context.Context) (reading.Reading, error) {
	if r.cfg.Engine == Ollama {
		return r.readOllama(ctx)
	}
	d := dialects()[r.cfg.Engine]
	path := r.cfg.Path
	if path == "" {
		path = d.path
	}
	at := r.clock.Now()
	answer, place, err := r.get(ctx, path, "text/plain;version=0.0.4")
	if err != nil {
		return reading.Reading{}, err
	}
	parts, err := d.read(answer.Body, answer.Header.Get("Content-Type"))
	if err != nil {
		return reading.Reading{}, fmt.Errorf("%s: %s", place, webclient.Excerpt(answer.Redact(err.Error()), 300))
	}
	return reading.Bounded(at, parts), nil
}

// get asks for a path and wants 200. It says where it asked too.
func (r *Reader) get(ctx context.Context, path, accept string) (webclient.Answer, string, error) {
	request, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(r.base, "/")+path, nil)
	if err != nil {
		return webclient.Answer{}, "", err
	}
	request.Header.Set("Accept", accept)
	answer, err := r.client.Do(ctx, request)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%s: answered %d: %s", webclient.Place(request.URL), answer.Status, webclient.Excerpt(answer.Redact(string(answer.Body)), 100))
	}
	return answer, webclient.Place(request.URL), err
}
