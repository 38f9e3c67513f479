package traefik

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

// Config says how Traefik gets its configuration, what stands in it, and where
// its measurements come from.
type Config struct {
	Service string `json:"service" jsonschema:"description=Name of the service and the router in Traefik."`
	HTTP    HTTP   `json:"http" jsonschema:"description=Where Traefik fetches its configuration (its HTTP provider). Traefik has one such provider and therefore one service."`
	File    string `json:"file" jsonschema:"description=File of our own in a folder that Traefik watches (its file provider); whatever else stands in it is replaced. Empty serves over HTTP."`

	Route     Route  `json:"route" jsonschema:"description=Which requests are for the service."`
	Health    Health `json:"health" jsonschema:"description=How replicas that do not answer are found."`
	Attempts  int    `json:"attempts" jsonschema:"minimum=1,description=Tries at most for a request of which no replica has got anything."`
	RateLimit int    `json:"rateLimit" jsonschema:"minimum=0,description=Requests per second of one client's address and ten times that in a burst; 0 is none."`
	// A breaker has no least number of requests: one failure of few is a share.
	BreakAbove float64 `json:"breakAbove" jsonschema:"minimum=0,maximum=1,description=Share of requests that reach no replica above which all are refused for a second; 0 never refuses."`

	ResponseTimeout scale.Duration `json:"responseTimeout" jsonschema:"description=Longest time a replica may take to begin its answer."`
	IdleTimeout     scale.Duration `json:"idleTimeout" jsonschema:"description=Unused connections to a replica are closed after this long; keep it below the replica's own idle limit."`
	Settle          scale.Duration `json:"settle" jsonschema:"description=Least time that requests in progress get to finish at a replica that Traefik sends no more; the slowest request of the metric window makes it longer."`

	Metrics      Metrics        `json:"metrics" jsonschema:"description=Where Traefik shows its metrics and which configuration it follows."`
	PollInterval scale.Duration `json:"pollInterval" jsonschema:"description=Time between two looks at Traefik's metrics."`
	MetricWindow scale.Duration `json:"metricWindow" jsonschema:"description=Time that the measurements average over."`
	Threshold    scale.Duration `json:"threshold" jsonschema:"description=Longest time of a good request from its arrival to the last byte of its answer; that of the objective when empty. Exact where traefik.yml was rendered for it. 0 counts every request that did not fail as good."`
}

// HTTP is where the configuration is served.
type HTTP struct {
	Listen    string `json:"listen" jsonschema:"description=Address that Traefik fetches from as host:port."`
	TokenFile string `json:"tokenFile,omitempty" jsonschema:"description=File with the token that Traefik must show (Authorization: Bearer). Without one only this machine may fetch."`
	CertFile  string `json:"certFile,omitempty" jsonschema:"description=File with the certificate chain; serves over https."`
	KeyFile   string `json:"keyFile,omitempty" jsonschema:"description=File with its private key."`
}

// Route says which requests are for the service.
type Route struct {
	EntryPoints  []string `json:"entryPoints" jsonschema:"description=Names of Traefik's entry points."`
	Rule         string   `json:"rule" jsonschema:"description=Traefik's rule such as Host(\"shop.example.com\")."`
	TLS          bool     `json:"tls" jsonschema:"description=Take HTTPS only; implied by a certificate or a resolver."`
	CertFile     string   `json:"certFile,omitempty" jsonschema:"description=File with the certificate chain as Traefik sees it."`
	KeyFile      string   `json:"keyFile,omitempty" jsonschema:"description=File with its private key as Traefik sees it."`
	CertResolver string   `json:"certResolver,omitempty" jsonschema:"description=Name of the resolver in traefik.yml that gets the certificate (ACME); the rule must name the host."`
}

// Health says how replicas that do not answer are found.
type Health struct {
	Path     string         `json:"path" jsonschema:"description=Path asked which must answer 2xx or 3xx; that of the target when empty. Without any nothing is checked."`
	Interval scale.Duration `json:"interval" jsonschema:"description=Time between two checks of a replica."`
	Timeout  scale.Duration `json:"timeout" jsonschema:"description=Longest time a check may take."`
}

// Metrics is how Traefik is seen.
type Metrics struct {
	URL        string `json:"url" jsonschema:"description=URL of Traefik's metrics."`
	EntryPoint string `json:"entryPoint" jsonschema:"description=Name of the entry point at that URL. Traefik also says there which configuration it follows; clients should not reach it."`
}

// Default returns the configuration used where a document says nothing.
func Default() Config {
	return Config{
		Service:         "app",
		HTTP:            HTTP{Listen: "127.0.0.1:9071"},
		Route:           Route{EntryPoints: []string{"web"}, Rule: `PathPrefix("/")`},
		Health:          Health{Interval: scale.Duration(time.Second), Timeout: scale.Duration(time.Second)},
		Attempts:        3,
		BreakAbove:      0.5,
		ResponseTimeout: scale.Duration(time.Minute),
		IdleTimeout:     scale.Duration(4 * time.Second), // Node.js closes after 5 s
		Settle:          scale.Duration(time.Second),
		Metrics:         Metrics{URL: "http://127.0.0.1:8082/metrics", EntryPoint: "metrics"},
		PollInterval:    scale.Duration(500 * time.Millisecond),
		// The window of every balancer (docs/adr/0012-one-window.md).
		MetricWindow: scale.Duration(10 * time.Second),
	}
}

