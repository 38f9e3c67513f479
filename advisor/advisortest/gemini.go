package advisortest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// geminiContent is words of somebody.
type geminiContent struct {
	Parts []struct {
		Text string `json:"text"`
	} `json:"parts"`
	Role string `json:"role"`
}

func (c *geminiContent) text() string {
	var all strings.Builder
	if c != nil {
		for _, p := range c.Parts {
			all.WriteString(p.Text)
		}
	}
	return all.String()
}

// geminiRequest is a request of generateContent, with the fields that are of use to
// somebody who wants one short answer.
// https://ai.google.dev/api/generate-content
type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction *geminiContent  `json:"systemInstruction"`
	GenerationConfig  struct {
		Temperature        *float64        `json:"temperature"`
		CandidateCount     int             `json:"candidateCount"`
		MaxOutputTokens    int             `json:"maxOutputTokens"`
		Seed               *int            `json:"seed"`
		ResponseMIMEType   string          `json:"responseMimeType"`
		ResponseJSONSchema json.RawMessage `json:"responseJsonSchema"`
		ThinkingConfig     *struct {
			ThinkingBudget *int `json:"thinkingBudget"`
		} `json:"thinkingConfig"`
	} `json:"generationConfig"`
}

const geminiModels = "/v1beta/models/"

func (x *exchange) gemini(body []byte) {
	key := x.r.Header.Get("X-Goog-Api-Key")
	if x.r.URL.RawQuery != "" {
		x.fault("the key, or something else, is in the address: %s", x.r.URL.RawQuery)
		return
	}
	name, under := strings.CutPrefix(x.r.URL.Path, geminiModels)
	model, generate := strings.CutSuffix(name, ":generateContent")
	switch {
	case under && generate && x.r.Method == http.MethodPost:
		x.generate(model, body, key)
	case under && x.r.Method == http.MethodGet:
		x.describe(name, key)
	default:
		http.NotFound(x.w, x.r)
	}
}

// describe is models.get.
func (x *exchange) describe(model, key string) {
	x.server.mu.Lock()
	step := x.server.checks
	x.server.mu.Unlock()
	switch {
	case step != nil:
		x.asked.Key = key
		step(x)
	case !x.authorized(key):
	case !x.server.has(model):
		x.unknownGemini(model)
	default:
		x.writeJSON(http.StatusOK, map[string]any{
			"name": "models/" + model, "version": "001", "displayName": model, "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
			"supportedGenerationMethods": []string{"generateContent", "countTokens", "createCachedContent"}, "temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": true,
		})
	}
}

func (x *exchange) generate(model string, body []byte, key string) {
	var g geminiRequest
	if err := strictly(body, &g); err != nil {
		x.fault("%v", err)
		return
	}
	q, err := g.question(model)
	if err != nil {
		x.fault("%v", err)
		return
	}
	q.Key = key
	x.note(q)
	if x.authorized(key) && x.knowsGemini(&g) {
		x.server.next()(x)
	}
}

// question checks what the protocol demands.
func (g *geminiRequest) question(model string) (Request, error) {
	c := g.GenerationConfig
	q := Request{Model: model, System: g.SystemInstruction.text(), MostTokens: c.MaxOutputTokens, Temperature: -1, Schema: string(c.ResponseJSONSchema)}
	if c.Temperature != nil {
		q.Temperature = *c.Temperature
	}
	switch {
	case len(g.Contents) != 1 || g.Contents[0].Role != "user" || g.Contents[0].text() == "":
		return q, fmt.Errorf("contents: want one of role user with a text, got %+v", g.Contents)
	case c.MaxOutputTokens <= 0 || c.CandidateCount > 1:
		return q, fmt.Errorf("generationConfig: maxOutputTokens %d, candidateCount %d", c.MaxOutputTokens, c.CandidateCount)
	case c.Temperature != nil && !(*c.Temperature >= 0 && *c.Temperature <= 2):
		return q, fmt.Errorf("generationConfig: temperature %v is not 0 to 2", *c.Temperature)
	case q.Schema != "" && c.ResponseMIMEType != "application/json":
		return q, fmt.Errorf("generationConfig: responseJsonSchema needs responseMimeType application/json, got %q", c.ResponseMIMEType)
	case q.Schema != "":
		q.Format = JSONSchema
		if q.Schema[0] != '{' {
			return q, fmt.Errorf("generationConfig: responseJsonSchema is no object")
		}
	case c.ResponseMIMEType == "application/json":
		q.Format = JSONObject
	}
	q.User = g.Contents[0].text()
	return q, nil
}

