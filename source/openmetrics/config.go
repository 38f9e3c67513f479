package openmetrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

// What is made of a metric, and of the replicas' values.
const (
	Gauge    = "gauge"
	Rate     = "rate"
	Quantile = "quantile"

	Sum = "sum"
	Avg = "avg"
	Max = "max"
	Min = "min"

	// Fault and Ignore say what becomes of the total when a replica that takes
	// work cannot be read.
	Fault  = "fault"
	Ignore = "ignore"
)

// Config says what is read from each replica.
type Config struct {
	Metric    string  `json:"metric" jsonschema:"required,description=Name of the metric; of a histogram without _bucket"`
	Match     string  `json:"match,omitempty" jsonschema:"description=Which of its series as PromQL has it between the braces; all when empty"`
	As        string  `json:"as,omitempty" jsonschema:"description=gauge = the value itself; rate = growth of a counter per second; quantile = of a histogram over the time between two readings,enum=gauge,enum=rate,enum=quantile"`
	Quantile  float64 `json:"quantile,omitempty" jsonschema:"description=Which quantile,exclusiveMinimum=0,exclusiveMaximum=1"`
	Aggregate string  `json:"aggregate,omitempty" jsonschema:"description=How the series of a replica and then the replicas become one value; a quantile is that of all replicas together,enum=sum,enum=avg,enum=max,enum=min"`
	Missing   string  `json:"missing,omitempty" jsonschema:"description=What a replica that takes work and cannot be read does: fault = no value for the target; ignore = the value of the others,enum=fault,enum=ignore"`

	Scheme   string         `json:"scheme,omitempty" jsonschema:"description=http or https,enum=http,enum=https"`
	Port     int            `json:"port,omitempty" jsonschema:"description=Port of the metrics; that of the replica's requests when 0,minimum=0,maximum=65535"`
	Path     string         `json:"path,omitempty" jsonschema:"description=Path of the metrics"`
	Timeout  scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for reading one replica"`
	MaxBytes int64          `json:"maxBytes,omitempty" jsonschema:"description=Largest answer of a replica in bytes,minimum=1024"`
	webclient.Auth
}

// Default is everything but the metric.
func Default() Config {
	return Config{As: Gauge, Quantile: 0.95, Aggregate: Sum, Missing: Fault, Scheme: "http", Path: "/metrics",
		Timeout: scale.Duration(2 * time.Second), MaxBytes: 8 << 20}
}

// Validate reports every fault that can be seen without asking a replica.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !model.UTF8Validation.IsValidMetricName(c.Metric) {
		fault("metric: must name a metric, for example http_requests_total, got %q", webclient.Excerpt(c.Metric, 50))
	}
	if _, err := c.matchers(); err != nil {
		fault(`match: must be labels such as code=~"5..",method="GET": %s`, webclient.Excerpt(err.Error(), 200))
	}
	for _, e := range []struct {
		field, value string
		allowed      []string
	}{
		{"as", c.As, []string{Gauge, Rate, Quantile}}, {"aggregate", c.Aggregate, []string{Sum, Avg, Max, Min}},
		{"missing", c.Missing, []string{Fault, Ignore}}, {"scheme", c.Scheme, []string{"http", "https"}},
	} {
		if !slices.Contains(e.allowed, e.value) {
			fault("%s: must be one of %s, got %q", e.field, strings.Join(e.allowed, ", "), webclient.Excerpt(e.value, 50))
		}
	}
	if !(c.Quantile > 0 && c.Quantile < 1) {
		fault("quantile: must be above 0 and below 1, got %v", c.Quantile)
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port: must be 0 to 65535, got %d", c.Port)
	}
	if !strings.HasPrefix(c.Path, "/") {
		fault("path: must start with /, got %q", webclient.Excerpt(c.Path, 50))
	}
	if c.Timeout <= 0 {
		fault("timeout: must be above 0, got %v", c.Timeout)
	}
	if c.MaxBytes < 1024 {
		fault("maxBytes: must be at least 1024, got %d", c.MaxBytes)
	}
	return errors.Join(append(errs, c.Auth.Validate())...)
}

func (c Config) matchers() ([]*labels.Matcher, error) {
	if strings.TrimSpace(c.Match) == "" {
		return nil, nil
	}
	return parser.NewParser(parser.Options{}).ParseMetricSelector("{" + c.Match + "}")
}