// names are what Traefik takes as a name everywhere.
var names = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// hosts are what an address may name.
var hosts = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// shortestPoll is how often Traefik may be looked at.
const shortestPoll = 50 * time.Millisecond

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !names.MatchString(c.Service) {
		fault("service: must be letters, digits, _ or -, got %q", c.Service)
	}
	if c.Attempts < 1 || c.RateLimit < 0 || !(c.BreakAbove >= 0 && c.BreakAbove <= 1) {
		fault("attempts: must be at least 1, rateLimit: not negative, breakAbove: between 0 and 1; got %d, %d, %v", c.Attempts, c.RateLimit, c.BreakAbove)
	}
	if c.ResponseTimeout < scale.Duration(time.Second) || c.IdleTimeout <= 0 || c.Settle < 0 {
		fault("responseTimeout: must be at least 1s, idleTimeout: above 0, settle: not negative; got %v, %v, %v", c.ResponseTimeout, c.IdleTimeout, c.Settle)
	}
	if c.PollInterval < scale.Duration(shortestPoll) {
		fault("pollInterval: must be at least %v, got %v", scale.Duration(shortestPoll), c.PollInterval)
	}
	if c.MetricWindow < 4*c.PollInterval {
		fault("metricWindow: must be at least four times pollInterval (%v), got %v", 4*c.PollInterval, c.MetricWindow)
	}
	if c.Threshold < 0 || c.Threshold > scale.Duration(slowest) {
		fault("threshold: must be between 0 and %v, got %v", scale.Duration(slowest), c.Threshold)
	}
	return errors.Join(append(errs, c.provided(), c.Route.validate(), c.Health.validate(), c.Metrics.validate())...)
}

// provided checks the way to Traefik.
func (c Config) provided() error {
	if c.File != "" {
		if !filepath.IsAbs(c.File) || !slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(c.File)) {
			return fmt.Errorf("file: must be an absolute path that ends in .yml or .yaml, got %q", c.File)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(c.HTTP.Listen)
	if err != nil || port == "" {
		return fmt.Errorf("http.listen: must be host:port, got %q", c.HTTP.Listen)
	}
	if ip := net.ParseIP(host); c.HTTP.TokenFile == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("http.tokenFile: must be set where other machines can fetch (http.listen is %s)", c.HTTP.Listen)
	}
	if (c.HTTP.CertFile == "") != (c.HTTP.KeyFile == "") {
		return fmt.Errorf("http.certFile, http.keyFile: must both be there or neither, got %q, %q", c.HTTP.CertFile, c.HTTP.KeyFile)
	}
	return nil
}

func (r Route) validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(r.EntryPoints) == 0 || slices.ContainsFunc(r.EntryPoints, func(name string) bool { return !names.MatchString(name) }) {
		fault("route.entryPoints: must be at least one name of letters, digits, _ or -, got %q", r.EntryPoints)
	}
	if r.Rule == "" || strings.Contains(r.Rule, "{{") {
		fault("route.rule: must be a rule of Traefik's without a template, got %q", r.Rule)
	}
	if (r.CertFile == "") != (r.KeyFile == "") || strings.Contains(r.CertFile+r.KeyFile, "{{") {
		fault("route.certFile, route.keyFile: must both be there or neither, got %q, %q", r.CertFile, r.KeyFile)
	}
	if r.CertResolver != "" && (!names.MatchString(r.CertResolver) || r.CertFile != "" || !strings.Contains(r.Rule, "Host(")) {
		fault("route.certResolver: must be a name, without certFile and with a rule that names the host (Host(…)), got %q with %q", r.CertResolver, r.Rule)
	}
	return errors.Join(errs...)
}

// encrypted reports whether the route takes HTTPS.
func (r Route) encrypted() bool { return r.TLS || r.CertFile != "" || r.CertResolver != "" }

func (h Health) validate() error {
	if h.Path != "" && (h.Path[0] != '/' || strings.Contains(h.Path, "{{")) {
		return fmt.Errorf("health.path: must begin with /, got %q", h.Path)
	}
	if h.Interval < scale.Duration(shortestPoll) || h.Timeout <= 0 {
		return fmt.Errorf("health.interval: must be at least %v, health.timeout: above 0; got %v, %v", scale.Duration(shortestPoll), h.Interval, h.Timeout)
	}
	return nil
}

func (m Metrics) validate() error {
	var errs []error
	if _, err := webclient.ParseURL(m.URL); err != nil {
		errs = append(errs, fmt.Errorf("metrics.url: %w", err))
	}
	if !names.MatchString(m.EntryPoint) {
		errs = append(errs, fmt.Errorf("metrics.entryPoint: must be letters, digits, _ or -, got %q", m.EntryPoint))
	}
	return errors.Join(errs...)
}
