package openai

import (
	client "github.com/sashabaranov/go-openai"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/modelserver"
)

// leastTemperature stands for 0, which the library leaves out, so that servers
// would take their own, mostly 1. At a ten-thousandth a token is likelier than
// another of half its probability by e^6900; a much smaller one makes llama.cpp
// divide by nearly nothing.
const leastTemperature = 1e-4

// dialect is what a server was found to understand. At first it is asked for
// everything; what it does not know is left out from then on.
type dialect struct {
	format modelserver.Format
	thinks bool // it needs room for its thoughts
	newer  bool // wants max_completion_tokens in the place of max_tokens
	fixed  bool // its temperature cannot be chosen
}

// firstDialect is that of a model by its name: the library knows those of OpenAI
// that think.
func firstDialect(model string) dialect {
	old := client.ChatCompletionRequest{Model: model}
	old.MaxTokens = 1 //nolint:staticcheck // it is what such a model does not take
	if client.NewReasoningValidator().Validate(old) != nil {
		return dialect{thinks: true, newer: true, fixed: true}
	}
	return dialect{}
}

// weaker is what to ask in next when a request was found wrong, and whether there
// is something to try.
func (d dialect) weaker(s *modelserver.Status) (dialect, bool) {
	switch {
	case !s.Wrong():
		return d, false
	case !d.newer && s.Mentions("max_tokens") && s.Mentions("not supported", "unsupported", "instead"):
		d.newer, d.thinks = true, true
	case !d.fixed && s.Mentions("temperature"):
		d.fixed = true
	case d.format < modelserver.Anyhow && s.Mentions("format", "schema", "grammar", "json"):
		d.format++
	default:
		return d, false
	}
	return d, true
}

// request says what is asked and how the answer is wanted.
func (d dialect) request(model string, p advisor.Prompt) client.ChatCompletionRequest {
	r := client.ChatCompletionRequest{Model: model, Messages: []client.ChatCompletionMessage{{Role: client.ChatMessageRoleUser, Content: p.User}}}
	if system := d.format.System(p); system != "" {
		r.Messages = append([]client.ChatCompletionMessage{{Role: client.ChatMessageRoleSystem, Content: system}}, r.Messages...)
	}
	most := p.MostTokens
	if d.thinks {
		most += thinkingRoom
	}
	if d.newer {
		r.MaxCompletionTokens = most
	} else {
		r.MaxTokens = most //nolint:staticcheck // deprecated by OpenAI, but all that Ollama and others know
	}
	if !d.fixed {
		r.Temperature = max(float32(p.Temperature), leastTemperature)
	}
	r.ResponseFormat = d.responseFormat(p)
	return r
}

func (d dialect) responseFormat(p advisor.Prompt) *client.ChatCompletionResponseFormat {
	switch {
	case d.format == modelserver.Anyhow:
		return nil
	case d.format == modelserver.Object || len(p.Schema) == 0:
		return &client.ChatCompletionResponseFormat{Type: client.ChatCompletionResponseFormatTypeJSONObject}
	}
	return &client.ChatCompletionResponseFormat{
		Type:       client.ChatCompletionResponseFormatTypeJSONSchema,
		JSONSchema: &client.ChatCompletionResponseFormatJSONSchema{Name: p.SchemaName, Schema: p.Schema, Strict: true},
	}
}
