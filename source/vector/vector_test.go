package vector

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

func file(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// qdrant answers paths with texts.
func qdrant(t testing.TB, texts map[string]string) reading.Reader {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := texts[r.URL.Path]
		if !there || (r.URL.Path == "/telemetry" && r.URL.Query().Get("details_level") != "10") {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return readerOf(t, Server{Qdrant: &Qdrant{URL: s.URL + "/"}})
}

func readerOf(t testing.TB, s Server) reading.Reader {
	t.Helper()
	s.Timeout = scale.Duration(source.Patience)
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(s, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// The searches of REST and gRPC together: 40 of the latter are below 5 ms, so they
// are also below 10 and 100; answers of 404 and writes do not count.
func TestQdrant(t *testing.T) {
	got, err := qdrant(t, map[string]string{"/telemetry": file(t, "telemetry-1.16.json"), "/metrics": file(t, "metrics-1.16.txt")}).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []reading.Part{
		{Name: "", Durations: map[string]reading.Histogram{reading.SearchDuration: {
			Buckets: map[float64]uint64{0.001: 10, 0.005: 10 + 40, 0.01: 90 + 40, 0.1: 100 + 40}, Count: 150, Sum: 0.75}}},
		{Name: "docs", Values: map[string]float64{reading.Points: 7500, reading.IndexBytes: 23040000}},
		{Name: "faces", Values: map[string]float64{reading.Points: 12}},
	}
	if diff := cmp.Diff(want, got.Parts, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestQdrantThatFails(t *testing.T) {
	good, metrics := file(t, "telemetry-1.16.json"), file(t, "metrics-1.16.txt")
	for name, c := range map[string]struct {
		texts map[string]string
		says  string
	}{
		"no telemetry":       {map[string]string{"/metrics": metrics}, "answered 404"},
		"no metrics":         {map[string]string{"/telemetry": good}, "answered 404"},
		"another server":     {map[string]string{"/telemetry": "{}", "/metrics": metrics}, "is it Qdrant?"},
		"a login page":       {map[string]string{"/telemetry": "<html>", "/metrics": metrics}, "not the JSON"},
		"broken metrics":     {map[string]string{"/telemetry": good, "/metrics": "rest_responses{"}, "not in the format"},
		"a negative counter": {map[string]string{"/telemetry": good, "/metrics": `rest_responses_duration_seconds_count{endpoint="/points/search"} -1` + "\n"}, "no number that it can have"},
	} {
		if got, err := qdrant(t, c.texts).Read(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) || len(got.Parts) > 0 {
			t.Errorf("%s: got %+v, %v; want an error that says %q", name, got, err, c.says)
		}
	}
}

func TestWhatADocumentMayNotSay(t *testing.T) {
	few, many := 10, 5000
	for says, change := range map[string]func(*Config){
		"exactly one of qdrant and pgvector must be given": func(c *Config) { c.Qdrant = nil },
		"qdrant.url: must be http://host:port":             func(c *Config) { c.Qdrant.URL = "qdrant" },
		"pgvector.address: must be postgres://":            func(c *Config) { c.Qdrant, c.PGVector = nil, &PGVector{Address: "db:5432", Neighbours: &few} },
		"pgvector.address: must not hold a password":       func(c *Config) { c.Qdrant, c.PGVector = nil, &PGVector{Address: "postgres://me:secret@db/x"} },
		"pgvector.neighbours: must be 0 to 1000, got 5000": func(c *Config) { c.Qdrant, c.PGVector = nil, &PGVector{Address: "postgres://db/x", Neighbours: &many} },
		"pgvector.password: at most one of": func(c *Config) {
			c.Qdrant, c.PGVector = nil, &PGVector{Address: "postgres://db/x", Password: "a", PasswordFile: "b"}
		},
		"timeout: must be above 0":                        func(c *Config) { c.Timeout = 0 },
		"window: must be 1s to 1h":                        func(c *Config) { c.Window = 0 },
		"measure: must be one of indexBytes, points":      func(c *Config) { c.Measure = "size" },
		`the name "size" does not say what is measured: `: func(*Config) {},
	} {
		cfg := Default()
		cfg.Qdrant = &Qdrant{URL: "http://127.0.0.1:6333"}
		change(&cfg)
		if _, err := New("size", cfg, source.Env{Clock: clock.System}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
}

func TestEndpointsHaveNoUser(t *testing.T) {
	for want, s := range map[string]Server{
		"db:5432/shop":   {PGVector: &PGVector{Address: "postgres://me@db:5432/shop?sslmode=disable"}},
		"127.0.0.1:6333": {Qdrant: &Qdrant{URL: "http://127.0.0.1:6333/"}},
	} {
		if got := s.Endpoint(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
