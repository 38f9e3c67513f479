package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
)

// Prometheus is a server that answers queries.
type Prometheus struct {
	URL     string
	Version string
	// Series are counters and histograms that look like requests, the most
	// likely first.
	Series []Series
}

// Series is a metric of one job that looks like requests or their duration.
type Series struct {
	Metric  string
	Job     string
	Latency bool // a histogram of durations in seconds; else a counter of requests
	// Instances are where it is scraped, host:port.
	Instances []string
	// Interval is how often; 0 when the server does not say.
	Interval time.Duration
}

// errNoPrometheus: what answers is something else.
var errNoPrometheus = errors.New("is no Prometheus")

// AskPrometheus says what a server knows.
func AskPrometheus(ctx context.Context, server string) (Prometheus, error) {
	p := Prometheus{URL: strings.TrimRight(server, "/")}
	client := httpClient()
	client.Timeout = 5 * time.Second
	healthy, err := get(ctx, client, p.URL, "/-/healthy")
	if err != nil {
		return p, err
	}
	if healthy.status != http.StatusOK {
		return p, fmt.Errorf("%s: %w (/-/healthy answers %d)", p.URL, errNoPrometheus, healthy.status)
	}
	var build struct{ Version string }
	if err := p.ask(ctx, client, "/api/v1/status/buildinfo", &build); err != nil {
		return p, fmt.Errorf("%s: %w: %w", p.URL, errNoPrometheus, err)
	}
	if !version.MatchString(build.Version) {
		return p, fmt.Errorf("%s: %w (it says that it has version %.60q)", p.URL, errNoPrometheus, build.Version)
	}
	p.Version = build.Version
	return p, p.findSeries(ctx, client)
}

// What a server says of itself is shown and written down: it must look like
// what it is said to be. Names of metrics go into queries as they are.
var (
	version    = regexp.MustCompile(`^[0-9A-Za-z.+_-]{1,40}$`)
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$`)
)

// ask reads the data of an answer.
func (p *Prometheus) ask(ctx context.Context, client *http.Client, path string, into any) error {
	a, err := get(ctx, client, p.URL, path)
	if err != nil {
		return err
	}
	var said struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(a.body, &said); err != nil || said.Status != "success" {
		return fmt.Errorf("%s%s: answers %d: %s", p.URL, path, a.status, cli.OneLine(said.Error))
	}
	return json.Unmarshal(said.Data, into)
}

// mostMetrics is how many metrics are looked at closely.
const mostMetrics = 12

// findSeries looks for metrics that count requests or time them.
func (p *Prometheus) findSeries(ctx context.Context, client *http.Client) error {
	var names []string
	if err := p.ask(ctx, client, "/api/v1/label/__name__/values", &names); err != nil {
		return err
	}
	intervals := p.intervals(ctx, client)
	names = slices.DeleteFunc(names, func(n string) bool { return likeness(n) == 0 || !metricName.MatchString(n) })
	slices.SortStableFunc(names, func(a, b string) int { return likeness(b) - likeness(a) })
	for _, name := range names[:min(len(names), mostMetrics)] {
		var found []map[string]string
		if err := p.ask(ctx, client, "/api/v1/series?match[]="+url.QueryEscape(name), &found); err != nil {
			return err
		}
		p.addSeries(name, found, intervals)
	}
	return nil
}

// addSeries adds a metric once for each job that has it.
func (p *Prometheus) addSeries(name string, found []map[string]string, intervals map[string]time.Duration) {
	for _, labels := range found {
		job, instance := labels["job"], labels["instance"]
		i := slices.IndexFunc(p.Series, func(s Series) bool { return s.Metric == name && s.Job == job })
		if i < 0 {
			i = len(p.Series)
			p.Series = append(p.Series, Series{Metric: name, Job: job, Latency: strings.HasSuffix(name, "_bucket"), Interval: intervals[job]})
		}
		if s := &p.Series[i]; !slices.Contains(s.Instances, instance) {
			s.Instances = append(s.Instances, instance)
		}
	}
}

// intervals is how often each job is scraped; nothing where the server does
// not say.
func (p *Prometheus) intervals(ctx context.Context, client *http.Client) map[string]time.Duration {
	var targets struct {
		ActiveTargets []struct {
			Labels         map[string]string
			ScrapeInterval string
		}
	}
	found := map[string]time.Duration{}
	if err := p.ask(ctx, client, "/api/v1/targets?state=active", &targets); err != nil {
		return found
	}
	for _, t := range targets.ActiveTargets {
		if d, err := scale.ParseDuration(t.ScrapeInterval); err == nil {
			found[t.Labels["job"]] = max(found[t.Labels["job"]], d.Std())
		}
	}
	return found
}

// likeness says how much a name looks like requests of users; 0: not at all.
func likeness(name string) int {
	counts := strings.HasSuffix(name, "requests_total") || strings.HasSuffix(name, "request_total") ||
		strings.HasSuffix(name, "requests_count") || strings.HasSuffix(name, "request_duration_seconds_count")
	times := strings.HasSuffix(name, "_bucket") && strings.Contains(name, "request") &&
		(strings.Contains(name, "duration_seconds") || strings.Contains(name, "latency_seconds"))
	if !counts && !times {
		return 0
	}
	score := 1
	if strings.Contains(name, "http") {
		score += 2
	}
	for _, own := range []string{"prometheus_", "promhttp_", "go_", "net_conntrack", "alertmanager_", "grafana_", "node_"} {
		if strings.HasPrefix(name, own) {
			return 0 // the server's own, or a tool's
		}
	}
	if counts {
		score++
	}
	if strings.HasSuffix(name, "_total") {
		score++ // made for counting, not a by-product of a histogram
	}
	return score
}

// Of are the series of the service on a port of this machine, the most likely
// first; where none names the port, those of the only job there is.
func (p *Prometheus) Of(port int) []Series {
	suffix := ":" + strconv.Itoa(port)
	ours := slices.DeleteFunc(slices.Clone(p.Series), func(s Series) bool {
		return !slices.ContainsFunc(s.Instances, func(i string) bool { return strings.HasSuffix(i, suffix) })
	})
	if len(ours) > 0 {
		return ours
	}
	jobs := map[string]bool{}
	for _, s := range p.Series {
		jobs[s.Job] = true
	}
	if len(jobs) == 1 {
		return p.Series
	}
	return nil
}

// Query is PromQL for one number: requests per second, or the 95th percentile
// of their duration.
func (s Series) Query() string {
	// A rate needs at least two scrapes in its range, also when one is lost.
	window := scale.Duration(max(time.Minute, 4*s.Interval))
	selector := s.Metric
	if s.Job != "" {
		selector += "{job=" + strconv.Quote(s.Job) + "}"
	}
	if s.Latency {
		return fmt.Sprintf("histogram_quantile(0.95, sum by (le) (rate(%s[%v])))", selector, window)
	}
	return fmt.Sprintf("sum(rate(%s[%v]))", selector, window)
}
