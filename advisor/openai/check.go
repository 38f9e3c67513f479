package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	client "github.com/sashabaranov/go-openai"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/modelserver"
	"github.com/flyball-io/flyball/internal/neterr"
)

// ollamaPort is where Ollama listens, whatever the host.
const ollamaPort = "11434"

// Check asks whether the server answers, takes the key and has the model.
func (m *Model) Check(ctx context.Context) error {
	library, err := m.connect()
	if err != nil {
		return err
	}
	got, err := modelserver.Guarded(func() (client.ModelsList, error) { return library.ListModels(ctx) })
	var status *modelserver.Status
	switch {
	case errors.As(err, &status):
		return m.meaning(status)
	case err != nil:
		return m.reach(err)
	}
	if slices.ContainsFunc(got.Models, func(one client.Model) bool { return same(one.ID, m.cfg.Model) }) {
		return nil
	}
	return m.unknown(m.isOllama() || slices.ContainsFunc(got.Models, func(one client.Model) bool { return one.OwnedBy == "library" }), nil)
}

// same reports whether two names are of one model: Ollama adds the tag latest,
// Google's compatible address a folder.
func same(listed, asked string) bool {
	return listed == asked || listed == asked+":latest" || listed == "models/"+asked
}

func (m *Model) isOllama() bool { return m.url.Port() == ollamaPort }

// unknown says that the server does not have the model, and what to do.
func (m *Model) unknown(ollama bool, said error) error {
	what := fmt.Sprintf("model %s is not known to %s", m.cfg.Model, m.url.Host)
	if ollama {
		what = fmt.Sprintf("model %s is not pulled: ollama pull %s", m.cfg.Model, m.cfg.Model)
	}
	if said == nil {
		return fmt.Errorf("%w: %s", advisor.ErrRefused, what)
	}
	return fmt.Errorf("%w: %s: %w", advisor.ErrRefused, what, said)
}

// meaning is what a server's refusal comes to.
func (m *Model) meaning(s *modelserver.Status) error {
	switch {
	case s.Code != http.StatusNotFound && !s.Named("model_not_found"):
		return s.Meaning(m.keyFrom())
	case len(s.Names) == 0: // not in the protocol's form: it is not there
		return fmt.Errorf("%w: there is no such address; does the url lack /v1? %w", advisor.ErrRefused, s)
	}
	return m.unknown(m.isOllama() || s.Mentions("try pulling") || s.Named("not_found_error") && s.Mentions("not found"), s)
}

func (m *Model) keyFrom() string {
	if key, err := m.key.Read(); err == nil && key == "" {
		return "none is sent: " + m.key.Missing()
	}
	return m.key.From()
}

// reach adds what to do where nobody listens at Ollama's port.
func (m *Model) reach(err error) error {
	if m.isOllama() && neterr.Refused(err) {
		return fmt.Errorf("%w (does Ollama run? ollama serve)", err)
	}
	return err
}
