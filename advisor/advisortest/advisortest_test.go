package advisortest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// notebook is a test whose faults are kept in the place of failing.
type notebook struct {
	testing.TB
	faults []string
}

func (n *notebook) Errorf(format string, args ...any) {
	n.faults = append(n.faults, fmt.Sprintf(format, args...))
}

// send sends a request and returns status and body.
func send(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, string(text)
}

const (
	goodChat = `{"model":"test-model","messages":[{"role":"system","content":"s JSON"},{"role":"user","content":"u"}],"stream":false,"max_tokens":9,"response_format":` + goodFormat + `}`

	goodFormat = `{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}}`

	goodGemini = `{"contents":[{"parts":[{"text":"u"}],"role":"user"}],"generationConfig":{"maxOutputTokens":9,"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}}`
)

// Requests that no server of the protocol would take fail the test of who sent
// them. Each is a good one with a fault in it.
func TestFaultyRequestsAreNoted(t *testing.T) {
	for _, tc := range []struct {
		protocol      Protocol
		old, new      string
		header, value string
		says          string // "": none is noted
	}{
		{protocol: OpenAI},
		{protocol: Ollama},
		{protocol: Gemini},
		{protocol: OpenAI, old: `"max_tokens":9`, new: `"max_token":9`, says: "unknown field"},
		{protocol: OpenAI, old: `"max_tokens":9`, new: `"max_tokens":9,"max_completion_tokens":9`, says: "want one of them"},
		{protocol: OpenAI, old: `"max_tokens":9,`, says: "want one of them"},
		{protocol: OpenAI, old: `"stream":false`, new: `"stream":true`, says: "stream"},
		{protocol: OpenAI, old: `"stream":false`, new: `"temperature":2.1`, says: "temperature"},
		{protocol: OpenAI, old: `"role":"user"`, new: `"role":"assistant"`, says: "want one of system, then one of user"},
		{protocol: OpenAI, old: `"content":"u"`, new: `"content":""`, says: "is empty"},
		{protocol: OpenAI, old: `,{"role":"user","content":"u"}`, says: "no message of user"},
		{protocol: OpenAI, old: `"name":"n"`, new: `"name":"two words"`, says: "name"},
		{protocol: OpenAI, old: `"strict":true,`, says: "strict"},
		{protocol: OpenAI, old: `"required":["a"],`, says: "required must name every property"},
		{protocol: OpenAI, old: `,"additionalProperties":false`, says: "additionalProperties"},
		{protocol: OpenAI, old: `{"type":"string"}`, new: `{"type":"string","maxLength":9}`, says: "maxLength"},
		{protocol: OpenAI, old: `{"type":"string"}`, new: `{"type":"array","items":{"type":"object"}}`, says: "additionalProperties"},
		{protocol: OpenAI, old: goodFormat, new: `{"type":"json_object"}`},
		{protocol: OpenAI, old: "s JSON\"},{\"role\":\"user\",\"content\":\"u\"}],\"stream\":false,\"max_tokens\":9,\"response_format\":" + goodFormat, new: `s"},{"role":"user","content":"u"}],"max_tokens":9,"response_format":{"type":"json_object"}`, says: "no message says JSON"},
		{protocol: OpenAI, old: goodFormat, new: `{"type":"yaml"}`, says: "yaml"},
		{protocol: OpenAI, header: "Content-Type", value: "text/plain", says: "Content-Type"},
		{protocol: OpenAI, header: "Authorization", value: "Basic eDp5", says: "is not Bearer"},
		{protocol: Gemini, old: `"role":"user"`, new: `"role":"model"`, says: "want one of role user"},
		{protocol: Gemini, old: `"maxOutputTokens":9`, new: `"maxTokens":9`, says: "unknown field"},
		{protocol: Gemini, old: `"maxOutputTokens":9,`, says: "maxOutputTokens 0"},
		{protocol: Gemini, old: `"maxOutputTokens":9`, new: `"maxOutputTokens":9,"temperature":-1`, says: "temperature"},
		{protocol: Gemini, old: `"responseMimeType":"application/json",`, says: "needs responseMimeType"},
		{protocol: Gemini, old: `{"type":"object"}`, new: `"object"`, says: "is no object"},
	} {
		n := &notebook{TB: t}
		s := NewServer(n, tc.protocol, Say("yes"))
		url, body, headers := s.URL()+"/chat/completions", goodChat, []string{"Authorization", "Bearer " + Key}
		if tc.protocol == Gemini {
			url, body, headers = s.URL()+"/v1beta/models/test-model:generateContent", goodGemini, []string{"X-Goog-Api-Key", Key}
		}
		if tc.old != "" && !strings.Contains(body, tc.old) {
			t.Fatalf("%q is not in a good request", tc.old)
		}
		if tc.header != "" {
			headers = append(headers, tc.header, tc.value)
		}
		status, answer := send(t, http.MethodPost, url, strings.Replace(body, tc.old, tc.new, 1), headers...)
		if good := tc.says == ""; good != (status == 200) || good != (len(n.faults) == 0) || !good && !strings.Contains(n.faults[0], tc.says) {
			t.Errorf("%s, %q for %q: status %d, %s; noted %q, want %q", tc.protocol, tc.new, tc.old, status, answer, n.faults, tc.says)
		}
	}
	n := &notebook{TB: t}
	s := NewServer(n, Gemini, Say("yes"))
	if send(t, http.MethodPost, s.URL()+"/v1beta/models/test-model:generateContent?key="+Key, goodGemini); len(n.faults) != 1 || !strings.Contains(n.faults[0], "in the address") {
		t.Errorf("a key in the address: noted %q", n.faults)
	}
}

