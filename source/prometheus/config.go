package prometheus

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

const (
	maxPoints = 1000     // of the past, in one look
	maxAnswer = 10 << 20 // bytes of one answer
)

// Config says which server is asked what.
type Config struct {
	Server string `json:"server" jsonschema:"required,description=Address of the server (or of Thanos / Mimir / VictoriaMetrics) with its path prefix if any"`
	// Exactly one of Query and Preset.
	Query  string  `json:"query,omitempty" jsonschema:"description=PromQL whose result is one number: exactly one series or a scalar"`
	Preset *Preset `json:"preset,omitempty" jsonschema:"description=A ready-made query instead of a query of your own"`
	// NewestQuery replaces what is derived from the query's selectors.
	NewestQuery string `json:"newestQuery,omitempty" jsonschema:"description=PromQL for the time of the newest measurement behind the value in seconds since 1970; derived from the query when empty. With it the query may be of another dialect than PromQL"`

	Range scale.Duration `json:"range,omitempty" jsonschema:"description=How far back each look reaches beside the value of now; 0s is not at all,default=0s"`
	Step  scale.Duration `json:"step,omitempty" jsonschema:"description=Time between two values of the range,default=15s"`

	Timeout scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for one request: at most 30s; a measurement of several is given up after 30s,default=5s"`
	Tenant  string         `json:"tenant,omitempty" jsonschema:"description=Tenant sent as X-Scope-OrgID (Mimir and Cortex and Loki)"`
	webclient.Auth
}

// Default is everything but the server and the query.
func Default() Config {
	return Config{Step: scale.Duration(15 * time.Second), Timeout: scale.Duration(5 * time.Second)}
}

// Validate reports every fault that can be seen without asking the server.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if u, err := webclient.ParseURL(c.Server); err != nil {
		fault("server: %w", err)
	} else if u.RawQuery != "" {
		fault("server: must not hold a query (?)")
	}
	switch {
	case (c.Query == "") == (c.Preset == nil):
		fault("query: exactly one of query and preset must be set")
	case c.Preset != nil:
		errs = append(errs, c.Preset.validate())
	case c.NewestQuery == "":
		if err := checkQuery(c.Query); err != nil {
			fault("query: %w", err)
		}
	}
	if c.Timeout <= 0 || c.Timeout.Std() > source.Patience {
		fault("timeout: must be above 0 and at most %v, got %v", scale.Duration(source.Patience), c.Timeout)
	}
	switch {
	case c.Range < 0:
		fault("range: must not be negative, got %v", c.Range)
	case c.Step < scale.Duration(time.Second):
		fault("step: must be at least 1s, got %v", c.Step)
	case c.Range > 0 && c.Range < c.Step, c.Range/c.Step > maxPoints:
		fault("range: must be 1 to %d times the step (%v), got %v", maxPoints, c.Step, c.Range)
	}
	if strings.ContainsFunc(c.Tenant, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		fault("tenant: must not hold control characters")
	}
	for name := range c.Headers {
		if c.Tenant != "" && http.CanonicalHeaderKey(name) == tenantHeader {
			fault("headers: %s: is set by tenant", name)
		}
	}
	return errors.Join(append(errs, c.Auth.Validate())...)
}
