// Package gemini asks Google Gemini through its official library.
//
// https://ai.google.dev/api/generate-content
package gemini

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"google.golang.org/genai"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/modelserver"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/policy/advised"
)

const (
	// KeyVariable is where the key is when there is no file.
	KeyVariable = "GEMINI_API_KEY"
	usualURL    = "https://generativelanguage.googleapis.com"
	// thinkingRoom is how many tokens more a model gets that cannot be kept from
	// thinking: its thoughts count as written.
	thinkingRoom = 4096
)

var _ advisor.Keyed = (*Model)(nil)

// Model is one model of the service. It may be used by several goroutines.
type Model struct {
	cfg    advised.Gemini
	url    string
	host   string
	key    modelserver.Key
	server *modelserver.Client

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	dialect dialect
	client  *genai.Client // with the key it was made with
	made    string
}

// New returns a model for a valid configuration. It does no I/O: the key is read
// for each question.
func New(cfg advised.Gemini, getenv func(string) string) (*Model, error) {
	address := cmp.Or(cfg.URL, usualURL)
	u, err := webclient.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if cfg.Model == "" {
		return nil, errors.New("model: must not be empty, for example gemini-2.5-flash")
	}
	owner := ""
	if !modelserver.Same(u, usualURL) {
		owner = usualURL
	}
	return &Model{
		cfg: cfg, url: address, host: u.Host, server: modelserver.New(),
		key: modelserver.Key{File: cfg.KeyFile, Variable: KeyVariable, Getenv: getenv, Owner: owner},
	}, nil
}

// Name is "gemini-2.5-flash at generativelanguage.googleapis.com".
func (m *Model) Name() string { return m.cfg.Model + " at " + m.host }

// Account implements [advisor.Keyed].
func (m *Model) Account() string {
	return fmt.Sprintf("gemini %s %s, key of %s", m.url, m.cfg.Model, m.key.From())
}

// HasKey implements [advisor.Keyed].
func (m *Model) HasKey() error {
	_, err := m.readKey()
	return err
}

// Close ends the connections that are not in use.
func (m *Model) Close() { m.server.Close() }

// Generate asks once, and again only where the model does not know how an answer
// was wanted, which is remembered.
func (m *Model) Generate(ctx context.Context, p advisor.Prompt) (advisor.Reply, error) {
	client, err := m.connect(ctx)
	if err != nil {
		return advisor.Reply{}, err
	}
	for d := m.current(); ; {
		got, err := modelserver.Guarded(func() (*genai.GenerateContentResponse, error) {
			return client.Models.GenerateContent(ctx, m.cfg.Model, genai.Text(d.user(p)), d.config(p))
		})
		if err == nil {
			return m.read(got, d)
		}
		var status *modelserver.Status
		if !errors.As(err, &status) {
			return advisor.Reply{}, err
		}
		weaker, ok := d.weaker(status)
		if !ok {
			return advisor.Reply{}, m.meaning(status)
		}
		d = weaker
	}
}

// Check asks whether the server answers, takes the key and knows the model.
func (m *Model) Check(ctx context.Context) error {
	client, err := m.connect(ctx)
	if err != nil {
		return err
	}
	got, err := modelserver.Guarded(func() (*genai.Model, error) { return client.Models.Get(ctx, m.cfg.Model, nil) })
	var status *modelserver.Status
	switch {
	case errors.As(err, &status):
		return m.meaning(status)
	case err != nil:
		return err
	case len(got.SupportedActions) > 0 && !slices.Contains(got.SupportedActions, "generateContent"):
		return fmt.Errorf("%w: model %s does not write text", advisor.ErrRefused, m.cfg.Model)
	}
	return nil
}

// connect returns the library with the key as it is now.
func (m *Model) connect(ctx context.Context) (*genai.Client, error) {
	key, err := m.readKey()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client != nil && m.made == key {
		return m.client, nil
	}
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
		APIKey: key, Backend: genai.BackendGeminiAPI, HTTPClient: m.server.HTTP(), HTTPOptions: genai.HTTPOptions{BaseURL: m.url},
	})
	if err != nil {
		return nil, errors.New("the library of Gemini cannot be set up") // its words hold the key
	}
	m.client, m.made = client, key
	return client, nil
}

func (m *Model) readKey() (string, error) {
	key, err := m.key.Read()
	if err == nil && key == "" {
		err = fmt.Errorf("%w: no key: %s", advisor.ErrRefused, m.key.Missing())
	}
	return key, err
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

func (m *Model) meaning(s *modelserver.Status) error {
	switch {
	case s.Code == http.StatusNotFound:
		return fmt.Errorf("%w: model %s is not known to %s: %w", advisor.ErrRefused, m.cfg.Model, m.host, s)
	case s.Named("FAILED_PRECONDITION"):
		return fmt.Errorf("%w: %w", advisor.ErrRefused, s) // as where the service is not offered
	}
	return s.Meaning(m.key.From())
}

// read is what the model wrote, without its thoughts.
func (m *Model) read(got *genai.GenerateContentResponse, d dialect) (advisor.Reply, error) {
	m.speak(d)
	var r advisor.Reply
	if u := got.UsageMetadata; u != nil {
		r.In = int(max(u.PromptTokenCount, 0))
		r.Out = int(max(u.CandidatesTokenCount, 0)) + int(max(u.ThoughtsTokenCount, 0))
	}
	if f := got.PromptFeedback; f != nil && f.BlockReason != "" {
		return r, fmt.Errorf("%s: the question was blocked: %s", m.Name(), webclient.Excerpt(string(f.BlockReason), 40))
	}
	if len(got.Candidates) == 0 || got.Candidates[0] == nil {
		return r, fmt.Errorf("%s: there is no answer in the answer", m.Name())
	}
	c := got.Candidates[0]
	r.Text, r.Cut = text(c.Content), c.FinishReason == genai.FinishReasonMaxTokens
	switch {
	case r.Cut && r.Text == "" && !d.thinks:
		d.thinks = true
		m.speak(d)
		return r, fmt.Errorf("%s: thought until no tokens were left for an answer; from now on it has %d more", m.Name(), thinkingRoom)
	case !r.Cut && c.FinishReason != genai.FinishReasonStop && c.FinishReason != genai.FinishReasonUnspecified && c.FinishReason != "":
		return r, fmt.Errorf("%s: the answer was stopped: %s", m.Name(), webclient.Excerpt(string(c.FinishReason), 40))
	case len(c.ContinuationToken) > 0:
		return r, fmt.Errorf("%s: the answer is not whole", m.Name())
	case r.Text == "":
		return r, fmt.Errorf("%s: the answer is empty", m.Name())
	}
	return r, nil
}

func text(c *genai.Content) string {
	if c == nil {
		return ""
	}
	var all strings.Builder
	for _, part := range c.Parts {
		if part != nil && !part.Thought {
			all.WriteString(part.Text)
		}
	}
	return all.String()
}
