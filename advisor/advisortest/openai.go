package advisortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// ending is how an answer ended.
type ending int

const (
	whole   ending = iota
	cut            // too long
	blocked        // by filters, before it began
	stopped        // by filters
	none           // there is none
)

// chatRequest is a request of OpenAI's chat completions, with the fields that are
// of use to somebody who wants one short answer.
// https://platform.openai.com/docs/api-reference/chat/create
type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Stream              bool     `json:"stream"`
	Temperature         *float64 `json:"temperature"`
	MaxTokens           int      `json:"max_tokens"`
	MaxCompletionTokens int      `json:"max_completion_tokens"`
	Seed                *int     `json:"seed"`
	ResponseFormat      *struct {
		Type       Feature `json:"type"`
		JSONSchema *struct {
			Name   string          `json:"name"`
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

func (x *exchange) openai(body []byte) {
	key, bearer := strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	if !bearer && x.r.Header.Get("Authorization") != "" {
		x.fault("Authorization is not Bearer")
		return
	}
	switch x.r.Method + " " + x.r.URL.Path {
	case "GET /v1/models":
		x.listModels(key)
	case "POST /v1/chat/completions":
		x.chat(body, key)
	default: // as Go's own servers say it
		http.NotFound(x.w, x.r)
	}
}

func (x *exchange) listModels(key string) {
	x.server.mu.Lock()
	step, models := x.server.checks, x.server.models
	x.server.mu.Unlock()
	switch {
	case step != nil:
		x.asked.Key = key
		step(x)
		return
	case !x.authorized(key):
		return
	}
	list := map[string]any{"object": "list", "data": nil}
	var data []map[string]any
	for _, name := range models {
		owner := "system"
		if x.server.protocol == Ollama {
			owner = "library"
		}
		data = append(data, map[string]any{"id": name, "object": "model", "created": 1731000000, "owned_by": owner})
	}
	if data != nil {
		list["data"] = data
	}
	x.writeJSON(http.StatusOK, list)
}

func (x *exchange) chat(body []byte, key string) {
	var c chatRequest
	if err := strictly(body, &c); err != nil {
		x.fault("%v", err)
		return
	}
	q, err := c.question()
	if err != nil {
		x.fault("%v", err)
		return
	}
	if got := x.r.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		x.fault("Content-Type is %q", got)
		return
	}
	q.Key = key
	x.note(q)
	if x.authorized(key) && x.knows(c) {
		x.server.next()(x)
	}
}

// question checks what the protocol demands.
func (c *chatRequest) question() (q Request, err error) {
	q = Request{Model: c.Model, MostTokens: c.MaxTokens + c.MaxCompletionTokens, Temperature: -1}
	for _, m := range c.Messages {
		switch {
		case m.Content == "":
			return q, fmt.Errorf("message of %s is empty", m.Role)
		case m.Role == "system" && q.System == "" && q.User == "":
			q.System = m.Content
		case m.Role == "user" && q.User == "":
			q.User = m.Content
		default:
			return q, fmt.Errorf("message of %q: want one of system, then one of user", m.Role)
		}
	}
	if c.Temperature != nil {
		q.Temperature = *c.Temperature
	}
	switch {
	case q.User == "":
		return q, fmt.Errorf("no message of user")
	case c.Stream:
		return q, fmt.Errorf("stream is not served")
	case c.MaxTokens != 0 && c.MaxCompletionTokens != 0, q.MostTokens <= 0:
		return q, fmt.Errorf("max_tokens %d, max_completion_tokens %d: want one of them above 0", c.MaxTokens, c.MaxCompletionTokens)
	case c.Temperature != nil && !(*c.Temperature >= 0 && *c.Temperature <= 2):
		return q, fmt.Errorf("temperature %v is not 0 to 2", *c.Temperature)
	case c.ResponseFormat == nil:
		return q, nil
	}
	q.Format = c.ResponseFormat.Type
	if q.Format == JSONObject { // OpenAI refuses it where no message asks for JSON
		if !strings.Contains(q.System+q.User, "JSON") {
			err = fmt.Errorf("response_format json_object, but no message says JSON")
		}
		return q, err
	}
	s := c.ResponseFormat.JSONSchema
	if q.Format != JSONSchema || s == nil {
		return q, fmt.Errorf("response_format is %q without a schema", q.Format)
	}
	q.Schema, q.SchemaName = string(s.Schema), s.Name
	if !s.Strict || !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`).MatchString(s.Name) {
		return q, fmt.Errorf("json_schema: strict is %v and the name %q", s.Strict, s.Name)
	}
	return q, strictSchema(s.Schema)
}

// strictSchema checks what OpenAI demands of a schema that is strict.
// https://platform.openai.com/docs/guides/structured-outputs
func strictSchema(raw json.RawMessage) error {
	var s struct {
		Type                 string
		Properties           map[string]json.RawMessage
		Required             []string
		AdditionalProperties *bool
		Items                json.RawMessage
		OneOf, AllOf, Not    json.RawMessage
		MinLength, MaxLength *int
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	slices.Sort(s.Required)
	switch {
	case s.OneOf != nil || s.AllOf != nil || s.Not != nil || s.MinLength != nil || s.MaxLength != nil:
		return fmt.Errorf("schema: oneOf, allOf, not, minLength and maxLength are not permitted")
	case s.Type == "object" && (s.AdditionalProperties == nil || *s.AdditionalProperties):
		return fmt.Errorf("schema: additionalProperties must be false")
	case s.Type == "object" && !slices.Equal(s.Required, slices.Sorted(maps.Keys(s.Properties))):
		return fmt.Errorf("schema: required must name every property, got %v", s.Required)
	case s.Items != nil:
		return strictSchema(s.Items)
	}
	for _, p := range s.Properties {
		if err := strictSchema(p); err != nil {
			return err
		}
	}
	return nil
}

// knows reports whether the server has the model and knows what is wanted, else it
// says what not.
func (x *exchange) knows(c chatRequest) bool {
	s, q := x.server, x.asked
	switch {
	case !s.has(c.Model) && s.protocol == Ollama:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", c.Model), "not_found_error", "")
	case !s.has(c.Model):
		x.refuse(http.StatusNotFound, fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", c.Model), "invalid_request_error", "model_not_found")
	case c.MaxTokens != 0 && s.lacks(MaxTokens):
		x.refuse(http.StatusBadRequest, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "invalid_request_error", "unsupported_parameter")
	case c.Temperature != nil && s.lacks(Temperature):
		x.refuse(http.StatusBadRequest, fmt.Sprintf("Unsupported value: 'temperature' does not support %v with this model. Only the default (1) value is supported.", *c.Temperature), "invalid_request_error", "unsupported_value")
	case q.Format != "" && s.lacks(q.Format):
		x.refuse(http.StatusBadRequest, fmt.Sprintf("Invalid parameter: 'response_format' of type '%s' is not supported with this model.", q.Format), "invalid_request_error", "")
	default:
		return true
	}
	return false
}

// good answers in the format of the protocol.
func (x *exchange) good(text string, end ending) {
	if x.server.protocol == Gemini {
		x.goodGemini(text, end)
		return
	}
	reason := map[ending]string{whole: "stop", cut: "length", blocked: "content_filter", stopped: "content_filter"}[end]
	choices := []map[string]any{{"index": 0, "message": map[string]any{"role": "assistant", "content": text}, "finish_reason": reason}}
	if end == none {
		choices = []map[string]any{}
	}
	in, out := Tokens(x.asked.System+x.asked.User), Tokens(text)
	x.writeJSON(http.StatusOK, map[string]any{
		"id": "chatcmpl-123", "object": "chat.completion", "created": 1731000000, "model": x.asked.Model, "system_fingerprint": "fp_1",
		"choices": choices,
		"usage":   map[string]any{"prompt_tokens": in, "completion_tokens": out, "total_tokens": in + out},
	})
}

// refuse is an error in the format of the protocol.
func (x *exchange) refuse(status int, message, kind, code string) {
	if x.server.protocol == Gemini {
		x.refuseGemini(status, message)
		return
	}
	if x.server.protocol == Ollama && status >= 500 {
		kind = "api_error"
	}
	e := map[string]any{"message": message, "type": kind, "param": nil, "code": nil}
	if code != "" {
		e["code"] = code
	}
	x.writeJSON(status, map[string]any{"error": e})
}

func (x *exchange) unauthorized(key string) {
	if x.server.protocol == Gemini {
		x.unauthorizedGemini(key)
		return
	}
	x.refuse(http.StatusUnauthorized, fmt.Sprintf("Incorrect API key provided: %s. You can find your API key at https://platform.openai.com/account/api-keys.", key), "invalid_request_error", "invalid_api_key")
}

// ollama is what it serves beside OpenAI's format.
// https://github.com/ollama/ollama/blob/main/docs/api.md
func (x *exchange) ollama() {
	switch x.r.Method + " " + x.r.URL.Path {
	case "GET /":
		_, _ = x.w.Write([]byte("Ollama is running"))
	case "GET /api/version":
		x.writeJSON(http.StatusOK, map[string]any{"version": "0.12.6"})
	case "GET /api/tags":
		models := []map[string]any{}
		x.server.set(func() {
			for _, name := range x.server.models {
				models = append(models, map[string]any{"name": name, "model": name, "modified_at": "2026-11-01T12:00:00Z", "size": 1929912432,
					"digest": strings.Repeat("0", 64), "details": map[string]any{"format": "gguf", "family": "qwen2", "parameter_size": "3.1B", "quantization_level": "Q4_K_M"}})
			}
		})
		x.writeJSON(http.StatusOK, map[string]any{"models": models})
	default:
		http.NotFound(x.w, x.r)
	}
}

func (x *exchange) writeJSON(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	x.write(status, body)
}

// strictly reads JSON that has no other fields.
func strictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if d.More() {
		return fmt.Errorf("body: there is more after the object")
	}
	return nil
}
