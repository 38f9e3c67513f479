package openmetrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

// accept asks for what can be read, the strict format first: its end mark
// shows whether an answer is complete.
const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

// maxCount is more than anything was ever counted.
const maxCount = 1e18

// reading is what one replica showed at one moment.
type reading struct {
	at time.Time
	// values holds the matching series, by their labels.
	values map[string]value
	known  bool // the metric is there, be it with other labels
}

// value is one series; of a histogram, one bucket with its upper bound.
type value struct {
	number float64
	bound  float64
}

// scrape reads one replica.
func (s *Source) scrape(ctx context.Context, r scale.Replica) (reading, error) {
	request, err := s.request(r)
	if err != nil {
		return reading{}, err
	}
	at := s.clock.Now()
	answer, err := s.client.Do(ctx, request)
	if err != nil {
		return reading{}, err
	}
	if answer.Status != http.StatusOK {
		return reading{}, fmt.Errorf("%s: answered %d: %s", webclient.Place(request.URL), answer.Status, webclient.Excerpt(answer.Redact(string(answer.Body)), 100))
	}
	read, err := s.wanted.read(answer.Body, answer.Header.Get("Content-Type"), at)
	if err != nil {
		return reading{}, fmt.Errorf("%s: %s", webclient.Place(request.URL), webclient.Excerpt(answer.Redact(err.Error()), 300))
	}
	return read, nil
}

func (s *Source) request(r scale.Replica) (*http.Request, error) {
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return nil, fmt.Errorf("address %q of the replica: %w", r.Address, err)
	}
	if s.cfg.Port > 0 {
		port = strconv.Itoa(s.cfg.Port)
	}
	path, query, _ := strings.Cut(s.cfg.Path, "?")
	u := url.URL{Scheme: s.cfg.Scheme, Host: net.JoinHostPort(host, port), Path: path, RawQuery: query}
	request, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept)
	return request, nil
}

// wanted is what is picked out of all that a replica shows.
type wanted struct {
	name    string // with _bucket where a histogram is wanted
	counter bool   // grows, and is never below 0
	buckets bool
	match   []*labels.Matcher
}

// read picks the wanted series out of a text.
func (w wanted) read(text []byte, contentType string, at time.Time) (reading, error) {
	p, err := textparse.New(text, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil || p == nil {
		return reading{}, fmt.Errorf("answered with %q, want text/plain or application/openmetrics-text", contentType)
	}
	read := reading{at: at, values: map[string]value{}}
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			return read, nil
		case err != nil:
			return reading{}, fmt.Errorf("not in the format that it claims: %w", err)
		case entry != textparse.EntrySeries:
			continue
		}
		if err := w.take(&read, p); err != nil {
			return reading{}, err
		}
	}
}

// take adds the current series of the parser if it is wanted.
func (w wanted) take(read *reading, p textparse.Parser) error {
	series, millis, number := p.Series()
	if !strings.HasPrefix(string(series), w.name) && series[0] != '{' {
		return nil // by far the most; their labels need not be read
	}
	var l labels.Labels
	p.Labels(&l)
	if l.Get(model.MetricNameLabel) != w.name {
		return nil
	}
	read.known = true
	for _, m := range w.match {
		if !m.Matches(l.Get(m.Name)) {
			return nil
		}
	}
	if math.IsNaN(number) || math.IsInf(number, 0) || (w.counter && !(number >= 0 && number <= maxCount)) {
		return fmt.Errorf("%s is %v, which is no number that it can have", webclient.Excerpt(l.String(), 100), number)
	}
	v := value{number: number}
	if w.buckets {
		var err error
		if v.bound, err = strconv.ParseFloat(l.Get(labels.BucketLabel), 64); err != nil || math.IsNaN(v.bound) {
			return fmt.Errorf("%s: the bound of the bucket is no number", webclient.Excerpt(l.String(), 100))
		}
	}
	key := l.String()
	if _, twice := read.values[key]; twice {
		return fmt.Errorf("%s is there twice", webclient.Excerpt(key, 100))
	}
	read.values[key] = v
	if millis != nil && *millis > 0 {
		if dated := time.UnixMilli(*millis); dated.Before(read.at) {
			read.at = dated
		}
	}
	return nil
}
