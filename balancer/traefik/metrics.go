package traefik

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// Names of Traefik's metrics. Those of the router are of whole requests as the
// client saw them; those of the service would count each try, and not what was
// refused before.
const (
	requestsName = "traefik_router_requests_total"
	sumName      = "traefik_router_request_duration_seconds_sum"
	bucketName   = "traefik_router_request_duration_seconds_bucket"
	openName     = "traefik_open_connections"
	upName       = "traefik_service_server_up"
	startedName  = "process_start_time_seconds"
	reloadsName  = "traefik_config_reloads_total"
)

// maxCount is more than anything was ever counted.
const maxCount = 1e15

// outcome is how a request ended.
type outcome int

const (
	answered outcome = iota
	failed           // 5xx, or what gRPC has for it
	gone             // the client went away
	outcomes
)

// snapshot is what Traefik had counted at one moment, since it started.
type snapshot struct {
	at      time.Time
	started float64 // another one after a restart
	counted
	open float64         // clients' connections
	down map[string]bool // URLs of servers that fail their check
}

// counted is what rises.
type counted struct {
	requests [outcomes]float64
	seconds  float64
	// upTo are the requests by the upper bound of their time, those below
	// included.
	upTo [outcomes]map[float64]float64
}

// errNoConfiguration is what Traefik's 404 means until it has its first one.
var errNoConfiguration = errors.New("no configuration in Traefik yet, or no metrics there")

// readMetrics asks Traefik for its metrics.
func (p *Plane) readMetrics(ctx context.Context) (snapshot, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.cfg.Metrics.URL, nil)
	if err != nil {
		return snapshot{}, err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	at := p.clk.Now()
	answer, err := p.client.Do(ctx, request)
	if err != nil {
		return snapshot{}, err
	}
	if answer.Status == http.StatusNotFound {
		return snapshot{}, fmt.Errorf("%s answered 404: %w", p.cfg.Metrics.URL, errNoConfiguration)
	}
	if answer.Status != http.StatusOK {
		return snapshot{}, fmt.Errorf("%s answered %d", p.cfg.Metrics.URL, answer.Status)
	}
	s, err := parse(answer.Body, answer.Header.Get("Content-Type"), p.config())
	if err != nil {
		return snapshot{}, fmt.Errorf("metrics of Traefik: %w", err)
	}
	s.at = at
	return s, nil
}

// parse reads what concerns the service out of all metrics.
func parse(text []byte, contentType string, cfg Config) (snapshot, error) {
	s := snapshot{down: map[string]bool{}}
	for i := range s.upTo {
		s.upTo[i] = map[float64]float64{}
	}
	lines, err := textparse.New(text, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil || lines == nil {
		return s, fmt.Errorf("answered with %q, want text/plain", contentType)
	}
	traefik := false
	for {
		entry, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF) && !traefik:
			return s, fmt.Errorf("there is no %s: they are not Traefik's", reloadsName)
		case errors.Is(err, io.EOF):
			return s, nil
		case err != nil:
			return s, err
		case entry != textparse.EntrySeries:
			continue
		}
		series, _, value := lines.Series()
		if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 || value > maxCount {
			continue
		}
		name, _, _ := bytes.Cut(series, []byte("{"))
		switch string(name) {
		case reloadsName:
			traefik = true
		case startedName:
			s.started = value
		case requestsName, sumName, bucketName, openName, upName:
			var l labels.Labels
			lines.Labels(&l)
			if err := s.take(string(name), l, value, cfg); err != nil {
				return s, err
			}
		}
	}
}

// take adds one series.
func (s *snapshot) take(name string, l labels.Labels, value float64, cfg Config) error {
	switch name {
	case openName:
		if slices.Contains(cfg.Route.EntryPoints, l.Get("entrypoint")) {
			s.open += value
		}
		return nil
	case upName:
		if service, _, _ := strings.Cut(l.Get("service"), "@"); service == cfg.Service && value == 0 {
			s.down[l.Get("url")] = true
		}
		return nil
	}
	router, _, _ := strings.Cut(l.Get("router"), "@")
	if protocol := l.Get("protocol"); router != cfg.Service || protocol == "websocket" || protocol == "sse" {
		return nil
	}
	how := outcomeOf(l.Get("protocol"), l.Get("code"))
	switch name {
	case requestsName:
		s.requests[how] += value
	case sumName:
		s.seconds += value
	case bucketName:
		bound, err := strconv.ParseFloat(l.Get(labels.BucketLabel), 64)
		if err != nil || math.IsNaN(bound) {
			return fmt.Errorf("bucket %q has no bound", l.String())
		}
		s.upTo[how][bound] += value
	}
	return nil
}

// clientGone is the status Traefik notes for a client that went away.
const clientGone = "499"

// outcomeOf reads a status: of HTTP, or of gRPC (unknown, deadline exceeded,
// internal, unavailable, data loss).
func outcomeOf(protocol, code string) outcome {
	switch {
	case strings.HasPrefix(protocol, "grpc"):
		if slices.Contains([]string{"2", "4", "13", "14", "15"}, code) {
			return failed
		}
	case code == clientGone:
		return gone
	case len(code) == 3 && code[0] == '5':
		return failed
	}
	return answered
}

// since is what was counted after before.
func (c counted) since(before counted) counted {
	out := counted{seconds: max(0, c.seconds-before.seconds)}
	for how := range outcomes {
		out.requests[how] = max(0, c.requests[how]-before.requests[how])
		out.upTo[how] = map[float64]float64{}
		for bound, n := range c.upTo[how] {
			out.upTo[how][bound] = max(0, n-before.upTo[how][bound])
		}
	}
	return out
}

// bucket holds requests that took more than low and at most high seconds.
type bucket struct{ low, high, n float64 }

// buckets turn "up to this bound" into "between this bound and the one before".
// Of what is above the last no more is known than that.
func (c counted) buckets(how outcome) []bucket {
	var out []bucket
	low, below := 0.0, 0.0
	for _, bound := range slices.Sorted(maps.Keys(c.upTo[how])) {
		n := c.upTo[how][bound]
		high := bound
		if math.IsInf(bound, 1) {
			high = low
		}
		out = append(out, bucket{low, high, max(0, n-below)})
		low, below = high, max(below, n)
	}
	return out
}