// Steps are taken one by one; what the server refuses by itself takes none.
func TestStepsAreTaken(t *testing.T) {
	s := NewServer(t, OpenAI, Answer(func(prompt string) string { return "you said " + prompt }), Busy(429, "3"), Say("last"))
	var got []string
	for _, auth := range []string{"Bearer wrong", "Bearer " + Key, "Bearer " + Key, "Bearer " + Key, "Bearer " + Key} {
		status, body := send(t, http.MethodPost, s.URL()+"/chat/completions", goodChat, "Authorization", auth)
		var answer struct {
			Choices []struct{ Message struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(status)
		if len(answer.Choices) > 0 {
			text += " " + answer.Choices[0].Message.Content
		}
		got = append(got, text)
	}
	if want := []string{"401", "200 you said u", "429", "200 last", "200 last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Script(Say("new"))
	if _, body := send(t, http.MethodPost, s.URL()+"/chat/completions", goodChat, "Authorization", "Bearer "+Key); !strings.Contains(body, "new") {
		t.Errorf("another script: got %s", body)
	}
	all := s.Requests()
	if want := (Request{Model: Model, System: "s JSON", User: "u", Format: JSONSchema, Temperature: -1, MostTokens: 9, SchemaName: "n", Key: Key, Path: "/v1/chat/completions"}); len(all) != 6 || strip(all[1]) != want {
		t.Errorf("seen %+v", all)
	}
}

func strip(r Request) Request {
	r.Schema = ""
	return r
}

func TestOllamasOwnAddresses(t *testing.T) {
	s := NewServer(t, Ollama, Say("yes"))
	s.Serves("m:3b")
	root := strings.TrimSuffix(s.URL(), "/v1")
	for path, want := range map[string]string{"/": "Ollama is running", "/api/version": `"version":"0.`, "/api/tags": `"name":"m:3b"`, "/v1/models": `"id":"m:3b","object":"model","owned_by":"library"`, "/models": "404 page not found"} {
		if _, body := send(t, http.MethodGet, root+path, ""); !strings.Contains(body, want) {
			t.Errorf("%s: got %s, want %s in it", path, body, want)
		}
	}
}
