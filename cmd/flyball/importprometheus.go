package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/prometheus"
	"github.com/flyball-io/flyball/workload"
)

// prometheusImport are the flags about Prometheus.
type prometheusImport struct {
	query, tenant, tokenFile, caFile string
	sum                              bool
}

func (p *prometheusImport) add(flags *pflag.FlagSet) {
	flags.StringVar(&p.query, "query", "", "Prometheus: PromQL of the requests per second, such as 'sum(rate(http_requests_total[1m]))'")
	flags.BoolVar(&p.sum, "sum", false, "Prometheus: add up the series that the query gives")
	flags.StringVar(&p.tenant, "tenant", "", "Prometheus: tenant sent as X-Scope-OrgID")
	flags.StringVar(&p.tokenFile, "token-file", "", "Prometheus: `FILE` that holds a bearer token")
	flags.StringVar(&p.caFile, "ca-file", "", "Prometheus: `FILE` with the certificate that vouches for it (PEM)")
}

func prometheusFlags() []string {
	return []string{"query", "sum", "tenant", "token-file", "ca-file"}
}

// defaultPast is how far back is asked for.
const defaultPast = 24 * time.Hour

func (f *importFlags) fromPrometheus(ctx context.Context) (made, error) {
	query, from, to, err := f.question()
	if err != nil {
		return made{}, cli.UsageError{Err: err}
	}
	progress := cli.NewProgress(os.Stderr)
	defer progress.Done()
	began := clock.System.Now()
	history := prometheus.History{
		Server: f.prometheus, Tenant: f.past.tenant,
		Auth: webclient.Auth{BearerTokenFile: f.past.tokenFile, TLS: webclient.TLS{CAFile: f.past.caFile}},
		OnChunk: func(done, all int) {
			progress.Show(clock.System.Now().Sub(began), fmt.Sprintf("%s part %d of %d", bar(float64(done)/float64(all)), done, all))
		},
	}
	all, err := history.Range(ctx, query, from, to, f.step)
	if err != nil {
		return made{}, err
	}
	one, err := prometheus.One(all)
	if err != nil {
		return made{}, fmt.Errorf("%w; --sum adds them up", err)
	}
	return f.madeOfSeries(one)
}

// question reads the flags; the step has a default that is set here.
func (f *importFlags) question() (query string, from, to time.Time, err error) {
	query = f.past.query
	if _, err := webclient.ParseURL(f.prometheus); err != nil {
		return "", from, to, fmt.Errorf("--from-prometheus: %w", err)
	}
	switch {
	case query == "":
		return "", from, to, errors.New("--query: must be given, such as 'sum(rate(http_requests_total[1m]))'")
	case counter(query):
		return "", from, to, fmt.Errorf("--query: %s is a counter that only grows; ask for its rate, such as 'sum(rate(http_requests_total[1m]))'", query)
	}
	if f.past.sum {
		query = "sum(\n" + query + "\n)" // the query may end in a comment
	}
	if !f.flags.Changed("step") {
		f.step = time.Minute
	}
	if from, to, err = f.span(); err != nil {
		return "", from, to, err
	}
	now := clock.System.Now()
	if to.IsZero() || to.After(now) {
		to = now // Prometheus goes on with the last value for minutes
	}
	if from.IsZero() {
		from = to.Add(-defaultPast)
	}
	if !from.Before(to) {
		return "", from, to, fmt.Errorf("--from: must be before --to, got %s and %s", stamp(from), stamp(to))
	}
	return query, from, to, nil
}

// counter reports whether a query asks for a counter itself instead of for how
// fast it grows.
func counter(query string) bool {
	return regexp.MustCompile(`_total\b`).MatchString(query) &&
		!slices.ContainsFunc([]string{"rate", "increase", "delta", "deriv"}, func(f string) bool { return strings.Contains(query, f) })
}

// madeOfSeries makes a trace: the value at an instant is that of the step
// before it, as a rate looks back.
func (f *importFlags) madeOfSeries(s prometheus.Series) (made, error) {
	starts, rates := make([]time.Duration, len(s.Points)), make([]float64, len(s.Points))
	for i, p := range s.Points {
		if p.Value < 0 {
			return made{}, fmt.Errorf("%s is %v at %s: a rate of requests must be 0 or more", s.Name(), p.Value, p.At.UTC().Format(time.RFC3339))
		}
		starts[i], rates[i] = p.At.Sub(s.Points[0].At), p.Value
	}
	trace, err := workload.FromRows("of Prometheus", starts, rates, 0)
	if err != nil {
		return made{}, err
	}
	m := madeOf(trace, "prometheus")
	if step := time.Duration(m.summary.StepSeconds * float64(time.Second)); step != f.step {
		return made{}, fmt.Errorf("there is no value at most of the steps of %v, the usual distance is %v: take a longer --step", f.step, step)
	}
	m.summary.Start = s.Points[0].At.Add(-f.step).UTC()
	m.summary.LeftOut = int64(s.NotFinite)
	return m, nil
}
