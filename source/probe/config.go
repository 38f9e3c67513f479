package probe

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

const (
	minInterval = scale.Duration(10 * time.Millisecond)
	maxSamples  = 1000
	// maxInFlight bounds how many probes wait for an answer at once.
	maxInFlight = 100
)

// Config says what is asked how often.
type Config struct {
	URL      string         `json:"url" jsonschema:"required,description=Address that is asked"`
	Method   string         `json:"method,omitempty" jsonschema:"description=Method of the request"`
	Samples  int            `json:"samples,omitempty" jsonschema:"description=How many of the newest probes one value is made of,minimum=5,maximum=1000"`
	Interval scale.Duration `json:"interval,omitempty" jsonschema:"description=Time between the starts of two probes"`
	Timeout  scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time of a probe; what fails counts as having taken so long"`

	ExpectStatus    []int  `json:"expectStatus,omitempty" jsonschema:"description=Statuses of a good answer; 200 to 399 when empty"`
	ExpectBody      string `json:"expectBody,omitempty" jsonschema:"description=Text that a good answer holds"`
	FreshConnection bool   `json:"freshConnection" jsonschema:"description=Connect anew for each probe so that its time holds that of connecting and of the TLS handshake,default=false"`
	webclient.Auth
}

// Default is everything but the address.
func Default() Config {
	return Config{Method: "GET", Samples: 20, Interval: scale.Duration(time.Second), Timeout: scale.Duration(5 * time.Second)}
}

// Validate reports every fault that can be seen without asking.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := webclient.ParseURL(c.URL); err != nil {
		fault("url: %w", err)
	}
	if !httpguts.ValidHeaderFieldName(c.Method) {
		fault("method: must be one such as GET or HEAD, got %q", webclient.Excerpt(c.Method, 50))
	}
	if c.Samples < minSamples || c.Samples > maxSamples {
		fault("samples: must be %d to %d, got %d", minSamples, maxSamples, c.Samples)
	}
	if c.Interval < minInterval {
		fault("interval: must be at least %v, got %v", minInterval, c.Interval)
	}
	if c.Timeout <= 0 || (c.Interval >= minInterval && c.Timeout/c.Interval > maxInFlight) {
		fault("timeout: must be above 0 and at most %d intervals (%v), got %v", maxInFlight, c.Interval, c.Timeout)
	}
	if i := slices.IndexFunc(c.ExpectStatus, func(s int) bool { return s < 100 || s > 599 }); i >= 0 {
		fault("expectStatus[%d]: must be 100 to 599, got %d", i, c.ExpectStatus[i])
	}
	return errors.Join(append(errs, c.Auth.Validate())...)
}

// good reports whether an answer is as it should be.
func (c Config) good(a webclient.Answer) error {
	switch {
	case len(c.ExpectStatus) > 0 && !slices.Contains(c.ExpectStatus, a.Status):
		return fmt.Errorf("answered %d, want one of %v", a.Status, c.ExpectStatus)
	case len(c.ExpectStatus) == 0 && (a.Status < 200 || a.Status > 399):
		return fmt.Errorf("answered %d, want 200 to 399", a.Status)
	case !contains(a.Body, c.ExpectBody):
		return errors.New("the answer does not hold the text that is expected (expectBody)")
	}
	return nil
}
