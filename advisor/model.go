package advisor

import (
	"context"
	"encoding/json"
)

// Model is a language model behind some server. Each protocol has a folder of its
// own below; package llm makes questions for them and checks what they say.
//
// Generate sends one prompt and returns the text. It ends when ctx does. A server
// that is busy or out of quota is a [Later] where it says when to ask again;
// one that will not serve whatever is asked (a wrong key, an unknown model) is
// [ErrRefused]. Errors are of one line and hold no secret.
type Model interface {
	// Name says who answers, without secrets: "gemini-2.5-flash at generativelanguage.googleapis.com".
	Name() string
	Generate(ctx context.Context, p Prompt) (Reply, error)
	Close()
}

// Keyed is a model that is asked with a key of its own.
type Keyed interface {
	Model
	// Account tells it from models of the same name, without secrets: protocol, whole
	// address, model, and where the key is.
	Account() string
	// HasKey says why no question can be put now: the key cannot be read, which is
	// [ErrRefused] and no fault of the server.
	HasKey() error
}

// Prompt is one question to a language model.
type Prompt struct {
	System, User string
	// Schema is the JSON schema of the answer, SchemaName what it is called.
	Schema     json.RawMessage
	SchemaName string
	// MostTokens bounds the answer; Temperature is 0 to 2.
	MostTokens  int
	Temperature float64
}

// Reply is what a language model said.
type Reply struct {
	Text string
	// In and Out are tokens read and written; 0: the server does not say.
	In, Out int
	// Cut says that the answer ended because it was too long.
	Cut bool
}
