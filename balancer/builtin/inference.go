package builtin

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Inference says which requests are measured as requests to language models.
type Inference struct {
	Paths []string `json:"paths,omitempty" jsonschema:"maxItems=32,description=Ends of the paths whose POST requests are measured; when empty those of OpenAI's API and Ollama's: /chat/completions /completions /api/chat /api/generate"`
}

// usualPaths are where servers that speak as OpenAI's, and Ollama, generate text.
func usualPaths() []string {
	return []string{"/chat/completions", "/completions", "/api/chat", "/api/generate"}
}

func (i *Inference) validate(f *faults) {
	if i == nil {
		return
	}
	for n, path := range i.Paths {
		if !strings.HasPrefix(path, "/") {
			f.add("inference.paths[%d]: must start with /, got %q", n, path)
		}
	}
}

// inferenceMeter measures requests to language models over the metric window. A
// nil one measures nothing.
type inferenceMeter struct {
	paths   []string
	running atomic.Int64 // requests that a replica answers
	first   *meter       // times to the first token
	tokens  *meter       // generated, as arrivals
}

func newInferenceMeter(cfg *Inference, window time.Duration, now time.Time) *inferenceMeter {
	if cfg == nil {
		return nil
	}
	m := &inferenceMeter{paths: cfg.Paths, first: newMeter(window, now), tokens: newMeter(window, now)}
	if len(m.paths) == 0 {
		m.paths = usualPaths()
	}
	return m
}

// begin returns what follows a request, nil where it is none to a model.
func (m *inferenceMeter) begin(r *http.Request, arrived time.Time) *generation {
	if m == nil || r.Method != http.MethodPost {
		return nil
	}
	for _, end := range m.paths {
		if strings.HasSuffix(r.URL.Path, end) {
			return &generation{meter: m, arrived: arrived}
		}
	}
	return nil
}

// samples are those of the target. A time to the first token without a request
// does not exist and is left out.
func (m *inferenceMeter) samples(now time.Time) []scale.Sample {
	if m == nil {
		return nil
	}
	tokens, first := m.tokens.read(now), m.first.read(now)
	out := []scale.Sample{
		tokens.sample(scale.TokensPerSecond, now, tokens.perSecond(tokens.arrived)),
		{Signal: scale.RunningRequests, At: now, Value: float64(m.running.Load())},
	}
	if first.latency.Count() > 0 {
		s := first.sample(scale.TimeToFirstToken, now, first.latency.Quantile(0.95))
		s.Distribution = first.latency
		out = append(out, s)
	}
	return out
}

// add counts what has arrived at once.
func (m *meter) add(now time.Time, n uint64) {
	m.mu.Lock()
	m.advance(now)
	m.slots[m.running].arrived += n
	m.mu.Unlock()
}
