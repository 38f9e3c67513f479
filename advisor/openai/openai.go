// Package openai asks any server that speaks OpenAI's chat completions: OpenAI
// itself, vLLM, Ollama at /v1.
//
// https://platform.openai.com/docs/api-reference/chat
// https://github.com/ollama/ollama/blob/main/docs/openai.md
package openai

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	client "github.com/sashabaranov/go-openai"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/modelserver"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/policy/advised"
)

const (
	// KeyVariable is where the key is when there is no file.
	KeyVariable = "OPENAI_API_KEY"
	// URLVariable is where the address is when none is configured.
	URLVariable = "OPENAI_BASE_URL"
	// ServiceURL is where OpenAI itself is.
	ServiceURL = "https://api.openai.com/v1"
	// OllamaURL is where Ollama listens unless it is told otherwise.
	OllamaURL = "http://127.0.0.1:11434/v1"

	// thinkingRoom is how many tokens more a model gets that thinks: its thoughts
	// count as written.
	thinkingRoom = 4096
)

var _ advisor.Keyed = (*Model)(nil)

// Model is one model of a server. It may be used by several goroutines.
type Model struct {
	cfg    advised.OpenAI
	url    *url.URL
	key    modelserver.Key
	server *modelserver.Client

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	dialect dialect
}

// New returns a model for a valid configuration. It does no I/O: the key is read
// for each question.
func New(cfg advised.OpenAI, getenv func(string) string) (*Model, error) {
	field := "url"
	if cfg.URL == "" && getenv(URLVariable) != "" {
		field = URLVariable
	}
	u, err := webclient.ParseURL(cmp.Or(cfg.URL, getenv(URLVariable), OllamaURL))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", field, err)
	case u.RawQuery != "":
		return nil, fmt.Errorf("%s: must not hold a query (?)", field)
	case cfg.Model == "":
		return nil, errors.New("model: must not be empty, for example qwen2.5-coder:3b")
	}
	return &Model{
		cfg: cfg, url: u, server: modelserver.New(), dialect: firstDialect(cfg.Model),
		key: modelserver.Key{File: cfg.KeyFile, Variable: KeyVariable, Getenv: getenv, Owner: owner(u, getenv(URLVariable))},
	}, nil
}

// owner is whom the key of the environment is for, where another one is asked: the
// address beside it, else OpenAI itself.
func owner(asked *url.URL, beside string) string {
	switch {
	case modelserver.Same(asked, cmp.Or(beside, ServiceURL)):
		return ""
	case beside != "":
		return URLVariable
	}
	return ServiceURL
}

// Name is "qwen2.5-coder:3b at 127.0.0.1:11434".
func (m *Model) Name() string { return m.cfg.Model + " at " + m.url.Host }

// Account implements [advisor.Keyed].
func (m *Model) Account() string {
	return fmt.Sprintf("openai %s %s, key of %s", m.url, m.cfg.Model, m.key.From())
}

// HasKey implements [advisor.Keyed]; where there is none, none is sent.
func (m *Model) HasKey() error {
	_, err := m.key.Read()
	return err
}

// Close ends the connections that are not in use.
func (m *Model) Close() { m.server.Close() }

// Generate asks once, and again only where the server does not know how an answer
// was wanted, which is remembered.
func (m *Model) Generate(ctx context.Context, p advisor.Prompt) (advisor.Reply, error) {
	library, err := m.connect()
	if err != nil {
		return advisor.Reply{}, err
	}
	for d := m.current(); ; {
		got, err := modelserver.Guarded(func() (client.ChatCompletionResponse, error) {
			return library.CreateChatCompletion(ctx, d.request(m.cfg.Model, p))
		})
		if err == nil {
			return m.read(got, d)
		}
		var status *modelserver.Status
		if !errors.As(err, &status) {
			return advisor.Reply{}, m.reach(err)
		}
		weaker, ok := d.weaker(status)
		if !ok {
			return advisor.Reply{}, m.meaning(status)
		}
		d = weaker
	}
}

// connect returns the library with the key as it is now.
func (m *Model) connect() (*client.Client, error) {
	key, err := m.key.Read()
	if err != nil {
		return nil, err
	}
	cfg := client.DefaultConfig(key)
	cfg.BaseURL, cfg.HTTPClient = m.url.String(), m.server.HTTP()
	return client.NewClientWithConfig(cfg), nil
}

func (m *Model) current() dialect {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dialect
}

func (m *Model) speak(d dialect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialect = d
}

// read is what the model wrote.
func (m *Model) read(got client.ChatCompletionResponse, d dialect) (advisor.Reply, error) {
	m.speak(d)
	r := advisor.Reply{In: max(got.Usage.PromptTokens, 0), Out: max(got.Usage.CompletionTokens, 0)}
	if len(got.Choices) == 0 {
		return r, fmt.Errorf("%s: there is no answer in the answer", m.Name())
	}
	c := got.Choices[0]
	r.Text, r.Cut = text(c.Message), c.FinishReason == client.FinishReasonLength
	switch {
	case r.Cut && r.Text == "" && !d.thinks:
		d.thinks = true
		m.speak(d)
		return r, fmt.Errorf("%s: thought until no tokens were left for an answer; from now on it has %d more", m.Name(), thinkingRoom)
	case c.Message.Refusal != "":
		return r, fmt.Errorf("%s: the model refuses: %s", m.Name(), modelserver.Excerpt(c.Message.Refusal))
	case c.FinishReason == client.FinishReasonContentFilter:
		return r, fmt.Errorf("%s: the answer was stopped: content_filter", m.Name())
	case r.Text == "":
		return r, fmt.Errorf("%s: the answer is empty", m.Name())
	}
	return r, nil
}

// text is a message, which some servers send in parts.
func text(m client.ChatCompletionMessage) string {
	all := m.Content
	for _, part := range m.MultiContent {
		all += part.Text
	}
	return all
}
