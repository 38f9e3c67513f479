package builtin

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"time"
)

const (
	// longestLine of a stream is looked at, and longestAnswer of one that comes
	// whole. Of what is longer tokens are not known; it is passed on all the same.
	longestLine   = 64 << 10
	longestAnswer = 256 << 10
)

// generation follows one request to a language model: it reads along what passes
// to the client and changes nothing. One goroutine uses it.
type generation struct {
	meter   *inferenceMeter
	arrived time.Time

	sent    bool // a replica has it
	form    form // of the answer
	text    []byte
	long    bool // the line, or the answer, is too long to be kept
	begun   bool // the first token was seen
	counted float64
}

// form is how an answer comes.
type form int

const (
	opaque form = iota // nothing is known: compressed, an error, something else
	events             // text/event-stream, a line `data: {…}` for each chunk
	lines              // a JSON object a line, as Ollama
	whole              // one JSON object
)

// chunk is a piece of an answer, or all of it, as OpenAI's chat completions,
// its completions, and Ollama have it.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content          string            `json:"content"`
			ReasoningContent string            `json:"reasoning_content"` // of models that think first
			Reasoning        string            `json:"reasoning"`         // the same of newer vLLM
			ToolCalls        []json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
		Text string `json:"text"`
	} `json:"choices"`
	// Usage comes with the last chunk where the client asks for it
	// (stream_options.include_usage), and with every answer that comes whole.
	Usage *struct {
		Completion float64 `json:"completion_tokens"`
	} `json:"usage"`

	Message struct {
		Content  string `json:"content"`
		Thinking string `json:"thinking"`
	} `json:"message"`
	Response  string  `json:"response"`
	EvalCount float64 `json:"eval_count"`
}

// handed notes that a replica has the request.
func (g *generation) handed() {
	if g != nil && !g.sent {
		g.sent = true
		g.meter.running.Add(1)
	}
}

// ended notes that the exchange is over.
func (g *generation) ended() {
	if g != nil && g.sent {
		g.meter.running.Add(-1)
	}
}

// answers notes what kind of answer comes.
func (g *generation) answers(response *http.Response) {
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != "" {
		return
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch kind {
	case "text/event-stream":
		g.form = events
	case "application/x-ndjson":
		g.form = lines
	case "application/json":
		g.form = whole
	}
}

// see reads along what came at a time.
func (g *generation) see(p []byte, now time.Time) {
	switch g.form {
	case opaque:
	case whole:
		g.keep(p, longestAnswer)
	default:
		for len(p) > 0 {
			line, rest, ended := bytes.Cut(p, []byte("\n"))
			g.keep(line, longestLine)
			if p = rest; ended {
				g.line(now)
			}
		}
	}
}

func (g *generation) keep(p []byte, most int) {
	if g.long = g.long || len(g.text)+len(p) > most; g.long {
		g.text = g.text[:0]
		return
	}
	g.text = append(g.text, p...)
}

// line takes the line that is complete.
func (g *generation) line(now time.Time) {
	text, long := bytes.TrimSpace(g.text), g.long
	g.text, g.long = g.text[:0], false
	if g.form == events {
		var data bool
		if text, data = bytes.CutPrefix(text, []byte("data:")); !data {
			return
		}
	}
	var c chunk
	if long || json.Unmarshal(text, &c) != nil {
		return // [DONE], a comment, or no chunk that is known
	}
	if c.holdsText() && !g.begun {
		g.begun = true
		g.meter.first.answer(now, outcome{latency: now.Sub(g.arrived)})
	}
	g.count(c, now)
}

// holdsText reports whether a chunk brings tokens, and is not the beginning
// (`role`) or the end of the answer.
func (c chunk) holdsText() bool {
	for _, choice := range c.Choices {
		if d := choice.Delta; d.Content+d.ReasoningContent+d.Reasoning+choice.Text != "" || len(d.ToolCalls) > 0 {
			return true
		}
	}
	return c.Message.Content != "" || c.Message.Thinking != "" || c.Response != ""
}

// count counts tokens as they come: each chunk as one, as servers send them one
// by one, and by what the server says once it says a number.
func (g *generation) count(c chunk, now time.Time) {
	total := g.counted
	switch {
	case c.Usage != nil:
		total = max(total, c.Usage.Completion)
	case c.EvalCount > 0:
		total = max(total, c.EvalCount)
	case c.holdsText() && g.form != whole:
		total++
	}
	if n := total - g.counted; n > 0 && n < 1e9 {
		g.counted = total
		g.meter.tokens.add(now, uint64(n))
	}
}

// complete takes an answer that came whole.
func (g *generation) complete(now time.Time) {
	var c chunk
	if g.form == whole && !g.long && json.Unmarshal(g.text, &c) == nil {
		g.count(c, now)
	}
	g.form = opaque
}
