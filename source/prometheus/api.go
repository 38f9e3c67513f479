package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/webclient"
)

const (
	tenantHeader = "X-Scope-Orgid"
	// longQuery is the length from which on a query is sent in the body:
	// servers and proxies bound the length of addresses.
	longQuery = 2000
)

// api is the HTTP API of one server.
type api struct {
	server, tenant string
	timeout        time.Duration
	client         *webclient.Client
}

func newAPI(server, tenant string, timeout time.Duration, opts webclient.Options) api {
	opts.Timeout, opts.Client = timeout, calls.Prometheus
	return api{server: server, tenant: tenant, timeout: timeout, client: webclient.New(opts)}
}

// ask sends one query to an end point of the API.
func (p api) ask(ctx context.Context, endpoint, query string, values url.Values) (*answer, error) {
	if values == nil {
		values = url.Values{}
	}
	values.Set("query", query)
	values.Set("timeout", strconv.FormatFloat(p.timeout.Seconds(), 'f', 3, 64))
	values.Set("partial_response", "false") // Thanos: a sum over what could be had is no sum
	r, err := p.request(endpoint, values)
	if err != nil {
		return nil, err
	}
	response, err := p.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	a, err := read(response)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, webclient.Place(r.URL), err)
	}
	return a, nil
}

func (p api) request(endpoint string, values url.Values) (*http.Request, error) {
	u, err := url.Parse(p.server)
	if err != nil {
		return nil, errors.New("server: is no address")
	}
	u = u.JoinPath("api/v1", endpoint)
	var r *http.Request
	if encoded := values.Encode(); len(encoded) > longQuery {
		if r, err = http.NewRequest(http.MethodPost, u.String(), strings.NewReader(encoded)); err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	} else {
		u.RawQuery = encoded
		r, err = http.NewRequest(http.MethodGet, u.String(), nil)
	}
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if p.tenant != "" {
		r.Header.Set(tenantHeader, p.tenant)
	}
	return r, nil
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
