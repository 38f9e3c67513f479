package vector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/reading"
)

// qdrantReader reads one server of Qdrant: its own share, where it is one of a
// cluster.
type qdrantReader struct {
	*reading.Web
	cfg   Qdrant
	clock clock.Clock
}

// telemetry is what GET /telemetry of Qdrant answers with details_level=10, as
// far as it is of use.
type telemetry struct {
	Result *struct {
		Collections struct {
			Collections []struct {
				ID     string `json:"id"`
				Shards []struct {
					Local *struct {
						Segments []struct {
							Info segment `json:"info"`
						} `json:"segments"`
					} `json:"local"`
				} `json:"shards"`
			} `json:"collections"`
		} `json:"collections"`
	} `json:"result"`
}

type segment struct {
	Points *float64 `json:"num_points"`
	// Bytes are those of the vectors, as Qdrant estimates them; before version
	// 1.13 it does not.
	Bytes *float64 `json:"vectors_size_bytes"`
}

// Read asks for the collections, and for how long searches took.
func (r *qdrantReader) Read(ctx context.Context) (reading.Reading, error) {
	at, base := r.clock.Now(), strings.TrimSuffix(r.cfg.URL, "/")
	var told telemetry
	if _, err := r.JSON(ctx, base+"/telemetry?details_level=10", &told); err != nil {
		return reading.Reading{}, fmt.Errorf("qdrant: %w", err)
	}
	if told.Result == nil {
		return reading.Reading{}, fmt.Errorf("qdrant: %s/telemetry: without a result: is it Qdrant?", base)
	}
	parts := map[string]reading.Part{}
	for _, c := range told.Result.Collections.Collections {
		p := reading.NewPart(c.ID)
		for _, shard := range c.Shards {
			if shard.Local == nil {
				continue // another server has it
			}
			for _, s := range shard.Local.Segments {
				s.Info.addTo(p)
			}
		}
		parts[c.ID] = p
	}
	answer, err := r.Get(ctx, base+"/metrics", "text/plain;version=0.0.4")
	if err != nil {
		return reading.Reading{}, fmt.Errorf("qdrant: %w", err)
	}
	if err := searches(answer, parts); err != nil {
		return reading.Reading{}, fmt.Errorf("qdrant: %s/metrics: %s", base, webclient.Excerpt(answer.Redact(err.Error()), 200))
	}
	return reading.Bounded(at, parts), nil
}

func (s segment) addTo(p reading.Part) {
	if s.Points != nil {
		p.Values[reading.Points] += *s.Points
	}
	if s.Bytes != nil {
		p.Values[reading.IndexBytes] += *s.Bytes
	}
}

// searchPaths end the names of endpoints that search.
func searchPaths() []string {
	return []string{"/points/search", "/points/search/batch", "/points/search/groups", "/points/query", "/points/query/batch", "/points/query/groups",
		".Points/Search", ".Points/SearchBatch", ".Points/SearchGroups", ".Points/Query", ".Points/QueryBatch", ".Points/QueryGroups"}
}

func isSearch(endpoint string) bool {
	return slices.ContainsFunc(searchPaths(), func(end string) bool { return strings.HasSuffix(endpoint, end) })
}

// searches adds the durations of good searches, by REST and gRPC. They are of the
// server, which is the part without a name, unless it tells collections apart.
func searches(answer webclient.Answer, parts map[string]reading.Part) error {
	p, err := textparse.New(answer.Body, answer.Header.Get("Content-Type"), labels.NewSymbolTable(), textparse.ParserOptions{FallbackContentType: "text/plain"})
	if err != nil || p == nil {
		return fmt.Errorf("answered with %q, want text/plain", answer.Header.Get("Content-Type"))
	}
	// A histogram of each endpoint: their bounds differ, as empty buckets are
	// left out.
	apart := map[string]map[string]reading.Histogram{}
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			for collection, of := range apart {
				addSearches(parts, collection, of)
			}
			return nil
		case err != nil:
			return fmt.Errorf("not in the format that it claims: %w", err)
		case entry != textparse.EntrySeries:
			continue
		}
		_, _, number := p.Series()
		var l labels.Labels
		p.Labels(&l)
		base, end, ok := durations(l.Get(model.MetricNameLabel))
		if !ok || !isSearch(l.Get("endpoint")) || !good(l.Get("status")) {
			continue
		}
		collection := l.Get("collection")
		if apart[collection] == nil {
			apart[collection] = map[string]reading.Histogram{}
		}
		key := base + l.Get("method") + l.Get("endpoint") + l.Get("status")
		h, err := apart[collection][key].With(end, l.Get(labels.BucketLabel), number)
		if err != nil {
			return err
		}
		apart[collection][key] = h
	}
}

// durations splits the name of a series of the two histograms; it may begin with a
// prefix (metrics_prefix).
func durations(name string) (base, end string, ok bool) {
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(name, end)
		if cut && (strings.HasSuffix(base, "rest_responses_duration_seconds") || strings.HasSuffix(base, "grpc_responses_duration_seconds")) {
			return base, end, true
		}
	}
	return "", "", false
}

// good is a status that stands for an answer: 200 of REST, 0 of gRPC, none where
// older versions tell none.
func good(status string) bool { return status == "" || status == "200" || status == "0" }

func addSearches(parts map[string]reading.Part, collection string, of map[string]reading.Histogram) {
	p, there := parts[collection]
	if !there {
		p = reading.NewPart(collection)
		parts[collection] = p
	}
	sum := p.Durations[reading.SearchDuration]
	for _, h := range of {
		sum = sum.Plus(h)
	}
	p.Durations[reading.SearchDuration] = sum
}

// hostOf is the host and port of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return webclient.Excerpt(address, 80)
	}
	return u.Host + strings.TrimSuffix(u.Path, "/")
}
