package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/flyball-io/flyball/source/prometheus"
)

// Past is what a Prometheus recorded of a service.
type Past struct {
	Server prometheus.History
	// Namespace and Deployment of a service on Kubernetes; empty: all queries
	// are given.
	Namespace, Deployment string
	// Given hold over what is derived.
	Given    Queries
	From, To time.Time
	Step     time.Duration
}

// mostSteps is how many instants of a past are kept.
const mostSteps = 200_000

// FromPrometheus reads the history of a service.
func FromPrometheus(ctx context.Context, p Past) (*History, error) {
	if n := p.To.Sub(p.From) / p.Step; n > mostSteps {
		return nil, fmt.Errorf("%v in steps of %v are %d values: at most %d; take a longer --step, or less of the past", p.To.Sub(p.From).Round(time.Second), p.Step, n, mostSteps)
	}
	a := &asked{Past: p, History: &History{Target: p.Deployment, Source: "Prometheus"}, values: map[string]map[time.Time]float64{}}
	if a.Target == "" {
		a.Target = "service"
	}
	if err := a.given(ctx); err != nil {
		return nil, err
	}
	if p.Deployment != "" {
		if err := a.derived(ctx); err != nil {
			return nil, err
		}
	}
	return a.assemble()
}

// What is asked for.
const (
	rate, failed, present, meanLatency, replicas, ready, existing, used = "rate", "errors", "concurrency", "latency", "replicas", "ready", "existing", "cpu"
)

// asked collects the answers.
type asked struct {
	Past
	*History
	values  map[string]map[time.Time]float64
	buckets map[time.Time]map[float64]float64
	window  time.Duration // of the rate
}

// given asks the given queries: each must have an answer.
func (a *asked) given(ctx context.Context) error {
	q := a.Given
	for _, one := range []struct{ what, flag, query string }{
		{rate, "rate-query", q.Rate}, {failed, "error-query", q.Errors}, {present, "concurrency-query", q.Concurrency},
		{replicas, "replicas-query", q.Replicas}, {used, "cpu-query", q.CPU},
	} {
		if one.query == "" {
			continue
		}
		if err := a.ask(ctx, one.what, one.query); err != nil {
			return fmt.Errorf("--%s: %w", one.flag, err)
		}
	}
	if q.Latency != "" {
		if err := a.askLatency(ctx, q.Latency); err != nil {
			return fmt.Errorf("--latency-query: %w", err)
		}
	}
	a.window = windowOf(q.Rate)
	if a.Deployment == "" && q.Rate == "" {
		return errors.New("--rate-query: must be given where no --deployment is")
	}
	return nil
}

var rangeSelector = regexp.MustCompile(`\[([0-9a-z]+)(:[0-9a-z]*)?\]`)

// windowOf is the first range of a query; 0 where there is none.
func windowOf(query string) time.Duration {
	found := rangeSelector.FindStringSubmatch(query)
	if found == nil {
		return 0
	}
	d, err := model.ParseDuration(found[1])
	if err != nil {
		return 0
	}
	return time.Duration(d)
}

// derived asks what is known of Deployments, where nothing is given.
func (a *asked) derived(ctx context.Context) error {
	window := max(a.Past.Step, time.Minute)
	if a.values[rate] == nil {
		if err := a.findRequests(ctx, window); err != nil {
			return err
		}
		a.window = window
	}
	q := workloadQueries(a.Namespace, a.Deployment, window)
	for _, one := range []struct{ what, query, without string }{
		{replicas, q.Replicas, "kube-state-metrics knows no such Deployment: what was really run is not known"}, {ready, q.Ready, ""}, {existing, q.Existing, ""},
		{used, q.CPU, "no CPU of its containers with requests: how much they use is assumed"},
	} {
		if a.values[one.what] != nil {
			continue
		}
		if err := a.tryTo(ctx, one.what, one.query, one.without); err != nil {
			return err
		}
	}
	return nil
}

// findRequests tries the known counters of requests one after the other.
func (a *asked) findRequests(ctx context.Context, window time.Duration) error {
	var tried []string
	for _, f := range families(a.Namespace, a.Deployment) {
		q, mean := f.queries(window)
		err := a.ask(ctx, rate, q.Rate)
		if errors.Is(err, prometheus.ErrNoSeries) {
			tried = append(tried, f.requests)
			continue
		}
		if err != nil {
			return err
		}
		a.Source = "Prometheus, " + f.requests
		a.Notes = append(a.Notes, "requests are those of "+f.requests)
		return a.findRest(ctx, q, mean, f)
	}
	return fmt.Errorf("no requests of Deployment %s in namespace %s were counted between %s and %s; tried:\n  %s\ngive --rate-query",
		a.Deployment, a.Namespace, stamp(a.From), stamp(a.To), strings.Join(tried, "\n  "))
}

// findRest asks what belongs to the counter that was found.
func (a *asked) findRest(ctx context.Context, q Queries, mean string, f family) error {
	if a.values[failed] == nil {
		if err := a.tryTo(ctx, failed, q.Errors, ""); err != nil {
			return err
		}
	}
	if a.values[present] == nil && q.Concurrency != "" {
		if err := a.tryTo(ctx, present, q.Concurrency, ""); err != nil {
			return err
		}
	}
	if a.Given.Latency != "" {
		return nil
	}
	if err := a.tryTo(ctx, meanLatency, mean, f.durations+" is not there: give --latency-query, or --service-mean"); err != nil {
		return err
	}
	err := a.askLatency(ctx, q.Latency)
	if errors.Is(err, prometheus.ErrNoSeries) {
		return nil
	}
	if f.unit != "" {
		a.inSeconds()
	}
	return err
}

