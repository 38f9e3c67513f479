package builtin

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Algorithms that choose the backend of a request.
const (
	LeastConnections = "leastconn" // the fewest requests in progress
	PowerOfTwo       = "p2c"       // the less busy of two drawn at random
)

// Protocols spoken to the backends.
const (
	HTTP1 = "http1"
	H2C   = "h2c" // HTTP/2 without TLS, for example gRPC
)

// Config says how the proxy listens, chooses, holds, retries and protects.
type Config struct {
	Listen    string `json:"listen" jsonschema:"description=Address that takes the requests as host:port; port 0 picks a free one."`
	Algorithm string `json:"algorithm" jsonschema:"enum=leastconn,enum=p2c,description=How the replica of a request is chosen: fewest requests in progress or the less busy of two drawn at random."`
	Seed      uint64 `json:"seed" jsonschema:"description=Seed of the random choice of p2c."`

	HoldLimit   int            `json:"holdLimit" jsonschema:"minimum=0,description=Requests held at most while no replica is ready; 0 refuses them at once."`
	HoldTimeout scale.Duration `json:"holdTimeout" jsonschema:"description=Longest time a request is held."`

	RetryBudget float64 `json:"retryBudget" jsonschema:"minimum=0,maximum=1,description=Share of the requests of the last 10 s that may be sent again to another replica; ten are always allowed unless it is 0. A request of which nothing was sent does not count."`

	Health Health `json:"health" jsonschema:"description=How replicas that do not answer are found."`

	ReadHeaderTimeout scale.Duration `json:"readHeaderTimeout" jsonschema:"description=Longest time a client may take to send the header of a request."`
	IdleTimeout       scale.Duration `json:"idleTimeout" jsonschema:"description=Longest time a client's connection is kept between requests."`
	BodyStallTimeout  scale.Duration `json:"bodyStallTimeout" jsonschema:"description=A client that neither sends nor takes a byte of a body that is due for this long is cut off. Quiet streams and WebSockets are not."`
	MaxHeaderBytes    int            `json:"maxHeaderBytes" jsonschema:"minimum=1024,description=Largest header of a request in bytes."`
	MaxConnections    int            `json:"maxConnections" jsonschema:"minimum=1,description=Clients' connections at most; more wait to be accepted."`
	DrainTimeout      scale.Duration `json:"drainTimeout" jsonschema:"description=Time that requests in progress get to finish when the proxy ends."`
	TrustForwarded    bool           `json:"trustForwarded" jsonschema:"description=Append to the X-Forwarded headers that arrive instead of replacing them; only behind a proxy of your own."`

	DialTimeout        scale.Duration `json:"dialTimeout" jsonschema:"description=Longest time to connect to a replica."`
	ResponseTimeout    scale.Duration `json:"responseTimeout" jsonschema:"description=Longest time a replica may take to begin its answer; 0 leaves it to the client."`
	BackendIdleTimeout scale.Duration `json:"backendIdleTimeout" jsonschema:"description=Unused connections to a replica are closed after this long; keep it below the replica's own idle limit so that it never closes one just as a request is sent."`
	BackendProtocol    string         `json:"backendProtocol" jsonschema:"enum=http1,enum=h2c,description=Protocol spoken to the replicas."`

	MetricWindow scale.Duration `json:"metricWindow" jsonschema:"description=Time that the measurements average over."`
	Threshold    scale.Duration `json:"threshold" jsonschema:"description=Longest time of a good request from its arrival on; 0 counts every request that did not fail as good."`

	Inference *Inference `json:"inference,omitempty" jsonschema:"description=Measure requests to language models too: time to the first token; tokens per second; requests that run. {} is enough for servers that speak as OpenAI's."`

	TLS *TLS `json:"tls,omitempty" jsonschema:"description=Serve HTTPS."`
}

// Health says how backends that do not answer are found and brought back.
type Health struct {
	Path           string         `json:"path" jsonschema:"description=Path asked by the active check which must answer 2xx or 3xx; empty only connects."`
	Interval       scale.Duration `json:"interval" jsonschema:"description=Time between two checks of a replica."`
	Timeout        scale.Duration `json:"timeout" jsonschema:"description=Longest time a check may take."`
	UnhealthyAfter int            `json:"unhealthyAfter" jsonschema:"minimum=1,description=Failures in a row that take a replica out; a refused connection does so at once."`
	HealthyAfter   int            `json:"healthyAfter" jsonschema:"minimum=1,description=Successful checks in a row that bring a replica back."`
}

// TLS names the certificate of the listener, both in PEM form.
type TLS struct {
	CertFile string `json:"certFile" jsonschema:"description=File with the certificate chain."`
	KeyFile  string `json:"keyFile" jsonschema:"description=File with the private key."`
}

