package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/load/inference"
)

// tokens is a server of the OpenAI API that answers with as many tokens as it may,
// and keeps what it was asked.
type tokens struct {
	mu    sync.Mutex // guards what follows
	asked []struct {
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
		Messages  []struct{ Content string }
	}
	keys map[string]bool
}

func (s *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, struct {
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
		Messages  []struct{ Content string }
	}{})
	q := &s.asked[len(s.asked)-1]
	_ = json.NewDecoder(r.Body).Decode(q)
	s.keys[r.Header.Get("Authorization")] = true
	w.Header().Set("Content-Type", "text/event-stream")
	for range q.MaxTokens {
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
	}
	fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", q.MaxTokens)
}

func TestLoadInferenceAsksWhatItsFlagsSay(t *testing.T) {
	s := &tokens{keys: map[string]bool{}}
	server := httptest.NewServer(s)
	defer server.Close()
	trace := writeFile(t, "requests.csv", "t_seconds,input_tokens,output_tokens\n0,3,5\n0.05,8,2\n0.1,1,9\n")
	key := writeFile(t, "key", "SECRET\n")
	out, err := runLoad(t, "inference", "--url", server.URL+"/v1", "--model", "tiny", "--trace", trace, "--api-key-file", key, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got inference.Result
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("--json printed %q: %v", out, err)
	}
	if got.Answered != 3 || got.GeneratedTokens != 16 || got.Model != "tiny" || got.FirstToken.P99 <= 0 {
		t.Errorf("got %s, want the three of the trace", out)
	}
	lengths := map[string]bool{}
	for _, q := range s.asked {
		lengths[fmt.Sprint(len(strings.Fields(q.Messages[0].Content)), "→", q.MaxTokens)] = true
	}
	if !lengths["3→5"] || !lengths["8→2"] || !lengths["1→9"] || !s.keys["Bearer SECRET"] {
		t.Errorf("got %v, with keys %v", lengths, s.keys)
	}

	out, err = runLoad(t, "inference", "--url", server.URL+"/v1", "--model", "tiny", "--users", "2", "--requests", "12", "--output-tokens", "4")
	if err != nil || !strings.Contains(out, "12 answered") || !strings.Contains(out, "48 generated") || !strings.Contains(out, "first token") {
		t.Errorf("two users, 12 requests: got %v\n%s", err, out)
	}
	// A bound by number ends a rate that has no duration.
	out, err = runLoad(t, "inference", "--url", server.URL+"/v1", "--model", "tiny", "--rps", "100", "--requests", "5", "--output-tokens", "1:2")
	if err != nil || !strings.Contains(out, "5 answered") {
		t.Errorf("five requests: got %v\n%s", err, out)
	}
}

func TestLoadInferenceRefusesBadInput(t *testing.T) {
	s := &tokens{keys: map[string]bool{}}
	server := httptest.NewServer(s)
	defer server.Close()
	url := "--url=" + server.URL
	trace := writeFile(t, "requests.csv", "t_seconds,input_tokens,output_tokens\n0,3,5\n1,8,2\n")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "--url: must be given"},
		{[]string{"--url=ftp://h"}, `url "ftp://h": must be http://`},
		{[]string{url, "--prompt-tokens=many"}, `--prompt-tokens: "many" must be a number of tokens`},
		{[]string{url, "--output-tokens=0"}, "--output-tokens: must be 1 to"},
		{[]string{url, "--trace=" + trace, "--output-tokens=5"}, "--output-tokens: the trace has the tokens"},
		{[]string{url, "--users=2", "--rps=3"}, "--users and --rps exclude each other"},
		{[]string{url, "--users=-1"}, "--users: must be 0"},
		{[]string{url, "--requests=-1"}, "--requests: must be 0"},
		{[]string{url, "--max-in-flight=0"}, "--max-in-flight: must be above 0"},
		{[]string{url, "--timeout=0s"}, "--timeout: must be above 0"},
		{[]string{url, "--max-ttft=-1s"}, "--max-ttft and --max-tpot"},
		{[]string{url, "--api=soap"}, `--api: must be chat or completions, got "soap"`},
		{[]string{url, "--api-key-file=/nowhere"}, "--api-key-file: open /nowhere"},
		{[]string{url, "--api-key-file=" + writeFile(t, "key", " \n")}, "is empty"},
		{[]string{url, "--header=A"}, "must be NAME:VALUE"},
		{[]string{url, "--rps=0"}, "--rps: must be above 0"},
		{[]string{url, "stray"}, "takes flags only"},
	} {
		_, err := runLoad(t, append([]string{"inference"}, tt.args...)...)
		if usage := (cli.UsageError{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want a usage error with %q", tt.args, err, tt.want)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("%d requests were sent all the same", len(s.asked))
	}
}
