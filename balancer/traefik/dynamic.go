package traefik

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
)

// versionHeader is how Traefik says which configuration it follows.
const versionHeader = "X-Flyball-Version"

// dynamic is what Traefik is told, in the words of its dynamic configuration;
// a part that is empty must be left out.
type dynamic struct {
	HTTP struct {
		Routers     map[string]router     `json:"routers"`
		Middlewares map[string]middleware `json:"middlewares"`
		Services    map[string]service    `json:"services"`
		Transports  map[string]transport  `json:"serversTransports"`
	} `json:"http"`
	TLS *certificates `json:"tls,omitempty"`
}

type router struct {
	EntryPoints   []string       `json:"entryPoints"`
	Rule          string         `json:"rule"`
	Priority      int            `json:"priority,omitempty"`
	Service       string         `json:"service"`
	Middlewares   []string       `json:"middlewares,omitempty"`
	TLS           *encryption    `json:"tls,omitempty"`
	Observability *observability `json:"observability,omitempty"`
}

type encryption struct {
	CertResolver string `json:"certResolver,omitempty"`
}

// observability keeps what is asked by us out of logs and figures.
type observability struct {
	AccessLogs bool `json:"accessLogs"`
	Metrics    bool `json:"metrics"`
	Tracing    bool `json:"tracing"`
}

// middleware is one of these.
type middleware struct {
	RateLimit      *rateLimit `json:"rateLimit,omitempty"`
	CircuitBreaker *breaker   `json:"circuitBreaker,omitempty"`
	Retry          *retry     `json:"retry,omitempty"`
	Headers        *headers   `json:"headers,omitempty"`
}

type rateLimit struct {
	Average int `json:"average"`
	Burst   int `json:"burst"`
}

type breaker struct {
	Expression       string `json:"expression"`
	FallbackDuration string `json:"fallbackDuration"`
	RecoveryDuration string `json:"recoveryDuration"`
}

type retry struct {
	Attempts        int    `json:"attempts"`
	InitialInterval string `json:"initialInterval"`
}

type headers struct {
	Response map[string]string `json:"customResponseHeaders"`
}

type service struct {
	LoadBalancer loadBalancer `json:"loadBalancer"`
}

type loadBalancer struct {
	Strategy         string       `json:"strategy"`
	Servers          []server     `json:"servers,omitempty"`
	HealthCheck      *healthCheck `json:"healthCheck,omitempty"`
	ServersTransport string       `json:"serversTransport"`
}

type server struct {
	URL string `json:"url"`
}

type healthCheck struct {
	Path     string `json:"path"`
	Interval string `json:"interval"`
	Timeout  string `json:"timeout"`
}

type transport struct {
	ForwardingTimeouts timeouts `json:"forwardingTimeouts"`
}

type timeouts struct {
	Dial           string `json:"dialTimeout"`
	ResponseHeader string `json:"responseHeaderTimeout"`
	IdleConn       string `json:"idleConnTimeout"`
}

type certificates struct {
	Certificates []certificate `json:"certificates"`
}

type certificate struct {
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
}

// checked refuses an address that would not be one in Traefik's configuration.
func checked(b balancer.Backend) error {
	host, port, err := net.SplitHostPort(b.Address)
	if err == nil && net.ParseIP(host) == nil && !hosts.MatchString(host) {
		err = fmt.Errorf("host %q", host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("backend %s: address %q: %w", b.ID, b.Address, err)
	}
	return nil
}

func urlOf(b balancer.Backend) string { return "http://" + b.Address }

// probePath is where Traefik says which configuration it follows.
func probePath(service string) string { return "/flyball/" + service + "/version" }

// render is the configuration in that version: draining backends are not in
// it. JSON is YAML, too.
func render(cfg Config, known map[string]*backend, version string) ([]byte, error) {
	var d dynamic
	name, probe := cfg.Service, cfg.Service+"-version"
	d.HTTP.Middlewares = protection(cfg)
	chain := slices.Sorted(maps.Keys(d.HTTP.Middlewares))
	d.HTTP.Middlewares[probe] = middleware{Headers: &headers{map[string]string{versionHeader: version}}}
	d.HTTP.Routers = map[string]router{
		name: {EntryPoints: cfg.Route.EntryPoints, Rule: cfg.Route.Rule, Service: name, Middlewares: chain, TLS: cfg.Route.encryption()},
		probe: {EntryPoints: []string{cfg.Metrics.EntryPoint}, Rule: "Path(`" + probePath(name) + "`)", Priority: 1 << 30,
			Service: "noop@internal", Middlewares: []string{probe}, Observability: &observability{}},
	}
	d.HTTP.Services = map[string]service{name: {balanced(cfg, known)}}
	d.HTTP.Transports = map[string]transport{name: {timeouts{
		Dial: "2s", ResponseHeader: inUnits(cfg.ResponseTimeout), IdleConn: inUnits(cfg.IdleTimeout),
	}}}
	if cfg.Route.CertFile != "" {
		d.TLS = &certificates{[]certificate{{cfg.Route.CertFile, cfg.Route.KeyFile}}}
	}
	return json.MarshalIndent(d, "", " ")
}

// protection are the middlewares, named so that sorted they are in their order:
// who asks too much is refused before the breaker counts, and it counts what
// has been tried in vain.
func protection(cfg Config) map[string]middleware {
	out := map[string]middleware{}
	if cfg.RateLimit > 0 {
		out[cfg.Service+"-1-limit"] = middleware{RateLimit: &rateLimit{Average: cfg.RateLimit, Burst: 10 * cfg.RateLimit}}
	}
	if cfg.BreakAbove > 0 {
		out[cfg.Service+"-2-breaker"] = middleware{CircuitBreaker: &breaker{
			Expression: fmt.Sprintf("NetworkErrorRatio() > %g", cfg.BreakAbove), FallbackDuration: "1s", RecoveryDuration: "1s",
		}}
	}
	if cfg.Attempts > 1 {
		out[cfg.Service+"-3-retry"] = middleware{Retry: &retry{Attempts: cfg.Attempts, InitialInterval: "20ms"}}
	}
	return out
}

// balanced is the service: the less busy of two drawn at random is the nearest
// that Traefik has to the one with least connections.
func balanced(cfg Config, known map[string]*backend) loadBalancer {
	lb := loadBalancer{Strategy: "p2c", ServersTransport: cfg.Service}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		b := known[id]
		if one := (server{urlOf(b.Backend)}); !b.draining && !slices.Contains(lb.Servers, one) {
			lb.Servers = append(lb.Servers, one)
		}
	}
	if h := cfg.Health; h.Path != "" {
		lb.HealthCheck = &healthCheck{h.Path, inUnits(h.Interval), inUnits(h.Timeout)}
	}
	return lb
}

func (r Route) encryption() *encryption {
	if !r.encrypted() {
		return nil
	}
	return &encryption{r.CertResolver}
}

func inUnits(d scale.Duration) string { return d.Std().String() }
