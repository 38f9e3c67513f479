package builtin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// generates is a backend that answers with a content type and then each text
// when it is let.
func generates(t *testing.T, kind string, next <-chan string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for text := range next {
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// measured are the proxy's samples of models, by signal.
func (r *rig) measured() map[string]scale.Sample {
	r.t.Helper()
	samples, err := r.Collect(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[string]scale.Sample{}
	for _, s := range samples {
		switch s.Signal {
		case scale.TimeToFirstToken, scale.TokensPerSecond, scale.RunningRequests:
			all[s.Signal] = s
		}
	}
	return all
}

// tokens is how many were generated within the window.
func (r *rig) tokens() float64 {
	s := r.measured()[scale.TokensPerSecond]
	return s.Value * s.Window.Seconds()
}

// about reports a number that was a rate meanwhile.
func about(got, want float64) bool { return got > want-0.01 && got < want+0.01 }

func measuring(c *Config) {
	c.Inference = &Inference{}
	c.MetricWindow = scale.Duration(10 * time.Minute) // longer than any test
}

const piece = `data: {"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}],"usage":null}` + "\n\n"

// A stream is measured while it lasts: the first token when it comes, each
// further one as it comes, and the number that the server tells in the end.
func TestAStreamOfTokens(t *testing.T) {
	next := make(chan string)
	r := start(t, measuring)
	r.backends(generates(t, "text/event-stream; charset=utf-8", next))
	answered := make(chan string, 1)
	go func() {
		answer, err := http.Post(r.url+"/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true}`))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		answered <- fmt.Sprint(string(body), err)
	}()
	sent := ""
	send := func(text string) { next <- text; sent += text }
	send(`data: {"choices":[{"delta":{"role":"assistant","content":""}}]}` + "\n\n")
	eventually(t, "the replica has it", func() bool { return r.measured()[scale.RunningRequests].Value == 1 })
	if _, there := r.measured()[scale.TimeToFirstToken]; there {
		t.Error("the role is no token")
	}
	time.Sleep(50 * time.Millisecond) // that the first token takes at least
	half := fmt.Sprintf(piece, "Hello")
	send(half[:20])
	send(half[20:])
	send(fmt.Sprintf(piece, " wor"))
	send(fmt.Sprintf(piece, "ld"))
	eventually(t, "three tokens", func() bool { return about(r.tokens(), 3) })
	first := r.measured()[scale.TimeToFirstToken]
	if first.Value < 0.045 || first.Distribution.Count() != 1 {
		t.Errorf("time to first token %v of %d requests, want at least 50 ms of one", first.Value, first.Distribution.Count())
	}
	send(`data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}` + "\n\n")
	send("data: [DONE]\n\n")
	close(next)
	if got := <-answered; got != sent+"<nil>" {
		t.Errorf("the client got %q, want %q", got, sent)
	}
	eventually(t, "five tokens and nothing running", func() bool { return about(r.tokens(), 5) && r.measured()[scale.RunningRequests].Value == 0 })
}

// What comes whole tells its tokens, and no time to the first one.
func TestAnswersThatComeWhole(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, kind, body string
		tokens                   float64
		first                    bool
	}{
		"chat completion":          {"POST", "/v1/chat/completions", "application/json", `{"choices":[{"message":{"role":"assistant","content":"Hi"}}],"usage":{"completion_tokens":7}}`, 7, false},
		"completion":               {"POST", "/v1/completions", "application/json", `{"choices":[{"text":"Hi"}],"usage":{"completion_tokens":3}}`, 3, false},
		"a completion's stream":    {"POST", "/v1/completions", "text/event-stream", "data: {\"choices\":[{\"text\":\"a\"}]}\r\n\r\ndata: {\"choices\":[{\"text\":\"b\"}]}\r\n\r\ndata: [DONE]\r\n\r\n", 2, true},
		"Ollama's stream":          {"POST", "/api/chat", "application/x-ndjson", "{\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n{\"message\":{\"content\":\"\"},\"done\":true,\"eval_count\":4,\"load_duration\":5}\n", 4, true},
		"Ollama's answer":          {"POST", "/api/generate", "application/json", `{"response":"Hi there","done":true,"eval_count":6}`, 6, false},
		"thoughts":                 {"POST", "/v1/chat/completions", "text/event-stream", `data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}` + "\n", 1, true},
		"thoughts, newer vLLM":     {"POST", "/v1/chat/completions", "text/event-stream", `data: {"choices":[{"delta":{"reasoning":"hm"}}]}` + "\n", 1, true},
		"a line that is too long":  {"POST", "/v1/chat/completions", "text/event-stream", fmt.Sprintf(piece, strings.Repeat("x", longestLine)) + fmt.Sprintf(piece, "a"), 1, true},
		"an answer that is longer": {"POST", "/v1/chat/completions", "application/json", strings.Repeat(" ", longestAnswer) + `{"usage":{"completion_tokens":7}}`, 0, false},
		"no JSON":                  {"POST", "/v1/chat/completions", "application/json", "<html>", 0, false},
		"another path":             {"POST", "/v1/models", "application/json", `{"usage":{"completion_tokens":7}}`, 0, false},
		"no POST":                  {"GET", "/v1/chat/completions", "application/json", `{"usage":{"completion_tokens":7}}`, 0, false},
		"nonsense":                 {"POST", "/v1/chat/completions", "application/json", `{"usage":{"completion_tokens":-7}}`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan string, 1)
			next <- c.body
			close(next)
			r := start(t, measuring)
			r.backends(generates(t, c.kind, next))
			request, err := http.NewRequestWithContext(t.Context(), c.method, r.url+c.path, strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if body, err := io.ReadAll(answer.Body); err != nil || string(body) != c.body {
				t.Errorf("the client got %d bytes and %v, want all %d", len(body), err, len(c.body))
			}
			eventually(t, "it is counted", func() bool { return r.measured()[scale.RunningRequests].Value == 0 && about(r.tokens(), c.tokens) })
			if _, first := r.measured()[scale.TimeToFirstToken]; first != c.first {
				t.Errorf("has a time to first token: %v, want %v", first, c.first)
			}
		})
	}
	t.Run("an error has no tokens", func(t *testing.T) {
		r := start(t, measuring)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"usage":{"completion_tokens":7}}`)
		}))
		t.Cleanup(s.Close)
		r.backends(s)
		answer, err := http.Post(r.url+"/v1/chat/completions", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		eventually(t, "it is over", func() bool { return r.measured()[scale.RunningRequests].Value == 0 })
		if n := r.tokens(); n != 0 {
			t.Errorf("%v tokens, want none", n)
		}
	})
}

// Without the entry there is no such signal, and none of its samples.
func TestModelsAreMeasuredOnDemand(t *testing.T) {
	r := start(t, nil)
	if got := r.measured(); len(got) != 0 {
		t.Errorf("measures %v", got)
	}
	plain, asked := Default(), Default()
	asked.Inference = &Inference{Paths: []string{"/generate", "stream"}}
	if n, m := len(plain.Facts().Signals), len(asked.Facts().Signals); m != n+3 {
		t.Errorf("%d signals without and %d with, want three more", n, m)
	}
	if err := asked.Validate(); err == nil || !strings.Contains(err.Error(), "inference.paths[1]: must start with /") {
		t.Errorf("got %v, want the path that is none", err)
	}
}

// Whatever a replica sends, measuring it does no harm.
func FuzzGeneration(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(piece, "a")), byte(1))
	f.Add([]byte(`{"eval_count":4e300}`+"\n"), byte(2))
	f.Add([]byte(`{"usage":{"completion_tokens":1e18}}`), byte(3))
	f.Fuzz(func(t *testing.T, text []byte, kind byte) {
		now := time.Unix(1_800_000_000, 0)
		m := newInferenceMeter(&Inference{}, time.Minute, now)
		g := &generation{meter: m, arrived: now, form: form(kind % 4)}
		for len(text) > 0 {
			n := min(7, len(text))
			g.see(text[:n], now)
			text = text[n:]
		}
		g.complete(now)
		for _, s := range m.samples(now.Add(time.Second)) {
			if !(s.Value >= 0 && s.Value < 1e12) {
				t.Errorf("%s is %v", s.Signal, s.Value)
			}
		}
	})
}
