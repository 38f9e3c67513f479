package haproxy

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"text/template"
	"time"

	"github.com/flyball-io/flyball/scale"
)

//go:embed haproxy.cfg.tmpl
var shippedText string

// Site is what the shipped haproxy.cfg needs beyond the plane's configuration.
type Site struct {
	Listen string // host:port, *:port or :port
	// Slots is how many servers there can be: the most replicas, and those that
	// are started before others are drained.
	Slots           int
	HealthPath      string         // empty only connects
	CertFile        string         // certificate chain and key in one file; empty serves plain HTTP
	RateLimit       int            // requests per second of one client's address, averaged over ten; 0 is none
	BreakAfter      int            // answers of 5xx in a row that take a server out until its check succeeds; 0 never
	MaxConnections  int            // clients' connections
	ResponseTimeout scale.Duration // of a silent client or server
	DrainTimeout    scale.Duration // for requests in progress when HAProxy ends
}

// DefaultSite returns a site that serves slots replicas at an address.
func DefaultSite(listen string, slots int) Site {
	return Site{
		Listen: listen, Slots: slots, BreakAfter: 50, MaxConnections: 10_000,
		ResponseTimeout: scale.Duration(time.Minute), DrainTimeout: scale.Duration(30 * time.Second),
	}
}

// Validate reports every fault.
func (s Site) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, port, err := net.SplitHostPort(s.Listen); err != nil || port == "" {
		fault("listen: must be host:port, got %q", s.Listen)
	}
	if s.Slots < 1 {
		fault("slots: must be at least 1, got %d", s.Slots)
	}
	if s.RateLimit < 0 || s.BreakAfter < 0 || s.MaxConnections < 1 {
		fault("rateLimit, breakAfter: must not be negative, maxConnections: must be at least 1; got %d, %d, %d", s.RateLimit, s.BreakAfter, s.MaxConnections)
	}
	for _, word := range [][2]string{{"listen", s.Listen}, {"healthPath", s.HealthPath}, {"certFile", s.CertFile}} {
		if strings.ContainsAny(word[1], " \t\r\n\"'#\\") {
			fault("%s: must have neither space nor quote, got %q", word[0], word[1])
		}
	}
	if s.ResponseTimeout < scale.Duration(time.Second) || s.DrainTimeout < scale.Duration(time.Second) {
		fault("responseTimeout, drainTimeout: must be at least 1s, got %v, %v", s.ResponseTimeout, s.DrainTimeout)
	}
	return errors.Join(errs...)
}

// bucket is the rule that counts one bucket. After those up to Done, where it is
// not 0, what has been counted needs no further rule: fifty of them are felt
// where answers are fast and therefore many.
type bucket struct {
	Index int
	Range string
	Done  int64
}

// rulesAtOnce are the rules between two looks whether one has counted.
const rulesAtOnce = 6

// Render writes the haproxy.cfg that the plane of this configuration expects.
func Render(w io.Writer, cfg Config, site Site) error {
	if err := errors.Join(cfg.Validate(), site.Validate()); err != nil {
		return err
	}
	text, err := template.New("haproxy.cfg").Funcs(template.FuncMap{"seconds": seconds}).Parse(shippedText)
	if err != nil {
		return fmt.Errorf("haproxy.cfg: %w", err)
	}
	e := edges(cfg.Threshold)
	return text.Execute(w, struct {
		Config
		Site
		Table              string
		Buckets            []bucket
		SlowFail, Counters int
		ThresholdMicros    int64
	}{cfg, site, table(cfg.Backend, cfg.Threshold), rules(e), len(e) + 1, len(e) + 2, around(cfg.Threshold).Microseconds()})
}

func rules(edges []int64) []bucket {
	out := []bucket{{Range: fmt.Sprintf("le %d", edges[0])}}
	for i := 1; i < len(edges); i++ {
		b := bucket{Index: i, Range: fmt.Sprintf("%d:%d", edges[i-1]+1, edges[i])}
		if i%rulesAtOnce == rulesAtOnce-1 {
			b.Done = edges[i]
		}
		out = append(out, b)
	}
	return append(out, bucket{Index: len(edges), Range: fmt.Sprintf("gt %d", edges[len(edges)-1])})
}

func seconds(d scale.Duration) string { return fmt.Sprintf("%dms", d.Std().Milliseconds()) }
