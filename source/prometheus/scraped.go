package prometheus

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/internal/webclient"
)

// Scraped is one target of a server, with the labels that the server gave it.
type Scraped struct {
	Labels map[string]string
	Up     bool // the last scrape succeeded
}

// Targets are those that the server scrapes, by the series "up" that it makes of
// each: Thanos, Mimir and VictoriaMetrics know it too.
func (c Config) Targets(ctx context.Context) ([]Scraped, error) {
	api := newAPI(c.Server, c.Tenant, c.Timeout.Std(), webclient.Options{Auth: c.Auth, MaxBytes: maxAnswer})
	a, err := api.ask(ctx, "query", "up", nil)
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	series, err := a.series()
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	all := make([]Scraped, 0, len(series))
	for _, s := range series {
		if s.Value != nil {
			all = append(all, Scraped{Labels: s.Metric, Up: s.Value.value != 0})
		}
	}
	return all, nil
}
