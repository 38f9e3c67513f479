package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/neterr"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// loadTimeout bounds Load, which has no context.
const loadTimeout = time.Second

// Client is the balancer that a proxy process carries out. Its methods return
// ErrNotRunning while there is none; all are safe for concurrent use.
type Client struct {
	socket string
	http   http.Client
}

var (
	_ balancer.Balancer = (*Client)(nil)
	_ source.Source     = (*Client)(nil)
	_ target.Traffic    = (*Client)(nil)
)

// NewClient returns a client of the proxy that serves the socket at path. It
// connects with each call.
func NewClient(path string) *Client {
	c := &Client{socket: path}
	c.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		// A connection must not outlive an upgrade: it would lead to the old process.
		DisableKeepAlives: true,
	}
	return c
}

// Signals names what Collect delivers.
func (c *Client) Signals() []string { return builtin.Signals() }

// Info says what runs.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	return info, c.call(ctx, http.MethodGet, "/v1/info", nil, &info)
}

// SetBackends makes exactly these the known backends.
func (c *Client) SetBackends(ctx context.Context, backends []balancer.Backend) error {
	if backends == nil {
		backends = []balancer.Backend{}
	}
	return c.call(ctx, http.MethodPut, "/v1/backends", backends, nil)
}

// Leave stops new requests to a backend.
func (c *Client) Leave(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/v1/leave", drainRequest{ID: id}, nil)
}

// Drain stops new requests to a backend and returns once none is in progress,
// or with ctx's error.
func (c *Client) Drain(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/v1/drain", drainRequest{ID: id}, nil)
}

// Backends says what is known of each backend, sorted by ID.
func (c *Client) Backends(ctx context.Context) ([]balancer.BackendStatus, error) {
	var list []balancer.BackendStatus
	return list, c.call(ctx, http.MethodGet, "/v1/backends", nil, &list)
}

// Collect returns what the proxy measured.
func (c *Client) Collect(ctx context.Context) ([]scale.Sample, error) {
	var samples []scale.Sample
	return samples, c.call(ctx, http.MethodGet, "/v1/samples", nil, &samples)
}

// Load returns the requests in progress on a backend; false when it gets no
// new ones, is not known, or the proxy does not answer within a second.
func (c *Client) Load(id string) (int, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	list, err := c.Backends(ctx)
	if err != nil {
		return 0, false
	}
	for _, b := range list {
		if b.ID == id && b.State == balancer.Active {
			return b.InFlight, true
		}
	}
	return 0, false
}

// Upgrade replaces the proxy by a successor that inherits its sockets, and
// says what runs then. When the successor does not start the old one goes on
// as if nothing had happened, and the error says why.
func (c *Client) Upgrade(ctx context.Context, u Upgrade) (Info, error) {
	var info Info
	return info, c.call(ctx, http.MethodPost, "/v1/upgrade", u, &info)
}

// Shutdown ends the proxy. It returns once no request is in progress, those
// that take longer than the drain timeout broken off, and nothing serves the
// socket; or with ctx's error.
func (c *Client) Shutdown(ctx context.Context) error {
	if err := c.call(ctx, http.MethodPost, "/v1/shutdown", nil, nil); err != nil {
		return err
	}
	for {
		if _, err := c.Info(ctx); errors.Is(err, ErrNotRunning) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// call sends one request. A process that has just handed over says so; then
// the successor is asked, once the predecessor has let go of the socket.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	err := c.once(ctx, method, path, in, out)
	for pause := time.Millisecond; errors.Is(err, errHandedOver) && pause < time.Second; pause *= 2 {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			err = c.once(ctx, method, path, in, out)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("proxy at %s: %w", c.socket, err)
	}
	return nil
}

func (c *Client) once(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://proxy"+path, &body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if errors.Is(err, fs.ErrNotExist) || neterr.Refused(err) {
		return ErrNotRunning
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return read(response, out)
}

// read takes the answer apart.
func read(response *http.Response, out any) error {
	if response.StatusCode == http.StatusMisdirectedRequest {
		return errHandedOver
	}
	if response.StatusCode >= 300 {
		var f fault
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
			return fmt.Errorf("answered %s", response.Status)
		}
		return errors.New(f.Error)
	}
	if out == nil {
		return nil
	}
	// Not strict: a newer proxy may say more than an older controller knows.
	return json.NewDecoder(response.Body).Decode(out)
}
