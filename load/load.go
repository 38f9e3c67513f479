// Package load sends HTTP requests at the instants a workload says, whether or
// not earlier ones were answered (an open loop, as real users are), and
// measures each from the instant it was meant to be sent. A service that
// stalls for a second therefore shows that second in every request that was
// due meanwhile: nothing is hidden by co-ordinated omission.
package load

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/workload"
)

// Options say what to send, when, and what counts as good.
type Options struct {
	URL string // http or https, with a host
	// Requests is the mix to send, chosen at random by weight. Empty means
	// plain GETs of URL.
	Requests []Request

	Shape    workload.Shape // how many requests per second, over time
	Arrivals workload.Kind  // empty means workload.Poisson
	Seed     uint64         // of the arrivals and of the mix

	Timeout time.Duration // for one request, from its intended instant; 0 means 30 s
	// Threshold is the latency above which a request is a violation; 0 counts
	// only failed requests as violations.
	Threshold time.Duration
	// MaxInFlight bounds the requests under way at once; 0 means 5,000. One
	// that is due beyond it is dropped, counted as failed and never sent
	// late: a bound that made it wait would close the loop unseen.
	MaxInFlight int

	// OnProgress, if set, is called every second from a single goroutine.
	OnProgress func(Snapshot)

	Transport http.RoundTripper // nil means one made for this run
	Clock     clock.Clock       // nil means the system's, and waits exact to some 50 µs where that can be had
}

// Default limits.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultMaxInFlight = 5_000
)

// Validate reports everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	if err := validURL(o.URL); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, o.validRequests()...)
	}
	if o.Shape == nil {
		errs = append(errs, errors.New("shape: must be given"))
	}
	if o.Arrivals != "" {
		if _, err := workload.ParseKind(string(o.Arrivals)); err != nil {
			errs = append(errs, err)
		}
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout: must be above 0, got %v", o.Timeout))
	}
	if o.Threshold < 0 {
		errs = append(errs, fmt.Errorf("threshold: must be 0 (none) or more, got %v", o.Threshold))
	}
	if o.MaxInFlight < 0 {
		errs = append(errs, fmt.Errorf("max in flight: must be above 0, got %d", o.MaxInFlight))
	}
	return errors.Join(errs...)
}

func (o Options) validRequests() []error {
	var errs []error
	for i, r := range o.Requests {
		if _, err := newKind(r, o.URL); err != nil {
			errs = append(errs, fmt.Errorf("request %d: %w", i+1, err))
		}
	}
	return errs
}

func validURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return fmt.Errorf("url %q: must be http://HOST[:PORT][/PATH] or https://…", text)
	}
	return nil
}

// withDefaults returns o with the empty fields filled in.
func (o Options) withDefaults() Options {
	if len(o.Requests) == 0 {
		o.Requests = []Request{{}}
	}
	if o.Arrivals == "" {
		o.Arrivals = workload.Poisson
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	return o
}