// tryTo asks what need not be there.
func (a *asked) tryTo(ctx context.Context, what, query, without string) error {
	err := a.ask(ctx, what, query)
	if errors.Is(err, prometheus.ErrNoSeries) {
		if without != "" {
			a.Notes = append(a.Notes, without)
		}
		return nil
	}
	return err
}

// ask keeps the values of a query that gives one series.
func (a *asked) ask(ctx context.Context, what, query string) error {
	all, err := a.Server.Range(ctx, query, a.From, a.To, a.Past.Step)
	if err != nil {
		return err
	}
	one, err := prometheus.One(all)
	if err != nil {
		return err
	}
	return a.keep(what, one)
}

func (a *asked) keep(what string, s prometheus.Series) error {
	if s.NotFinite > 0 && what != meanLatency {
		a.Notes = append(a.Notes, fmt.Sprintf("%s: %d values were no numbers and count as missing", what, s.NotFinite))
	}
	values := map[time.Time]float64{}
	for _, p := range s.Points {
		if p.Value < 0 {
			return fmt.Errorf("%s is %v at %s: must be 0 or more", what, p.Value, stamp(p.At))
		}
		values[p.At] = p.Value
	}
	a.values[what] = values
	return nil
}

// askLatency keeps a mean, or the buckets of a histogram.
func (a *asked) askLatency(ctx context.Context, query string) error {
	all, err := a.Server.Range(ctx, query, a.From, a.To, a.Past.Step)
	if err != nil {
		return err
	}
	if _, histogram := all[0].Labels["le"]; !histogram {
		one, err := prometheus.One(all)
		if err != nil {
			return err
		}
		return a.keep(meanLatency, one)
	}
	a.buckets = map[time.Time]map[float64]float64{}
	seen := map[float64]bool{}
	for _, s := range all {
		le, err := strconv.ParseFloat(s.Labels["le"], 64)
		if err != nil || math.IsNaN(le) {
			return fmt.Errorf("%s: le must be the upper edge of a bucket in seconds, got %q", s.Name(), s.Labels["le"])
		}
		if seen[le] {
			return fmt.Errorf("several series have le=%q: add them up with sum by (le) (…)", s.Labels["le"])
		}
		seen[le] = true
		for _, p := range s.Points {
			if a.buckets[p.At] == nil {
				a.buckets[p.At] = map[float64]float64{}
			}
			a.buckets[p.At][le] = p.Value
		}
	}
	return nil
}

// inSeconds turns edges of milliseconds.
func (a *asked) inSeconds() {
	for at, by := range a.buckets {
		seconds := map[float64]float64{}
		for le, n := range by {
			seconds[le/1000] = n
		}
		a.buckets[at] = seconds
	}
}

// assemble makes moments of the answers, from the first instant with a rate to
// the last.
func (a *asked) assemble() (*History, error) {
	first, last := a.recordedSpan()
	if first.IsZero() || !last.After(first) {
		return nil, fmt.Errorf("the rate of requests has fewer than two values between %s and %s: %w", stamp(a.From), stamp(a.To), errNothing)
	}
	if late := first.Sub(a.From); late > 2*a.Past.Step+a.window {
		a.Notes = append(a.Notes, fmt.Sprintf("nothing was recorded before %s: the history begins there", stamp(first)))
	}
	var measured []time.Time
	var windows []time.Duration
	window := a.window
	if window == 0 {
		window = a.Past.Step
	}
	for at := first; !at.After(last); at = at.Add(a.Past.Step) {
		a.Moments = append(a.Moments, a.moment(at))
		measured, windows = append(measured, at), append(windows, window)
	}
	a.RateWindow, a.CPUWindow = window, max(a.Past.Step, time.Minute)
	a.settle(measured, windows)
	return a.History, nil
}

func (a *asked) recordedSpan() (first, last time.Time) {
	for at := range a.values[rate] {
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// moment is what was answered of an instant.
func (a *asked) moment(at time.Time) Moment {
	m := unknown(at)
	for _, one := range []struct {
		what string
		into *float64
	}{{rate, &m.Rate}, {failed, &m.Errors}, {present, &m.Concurrency}, {meanLatency, &m.Mean}, {replicas, &m.Asked}, {ready, &m.Ready}, {used, &m.CPU}} {
		if v, there := a.values[one.what][at]; there {
			*one.into = v
		}
	}
	if known(m.Rate) && !known(m.Errors) && a.values[failed] != nil {
		m.Errors = 0 // a counter of failures need not be there before the first
	}
	if !known(m.Ready) && a.values[ready] == nil {
		m.Ready = m.Asked
	}
	if n, there := a.values[existing][at]; there && known(m.Ready) {
		m.Starting, m.Terminating = math.Max(0, n-m.Ready), 0
	}
	if !known(m.Concurrency) && known(m.Rate, m.Mean) {
		m.Concurrency = m.Rate * m.Mean // Little's law
	}
	if by := a.buckets[at]; len(by) > 0 {
		m.Buckets = newBuckets(by)
		m.P50, m.P95, m.P99 = m.Buckets.Quantile(0.5), m.Buckets.Quantile(0.95), m.Buckets.Quantile(0.99)
	}
	return m
}

// Promise tells which requests are good, where only latencies were recorded:
// those that failed or took longer are not.
func (h *History) Promise(threshold time.Duration) {
	for i := range h.Moments {
		m := &h.Moments[i]
		if m.Buckets == nil {
			continue
		}
		late := m.Buckets.Above(threshold.Seconds())
		if m.Rate > 0 && m.Errors > 0 {
			late = math.Min(1, late+m.Errors/m.Rate)
		}
		m.NotGood = late
	}
}