// Default returns the configuration used where a document says nothing.
func Default() Config {
	return Config{
		Listen:      "127.0.0.1:8080",
		Algorithm:   LeastConnections,
		Seed:        1,
		HoldLimit:   1000,
		HoldTimeout: scale.Duration(30 * time.Second),
		RetryBudget: 0.2,
		Health: Health{
			Interval:       scale.Duration(time.Second),
			Timeout:        scale.Duration(time.Second),
			UnhealthyAfter: 3,
			HealthyAfter:   1,
		},
		ReadHeaderTimeout: scale.Duration(10 * time.Second),
		IdleTimeout:       scale.Duration(2 * time.Minute),
		BodyStallTimeout:  scale.Duration(30 * time.Second),
		MaxHeaderBytes:    64 << 10,
		MaxConnections:    10_000,
		DrainTimeout:      scale.Duration(30 * time.Second),
		DialTimeout:       scale.Duration(2 * time.Second),
		// Node.js closes an idle connection after 5 s, the soonest of the
		// common servers.
		BackendIdleTimeout: scale.Duration(4 * time.Second),
		BackendProtocol:    HTTP1,
		// As in every simulation: a rate that is fresh within seconds is worth more
		// than a smooth one (docs/adr/0012-one-window.md).
		MetricWindow: scale.Duration(10 * time.Second),
	}
}

// shortestWindow has slots of a millisecond, still long beside what a request
// costs the proxy.
const shortestWindow = 10 * time.Millisecond

// Validate reports every fault.
func (c Config) Validate() error {
	f := &faults{}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		f.add("listen: must be host:port, got %q", c.Listen)
	}
	f.oneOf("algorithm", c.Algorithm, LeastConnections, PowerOfTwo)
	f.oneOf("backendProtocol", c.BackendProtocol, HTTP1, H2C)
	f.atLeast("holdLimit", c.HoldLimit, 0)
	f.atLeast("maxHeaderBytes", c.MaxHeaderBytes, 1024)
	f.atLeast("maxConnections", c.MaxConnections, 1)
	if !(c.RetryBudget >= 0 && c.RetryBudget <= 1) {
		f.add("retryBudget: must be between 0 and 1, got %v", c.RetryBudget)
	}
	f.above0("holdTimeout", c.HoldTimeout)
	f.above0("readHeaderTimeout", c.ReadHeaderTimeout)
	f.above0("idleTimeout", c.IdleTimeout)
	f.above0("bodyStallTimeout", c.BodyStallTimeout)
	f.above0("drainTimeout", c.DrainTimeout)
	f.above0("dialTimeout", c.DialTimeout)
	f.above0("backendIdleTimeout", c.BackendIdleTimeout)
	if c.MetricWindow < scale.Duration(shortestWindow) {
		f.add("metricWindow: must be at least %v, got %v", scale.Duration(shortestWindow), c.MetricWindow)
	}
	f.notNegative("responseTimeout", c.ResponseTimeout)
	f.notNegative("threshold", c.Threshold)
	c.Health.validate(f)
	c.Inference.validate(f)
	c.TLS.validate(f)
	return errors.Join(f.errs...)
}

func (h Health) validate(f *faults) {
	if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		f.add("health.path: must start with /, got %q", h.Path)
	}
	f.above0("health.interval", h.Interval)
	f.above0("health.timeout", h.Timeout)
	f.atLeast("health.unhealthyAfter", h.UnhealthyAfter, 1)
	f.atLeast("health.healthyAfter", h.HealthyAfter, 1)
}

func (t *TLS) validate(f *faults) {
	if t == nil {
		return
	}
	if t.CertFile == "" {
		f.add("tls.certFile: must name a file, got nothing")
	}
	if t.KeyFile == "" {
		f.add("tls.keyFile: must name a file, got nothing")
	}
}

// faults collects what is wrong with a configuration.
type faults struct{ errs []error }

func (f *faults) add(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(format, args...))
}

func (f *faults) above0(field string, d scale.Duration) {
	if d <= 0 {
		f.add("%s: must be above 0, got %v", field, d)
	}
}

func (f *faults) notNegative(field string, d scale.Duration) {
	if d < 0 {
		f.add("%s: must not be negative, got %v", field, d)
	}
}

func (f *faults) atLeast(field string, n, least int) {
	if n < least {
		f.add("%s: must be at least %d, got %d", field, least, n)
	}
}

func (f *faults) oneOf(field, got string, allowed ...string) {
	for _, a := range allowed {
		if got == a {
			return
		}
	}
	f.add("%s: must be one of %s, got %q", field, strings.Join(allowed, ", "), got)
}
