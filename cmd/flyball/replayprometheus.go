package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/source/prometheus"
)

// prometheusPast are the flags about Prometheus.
type prometheusPast struct {
	server                    string
	namespace, deployment     string
	given                     replay.Queries
	step                      time.Duration
	tenant, tokenFile, caFile string

	own []string // names of the flags above but the first
}

// addPrometheus adds the flags.
func (p *prometheusPast) addPrometheus(flags *pflag.FlagSet) {
	flags.StringVar(&p.server, "prometheus", "", "`URL` of a Prometheus that recorded the service, in place of a record")
	own := pflag.NewFlagSet("prometheus", pflag.ContinueOnError)
	own.SortFlags = false
	own.StringVar(&p.namespace, "namespace", "", "Prometheus: namespace of the Deployment (default \"default\")")
	own.StringVar(&p.deployment, "deployment", "", "Prometheus: `NAME` of the Deployment; well-known metrics of it are tried in turn (docs/replay.md)")
	own.StringVar(&p.given.Rate, "rate-query", "", "Prometheus: `PromQL` of the requests per second")
	own.StringVar(&p.given.Errors, "error-query", "", "Prometheus: `PromQL` of the failures per second")
	own.StringVar(&p.given.Concurrency, "concurrency-query", "", "Prometheus: `PromQL` of the requests in progress")
	own.StringVar(&p.given.Latency, "latency-query", "", "Prometheus: `PromQL` of the mean latency in seconds, or of the rates of a histogram's buckets, sum by (le) (rate(…_bucket[1m]))")
	own.StringVar(&p.given.Replicas, "replicas-query", "", "Prometheus: `PromQL` of the number of replicas")
	own.StringVar(&p.given.CPU, "cpu-query", "", "Prometheus: `PromQL` of the CPU used by that requested, 0 to 1 and above")
	cli.DurationVar(own, &p.step, "step", time.Minute, "Prometheus: time between two values")
	own.StringVar(&p.tenant, "tenant", "", "Prometheus: tenant sent as X-Scope-OrgID")
	own.StringVar(&p.tokenFile, "token-file", "", "Prometheus: `FILE` that holds a bearer token")
	own.StringVar(&p.caFile, "ca-file", "", "Prometheus: `FILE` with the certificate that vouches for it (PEM)")
	own.VisitAll(func(flag *pflag.Flag) { p.own = append(p.own, flag.Name) })
	flags.AddFlagSet(own)
}

// aName is that of an object of Kubernetes: it goes into queries as it is.
var aName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// check reports flags that contradict each other.
func (p *prometheusPast) check(flags *pflag.FlagSet) error {
	if p.server == "" {
		if i := slices.IndexFunc(p.own, flags.Changed); i >= 0 {
			return fmt.Errorf("--%s: needs --prometheus", p.own[i])
		}
		return nil
	}
	var errs []error
	if _, err := webclient.ParseURL(p.server); err != nil {
		errs = append(errs, fmt.Errorf("--prometheus: %w", err))
	}
	if p.step < time.Second {
		errs = append(errs, fmt.Errorf("--step: must be 1s or more, got %v", p.step))
	}
	if p.deployment == "" && p.given.Rate == "" {
		errs = append(errs, errors.New("--prometheus: needs --deployment (with --namespace), or --rate-query"))
	}
	for _, one := range []struct{ flag, name string }{{"namespace", p.namespace}, {"deployment", p.deployment}} {
		if one.name != "" && !aName.MatchString(one.name) {
			errs = append(errs, fmt.Errorf("--%s: must be a name of Kubernetes such as shop-web, got %q", one.flag, cli.OneLine(one.name)))
		}
	}
	if counter(p.given.Rate) {
		errs = append(errs, fmt.Errorf("--rate-query: %s is a counter that only grows; ask for its rate, such as 'sum(rate(http_requests_total[1m]))'", p.given.Rate))
	}
	return errors.Join(errs...)
}

// ask reads the history of a Prometheus, with progress where it takes long.
func (f *pastFlags) ask(ctx context.Context, w replay.Window) (*replay.History, error) {
	now := clock.System.Now()
	if w.To.IsZero() || w.To.After(now) {
		w.To = now // Prometheus goes on with the last value for minutes
	}
	if w.From.IsZero() {
		if w.Last == 0 {
			w.Last = defaultPast
		}
		w.From = w.To.Add(-w.Last)
	}
	progress := cli.NewProgress(os.Stderr)
	defer progress.Done()
	past := replay.Past{
		Server: prometheus.History{
			Server: f.server, Tenant: f.tenant, Auth: webclient.Auth{BearerTokenFile: f.tokenFile, TLS: webclient.TLS{CAFile: f.caFile}},
			OnChunk: func(done, all int) {
				progress.Show(clock.System.Now().Sub(now), fmt.Sprintf("%s asking Prometheus, part %d of %d", bar(float64(done)/float64(all)), done, all))
			},
		},
		Namespace: f.namespace, Deployment: f.deployment, Given: f.given, From: w.From, To: w.To, Step: f.step,
	}
	if past.Deployment != "" && past.Namespace == "" {
		past.Namespace = "default"
	}
	h, err := replay.FromPrometheus(ctx, past)
	if err == nil && f.target != "" {
		h.Target = f.target
	}
	return h, err
}
