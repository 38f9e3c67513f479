package traefik

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/flyball-io/flyball/scale"
)

//go:embed traefik.yml.tmpl
var shippedText string

// Site is what the shipped traefik.yml, the static configuration, needs beyond
// the plane's: what may change while Traefik runs stands in the dynamic one.
type Site struct {
	Listen        string // host:port or :port, of the route's entry point
	Redirect      string // host:port that answers with a redirection to https; empty: none
	MetricsListen string // host:port that only Flyball and Prometheus should reach
	Fetch         string // URL of the plane's configuration; empty: http.listen of the plane
	Token         string // that of http.tokenFile
	CAFile        string // who signed the certificate of that URL, where it is https

	ACME ACME // gets the certificate of the route's certResolver

	RequestTimeout scale.Duration // for a client to send its request, body included; 0 is none
	DrainTimeout   scale.Duration // for requests in progress when Traefik ends
	LogLevel       string
}

// ACME says how certificates are got and renewed.
type ACME struct {
	Email     string
	Storage   string // file for keys and certificates
	Challenge string // tls (over the route's entry point) or http (over Redirect)
	Server    string // directory URL; empty: Let's Encrypt
}

// DefaultSite returns a site that serves at an address.
func DefaultSite(listen string) Site {
	return Site{
		Listen: listen, MetricsListen: "127.0.0.1:8082", LogLevel: "INFO", ACME: ACME{Challenge: "tls"},
		RequestTimeout: scale.Duration(5 * time.Minute), DrainTimeout: scale.Duration(30 * time.Second),
	}
}

// Validate reports every fault.
func (s Site) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, one := range []struct {
		field, address string
		needed         bool
	}{{"listen", s.Listen, true}, {"redirect", s.Redirect, false}, {"metricsListen", s.MetricsListen, true}} {
		if _, port, err := net.SplitHostPort(one.address); (one.needed || one.address != "") && (err != nil || port == "") {
			fault("%s: must be host:port, got %q", one.field, one.address)
		}
	}
	if u, err := url.Parse(s.Fetch); s.Fetch != "" && (err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == "") {
		fault("fetch: must be a URL with http or https, got %q", s.Fetch)
	}
	if s.RequestTimeout < 0 || s.DrainTimeout < scale.Duration(time.Second) {
		fault("requestTimeout: must not be negative, drainTimeout: at least 1s, got %v, %v", s.RequestTimeout, s.DrainTimeout)
	}
	return errors.Join(append(errs, s.ACME.validate(s.Redirect))...)
}

func (a ACME) validate(redirect string) error {
	if a.Email == "" && a.Storage == "" {
		return nil
	}
	if _, err := mail.ParseAddress(a.Email); err != nil || a.Storage == "" {
		return fmt.Errorf("acme: email and storage must both be there, got %q, %q", a.Email, a.Storage)
	}
	if a.Challenge != "tls" && (a.Challenge != "http" || redirect == "") {
		return fmt.Errorf("acme.challenge: must be tls, or http with redirect, got %q", a.Challenge)
	}
	return nil
}

// The bounds of the histogram grow by half an octave, and the threshold is one
// of them, so that the share above it is exact.
const (
	perOctave = 2
	fastest   = time.Millisecond
	slowest   = 60 * time.Second
	// usual is the threshold the bounds are laid around when there is none.
	usual = 500 * time.Millisecond
)

// bounds are those of the histogram in seconds, the last one (+Inf) left out.
func bounds(threshold scale.Duration) []float64 {
	middle := threshold.Std()
	if middle <= 0 {
		middle = usual
	}
	low := math.Floor(perOctave * math.Log2(float64(middle)/float64(fastest)))
	high := math.Floor(perOctave * math.Log2(float64(slowest)/float64(middle)))
	out := []float64{}
	for k := -max(low, 0); k <= max(high, 0); k++ {
		out = append(out, middle.Seconds()*math.Exp2(k/perOctave))
	}
	return out
}

// Render writes the traefik.yml that the plane of this configuration expects.
// It holds the token: only Traefik should read it.
func Render(w io.Writer, cfg Config, site Site) error {
	errs := []error{cfg.Validate(), site.Validate()}
	if (site.ACME.Email != "") != (cfg.Route.CertResolver != "") {
		errs = append(errs, errors.New("acme: email and the route's certResolver must both be there or neither"))
	}
	if len(cfg.Route.EntryPoints) != 1 {
		errs = append(errs, fmt.Errorf("route.entryPoints: the shipped traefik.yml has one, got %q", cfg.Route.EntryPoints))
	}
	if site.Redirect != "" && !cfg.Route.encrypted() {
		errs = append(errs, errors.New("redirect: the route must take HTTPS"))
	}
	if (cfg.HTTP.TokenFile != "") != (site.Token != "") && cfg.File == "" {
		errs = append(errs, errors.New("token: must be there where http.tokenFile is, and nowhere else"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if site.Fetch == "" {
		site.Fetch = cfg.fetch()
	}
	text, err := template.New("traefik.yml").Funcs(template.FuncMap{"quote": quote}).Parse(shippedText)
	if err != nil {
		return fmt.Errorf("traefik.yml: %w", err)
	}
	return text.Execute(w, struct {
		Config
		Site
		Entry, Folder string
		Bounds        []float64
	}{cfg, site, cfg.Route.EntryPoints[0], filepath.Dir(cfg.File), bounds(cfg.Threshold)})
}

// fetch is where the plane serves its configuration, seen from this machine.
func (c Config) fetch() string {
	scheme := "http://"
	if c.HTTP.CertFile != "" {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(c.HTTP.Listen) // it was validated
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port) + providePath(c.Service)
}

// quote writes a text so that YAML reads it as one.
func quote(text any) (string, error) {
	out, err := json.Marshal(fmt.Sprint(text))
	return string(out), err
}
