package inference

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/load/pace"
)

// Kinds of failures beside those of package load.
const (
	brokenOff   = "broken_off"   // the stream ended before it said so
	notStreamed = "not_streamed" // the answer is no stream of events
	noTokens    = "no_tokens"    // it ended properly, without any
	serverError = "server_error" // the stream told of an error
)

// outcome is what became of one request; times count from when it was meant to
// be asked.
type outcome struct {
	lag, first, latency time.Duration
	perToken            time.Duration // between two tokens on average; 0 where there is one
	between             []time.Duration
	prompt, generated   int64
	asked               int
	counted             bool // the server told how many tokens
	failure             string
	said                string // by the server, about the failure
}

// question is the body of a request.
type question struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages,omitempty"`
	Prompt        string         `json:"prompt,omitempty"`
	MaxTokens     int            `json:"max_tokens"`
	Stream        bool           `json:"stream"`
	StreamOptions map[string]any `json:"stream_options"`
	IgnoreEOS     bool           `json:"ignore_eos,omitempty"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// question makes the request of a turn.
func (r *run) question(ctx context.Context, number int) (request *http.Request, asked int, err error) {
	rng := rand.New(rand.NewPCG(r.Seed, uint64(number)))
	length, asked := r.Lengths.of(number, rng)
	q := question{Model: r.Model, MaxTokens: asked, Stream: true, StreamOptions: map[string]any{"include_usage": true}, IgnoreEOS: r.IgnoreEOS}
	path := "/chat/completions"
	if text := prompt(length, rng); r.API == Completions {
		path, q.Prompt = "/completions", text
	} else {
		q.Messages = []message{{"user", text}}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, 0, err
	}
	request, err = http.NewRequestWithContext(ctx, http.MethodPost, r.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	r.headers(request)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	return request, asked, nil
}

func (o Options) headers(request *http.Request) {
	request.Header.Set("User-Agent", "flyball-load")
	for name, values := range o.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if o.Key != "" {
		request.Header.Set("Authorization", "Bearer "+o.Key.Reveal())
	}
}

// ask asks once and reads the answer to its end.
func (r *run) ask(ctx context.Context, t pace.Turn) outcome {
	o := outcome{lag: r.since(t)}
	ctx, cancel := context.WithDeadline(ctx, t.Intended.Add(r.Timeout))
	defer cancel()
	request, asked, err := r.question(ctx, t.Number)
	if err != nil {
		o.failure, o.said = "other", err.Error()
		return o
	}
	o.asked = asked
	response, err := r.Transport.RoundTrip(request)
	if err != nil {
		o.failure, o.latency = load.FailureOf(ctx, err, "reset"), r.since(t)
		return o
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		o.failure, o.said = fmt.Sprintf("http_%d", response.StatusCode), r.excerpt(response.Body)
	} else if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		o.failure, o.said = notStreamed, fmt.Sprintf("Content-Type is %q", kind)
	} else if err := r.listen(response.Body, t, &o); err != nil {
		o.failure = load.FailureOf(ctx, err, brokenOff)
	}
	if o.latency == 0 {
		o.latency = r.since(t)
	}
	return o
}

func (r *run) since(t pace.Turn) time.Duration { return r.Pace.Clock.Now().Sub(t.Intended) }

// excerpt is the beginning of what a server says about a failure, without the
// key.
func (r *run) excerpt(body io.Reader) string {
	said, _ := io.ReadAll(io.LimitReader(body, 4<<10))
	return r.discreet(string(said))
}

func (r *run) discreet(text string) string {
	if r.Key != "" {
		text = strings.ReplaceAll(text, r.Key.Reveal(), "(hidden)")
	}
	return webclient.Excerpt(text, 200)
}

// chunk is one event of a stream.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content          string `json:"content"`
			ReasoningContent string `json:"reasoning_content"` // of models that think first
			Reasoning        string `json:"reasoning"`
		} `json:"delta"`
		Text         string `json:"text"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt    int64 `json:"prompt_tokens"`
		Generated int64 `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// listen reads a stream to its end. An error is of the connection; what is wrong
// with the answer is its failure.
func (r *run) listen(body io.Reader, t pace.Turn, o *outcome) error {
	var last time.Duration
	pieces, finished := int64(0), false
	lines := newEvents(body)
	for {
		data, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if string(data) == "[DONE]" {
			finished, o.latency = true, r.since(t)
			lines.drain()
			break
		}
		var c chunk
		if err := json.Unmarshal(data, &c); err != nil {
			o.failure, o.said = serverError, r.discreet(string(data))
			return nil
		}
		if len(c.Error) > 0 && string(c.Error) != "null" {
			o.failure, o.said = serverError, r.discreet(string(c.Error))
			return nil
		}
		if c.Usage != nil {
			o.prompt, o.generated, o.counted = c.Usage.Prompt, c.Usage.Generated, true
		}
		for _, choice := range c.Choices {
			finished = finished || choice.FinishReason != ""
			if d := choice.Delta; d.Content+d.ReasoningContent+d.Reasoning+choice.Text == "" {
				continue
			}
			now := r.since(t)
			if pieces++; pieces == 1 {
				o.first = now
			} else {
				o.between = append(o.between, now-last)
			}
			last = now
		}
	}
	switch {
	case !finished:
		o.failure = brokenOff
	case pieces == 0:
		o.failure = noTokens
	}
	if !o.counted {
		o.generated = pieces
	}
	if o.generated > 1 && pieces > 1 {
		o.perToken = (last - o.first) / time.Duration(o.generated-1)
	}
	return nil
}