func (x *exchange) knowsGemini(g *geminiRequest) bool {
	s, q := x.server, x.asked
	thinking := g.GenerationConfig.ThinkingConfig
	switch {
	case !s.has(q.Model):
		x.unknownGemini(q.Model)
	case thinking != nil && thinking.ThinkingBudget != nil && *thinking.ThinkingBudget == 0 && s.lacks(NoThinking):
		x.refuseGemini(http.StatusBadRequest, "Budget 0 is invalid. This model only works in thinking mode.")
	case q.System != "" && s.lacks(System):
		x.refuseGemini(http.StatusBadRequest, "Developer instruction is not enabled for models/"+q.Model)
	case q.Format == JSONSchema && s.lacks(JSONSchema):
		x.refuseGemini(http.StatusBadRequest, `Invalid JSON payload received. Unknown name "responseJsonSchema" at 'generation_config': Cannot find field.`)
	case q.Format != "" && s.lacks(JSONObject):
		x.refuseGemini(http.StatusBadRequest, "JSON mode is not enabled for models/"+q.Model)
	default:
		return true
	}
	return false
}

func (x *exchange) goodGemini(text string, end ending) {
	in, out := Tokens(x.asked.System+x.asked.User), Tokens(text)
	answer := map[string]any{
		"modelVersion": x.asked.Model, "responseId": "aBcD12",
		"usageMetadata": map[string]any{"promptTokenCount": in, "candidatesTokenCount": out, "totalTokenCount": in + out,
			"promptTokensDetails": []map[string]any{{"modality": "TEXT", "tokenCount": in}}},
	}
	candidate := map[string]any{"index": 0, "finishReason": map[ending]string{whole: "STOP", cut: "MAX_TOKENS", stopped: "SAFETY"}[end]}
	if text != "" {
		candidate["content"] = map[string]any{"role": "model", "parts": []map[string]any{{"text": text}}}
	}
	switch end {
	case blocked:
		answer["promptFeedback"] = map[string]any{"blockReason": "SAFETY", "safetyRatings": []map[string]any{{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH"}}}
	case none:
	default:
		answer["candidates"] = []map[string]any{candidate}
	}
	x.writeJSON(http.StatusOK, answer)
}

// geminiStatus are the names of google.rpc.Code for statuses of HTTP.
func geminiStatus(status int) string {
	name := map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}[status]
	if name == "" {
		name = "UNKNOWN"
	}
	return name
}

// refuseGemini is an error as https://cloud.google.com/apis/design/errors has it.
func (x *exchange) refuseGemini(status int, message string, details ...map[string]any) {
	e := map[string]any{"code": status, "message": message, "status": geminiStatus(status)}
	if len(details) > 0 {
		e["details"] = details
	}
	x.writeJSON(status, map[string]any{"error": e})
}

func (x *exchange) unknownGemini(model string) {
	x.refuseGemini(http.StatusNotFound, fmt.Sprintf("models/%s is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.", model))
}

// unauthorizedGemini is a key that is not valid: 400, of all numbers.
func (x *exchange) unauthorizedGemini(key string) {
	message := fmt.Sprintf("API key not valid. Please pass a valid API key. (%s)", key)
	x.refuseGemini(http.StatusBadRequest, message,
		map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": map[string]any{"service": "generativelanguage.googleapis.com"}},
		map[string]any{"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message})
}

// busy is 429 or 503; of Gemini with the time after which it may be asked again, if
// any is given.
func (x *exchange) busy(status int, again time.Duration) {
	if x.server.protocol != Gemini {
		message, kind, code := busyWords(x.server.protocol, status, x.asked.Model)
		x.refuse(status, message, kind, code)
		return
	}
	if status != http.StatusTooManyRequests {
		x.refuseGemini(status, "The model is overloaded. Please try again later.")
		return
	}
	details := []map[string]any{{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []map[string]any{{
		"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests", "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10"}}}}
	if again > 0 {
		details = append(details, map[string]any{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": fmt.Sprintf("%gs", again.Seconds())})
	}
	x.refuseGemini(status, "You exceeded your current quota, please check your plan and billing details.", details...)
}
