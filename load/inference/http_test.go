package inference

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/load/pace"
)

const (
	piece = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
	end   = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	done  = "data: [DONE]\n\n"
	key   = "SECRETKEY"
)

func usage(prompt, generated int) string {
	return fmt.Sprintf("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\n", prompt, generated)
}

// ask asks a real server so often, one after the other.
func ask(t *testing.T, times int, handler http.HandlerFunc, change func(*Options)) Result {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		goleak.VerifyNone(t)
	})
	o := Options{URL: server.URL + "/v1/", Model: "tiny", Key: key, Lengths: Lengths{Prompt: fixed(5), Output: fixed(3)}, Pace: pace.Options{Users: 1, Most: times}, Timeout: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	got, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func stream(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, event := range events {
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	}
}

// The requests are those of the OpenAI API, and one connection serves all.
func TestTheServerIsAskedAsItsUsersDo(t *testing.T) {
	var connections atomic.Int32
	var body, authorization, path string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"served"},{"id":"other"}]}`)
			return
		}
		text, _ := io.ReadAll(r.Body)
		body, authorization, path = string(text), r.Header.Get("Authorization"), r.URL.Path
		stream(": a comment\n\n", "event: x\n", piece, end, usage(9, 3), done)(w, r)
		time.Sleep(30 * time.Millisecond) // the end of the answer comes after its last event
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	o := Options{URL: server.URL + "/v1", Key: key, Header: http.Header{"x-team": {"a"}}, IgnoreEOS: true, Lengths: Lengths{Prompt: fixed(2), Output: fixed(3)}, Pace: pace.Options{Users: 1, Most: 5}}
	got, err := Run(t.Context(), o)
	if err != nil || got.Model != "served" || got.Answered != 5 || got.PromptTokens != 45 || got.GeneratedTokens != 15 {
		t.Fatalf("got %+v, %v, want five answers of the first model", got, err)
	}
	for _, want := range []string{`"model":"served"`, `"messages":[{"role":"user","content":"`, `"max_tokens":3`, `"stream":true`, `"include_usage":true`, `"ignore_eos":true`} {
		if !strings.Contains(body, want) {
			t.Errorf("body %s lacks %s", body, want)
		}
	}
	if authorization != "Bearer "+key || path != "/v1/chat/completions" || connections.Load() != 1 {
		t.Errorf("got Authorization %q, path %s, %d connections, want the key, chat and one", authorization, path, connections.Load())
	}
	o.API, o.Model, o.Pace.Most = Completions, "named", 1
	if _, err := Run(t.Context(), o); err != nil || path != "/v1/completions" || !strings.Contains(body, `"model":"named"`) || !strings.Contains(body, `"prompt":"`) || strings.Contains(body, "messages") {
		t.Errorf("completions: got %v, path %s, body %s", err, path, body)
	}
}

func TestFailuresAreToldByKind(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		kind   string // empty: answered
		said   string
	}{
		{"whole", stream(piece, piece, piece, end, usage(5, 3), done), "", ""},
		{"without DONE", stream(piece, piece, piece, end, usage(5, 3)), "", ""},
		{"of the older API", stream("data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\"}]}\n\n", usage(5, 3), done), "", ""},
		{"of a model that thinks", stream("data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"a\"}}]}\n\n", end, usage(5, 3), done), "", ""},
		{"of one that thinks, newer vLLM", stream("data: {\"choices\":[{\"delta\":{\"reasoning\":\"a\"}}]}\n\n", end, usage(5, 3), done), "", ""},
		{"a long line", stream("data: {\"choices\":[{\"delta\":{\"content\":\""+strings.Repeat("x", 100_000)+"\"}}]}\n\n", end, usage(5, 3), done), "", ""},
		{"broken off", stream(piece, piece), "broken_off", ""},
		{"the connection breaks", func(w http.ResponseWriter, r *http.Request) { stream(piece)(w, r); panic(http.ErrAbortHandler) }, "broken_off", ""},
		{"no tokens", stream(end, usage(5, 0), done), "no_tokens", ""},
		{"an error in the stream", stream(piece, "data: {\"error\":{\"message\":\"CUDA out of memory\"}}\n\n", done), "server_error", "CUDA out of memory"},
		{"no JSON", stream("data: oops\n\n"), "server_error", "oops"},
		{"overloaded", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "queue is full for "+r.Header.Get("Authorization"), http.StatusServiceUnavailable)
		}, "http_503", "queue is full for Bearer (hidden)"},
		{"unknown model", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such model", http.StatusNotFound) }, "http_404", "no such model"},
		{"not streamed", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"choices":[]}`) }, "not_streamed", "text/plain"},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "reset", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ask(t, 2, tc.answer, nil)
			want := int64(2)
			if tc.kind == "" {
				if got.Answered != want || got.FirstToken.Count != want || len(got.Errors) != 0 || got.GeneratedTokens != 6 {
					t.Errorf("got %+v, want two answers of three tokens", got)
				}
				return
			}
			if got.Errors[tc.kind] != want || got.Failed != want || got.Answered != 0 || got.Good != 0 {
				t.Errorf("got %+v, want two %s", got, tc.kind)
			}
			if !strings.Contains(got.FirstError, tc.said) || strings.Contains(got.FirstError, key) {
				t.Errorf("first error: got %q, want it to hold %q", got.FirstError, tc.said)
			}
		})
	}
}

// What a server does not say is counted by pieces, and what it says less of than
// asked is told.
func TestDoubtsAreTold(t *testing.T) {
	got := ask(t, 2, stream(piece, piece, end, done), nil)
	if got.GeneratedTokens != 4 || len(got.Warnings) != 2 || !strings.Contains(got.Warnings[0], "does not tell the tokens of 2 requests") || !strings.Contains(got.Warnings[1], "4 of 6 tokens") {
		t.Errorf("got %d tokens, warnings %q", got.GeneratedTokens, got.Warnings)
	}
	b := &bytes.Buffer{}
	if err := got.Print(b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"model        tiny", "requests     2, 2 answered, 0 failed", "good         100.00 %", "first token", "per token", "between chunks", "warning: answers were shorter"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b)
		}
	}
}

// A server that lists no models is told of before anything is asked.
func TestAModelMustBeKnown(t *testing.T) {
	for _, answer := range []string{`{"data":[]}`, "nonsense"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		_, err := Run(t.Context(), Options{URL: server.URL, Lengths: Lengths{Prompt: fixed(1), Output: fixed(1)}, Pace: pace.Options{Users: 1, Most: 1}})
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "/models: ") || !strings.Contains(err.Error(), "name one") {
			t.Errorf("%s: got %v, want to be asked for a name", answer, err)
		}
	}
}
