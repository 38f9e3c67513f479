package advisortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/flyball-io/flyball/advisor"
)

// Checked is a model whose server can be looked at without a question.
type Checked interface {
	advisor.Model
	Check(ctx context.Context) error
}

// Prompt is a question with a schema that every server takes.
func Prompt() advisor.Prompt {
	return advisor.Prompt{
		System: "You count.", User: "replicas 4\nreq/s 10 20 30", SchemaName: "count", MostTokens: 100, Temperature: 0.5,
		Schema: json.RawMessage(`{"type":"object","properties":{"replicas":{"type":"integer","minimum":1,"maximum":20}},"required":["replicas"],"additionalProperties":false}`),
	}
}

// count is an answer to it.
const count = `{"replicas": 4}`

// meeting is one way in which a server meets a question, and what a model makes of
// it.
type meeting struct {
	name    string
	step    Step
	within  time.Duration // for the answer; 0: more than it can take
	text    string        // "": an error
	cut     bool
	refused bool
	later   time.Duration // a second less or more is the same
	says    string        // within the error
	// asked says that only an answer to a question can be like that.
	asked bool
}

// patience is more than anything takes, on a busy machine too.
const patience = time.Minute

func meetings(p Protocol, elsewhere string) []meeting {
	later := func(name string, step Step, after time.Duration) meeting {
		return meeting{name: name, step: step, later: after, says: "status "}
	}
	all := []meeting{
		{name: "good", step: Say(count), text: count},
		{name: "wrong: whatever it is, others judge it", step: Say("I'd rather not.\x1b[2J"), text: "I'd rather not.\x1b[2J"},
		{name: "slow, in time", step: After(20*time.Millisecond, Say(count)), text: count},
		{name: "slow", step: Hang(), within: 100 * time.Millisecond, says: "deadline exceeded"},
		{name: "a byte now and then", step: Drip(), within: 200 * time.Millisecond, says: "deadline exceeded"},
		{name: "ended for its length", step: Cut(`{"repl`), text: `{"repl`, cut: true},
		{name: "nothing but thoughts", asked: true, step: Cut(""), says: "thought until no tokens were left"},
		{name: "blocked", asked: true, step: Blocked(), says: "test-model at 127.0.0.1"},
		{name: "stopped", asked: true, step: Stopped(), says: "the answer was stopped"},
		{name: "no answer in it", asked: true, step: Empty(), says: "there is no answer in the answer"},
		{name: "empty", asked: true, step: Say(""), says: "the answer is empty"},

		later("429 with seconds", Busy(429, "7"), 7*time.Second),
		later("429 with a date", BusyUntil(429, 90*time.Second), 90*time.Second),
		later("503 with seconds", Busy(503, "120"), 2*time.Minute),
		later("429 with more seconds than there are", Busy(429, "1e300"), 24*time.Hour),
		{name: "429 without", step: Busy(429, ""), says: "status 429: "},
		{name: "429 with nonsense", step: Busy(429, "soon"), says: "status 429: "},
		{name: "429 with a time that is over", step: Busy(429, "-5"), says: "status 429: "},
		{name: "503 without", step: Busy(503, ""), says: "status 503: "},
		{name: "500", step: Fail(500), says: "status 500: The server had an error"},
		{name: "502 of a proxy", step: Raw(502, "<html>\n<h1>Bad\x1b[31m\u202e Gateway</h1>"), says: "status 502: <html> <h1>Bad?[31m? Gateway</h1>"},
		{name: "500 without words", step: Raw(500, ""), says: "status 500: Internal Server Error"},
		{name: "500 with many words", step: Raw(500, strings.Repeat("oh no ", 1000)), says: "status 500: oh no oh no"},
		{name: "an error with status 200", step: Raw(200, `{"error": {"message": "provider is down", "code": 502}}`), says: "provider is down"},

		{name: "unauthorized, with the key in its words", step: Unauthorized(), refused: true, says: "does not accept the key ("},
		{name: "forbidden", step: Raw(403, `{"error": {"message": "no right", "status": "PERMISSION_DENIED"}}`), refused: true, says: "no right"},
		{name: "no credit", step: Raw(402, `{"error": "pay"}`), refused: true, says: "no credit left"},
		{name: "a redirect to another host", step: Redirect(elsewhere), refused: true, says: "sends elsewhere"},

		{name: "malformed", step: Malformed(), says: "answer is not JSON"},
		{name: "words of a proxy", step: Raw(200, "<html>please log in</html>"), says: "answer is not JSON"},
		{name: "JSON of another kind", step: Raw(200, `["replicas", 4]`), says: "answer is not as the protocol has it"},
		{name: "nested without end", step: Raw(200, strings.Repeat("[", 100_000)), says: "answer is not JSON"},
		{name: "truncated", step: Truncated(), says: "cut off after 26 bytes"},
		{name: "connection cut", step: HangUp(), says: "EOF"},
		{name: "no HTTP", step: Garbage(), says: "malformed MIME header"},
		{name: "endless", step: Endless(), says: "more than the allowed"},
		{name: "a bomb", step: Bomb(), says: "more than the allowed"},
	}
	if p == Gemini {
		all = append(all, later("a quota that comes back", Exhausted(34*time.Second), 34*time.Second),
			meeting{name: "to be continued, without end", asked: true, says: "the answer is not whole",
				step: Raw(200, `{"candidates": [{"content": {"parts": [{"text": "4"}]}, "continuationToken": "YWJj"}]}`)})
		for _, shape := range []string{`{"candidates": "x"}`, `{"candidates": ["x"]}`, `{"candidates": [null]}`, `{"candidates": {"content": 1}}`, `{"promptFeedback": []}`,
			`{"candidates": [{"content": "x"}]}`, `{"candidates": [{"content": {"parts": "x"}}]}`, `{"candidates": [{"content": {"parts": [null, 7]}}]}`, `{"usageMetadata": {"promptTokenCount": "many"}}`} {
			all = append(all, meeting{name: "of another shape: " + shape, asked: true, step: Raw(200, shape)})
		}
		return all
	}
	all = append(all, meeting{name: "a quota that is gone", step: Exhausted(0), refused: true, says: "no credit left"})
	for _, shape := range []string{`{"choices": "x"}`, `{"choices": ["x"]}`, `{"choices": [null]}`, `{"choices": {"message": 1}}`, `{"choices": [{"message": "x"}]}`,
		`{"choices": [{"message": {"content": 7}}]}`, `{"choices": [{"message": {"content": null}}]}`, `{"usage": {"prompt_tokens": "many"}}`, `{"choices": [{"message": {"content": "", "refusal": "I can't"}}]}`} {
		all = append(all, meeting{name: "of another shape: " + shape, asked: true, step: Raw(200, shape)})
	}
	return all
}

// repeating are answers that hold the key where a model hands them on.
func repeating(p Protocol) []string {
	if p == Gemini {
		return []string{
			`{"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "{\"reasoning\": \"key is ` + Key + `\"}"}]}}]}`,
			`{"candidates": [{"finishReason": "` + Key + `"}]}`,
			`{"promptFeedback": {"blockReason": "` + Key + `"}}`,
		}
	}
	return []string{
		`{"choices": [{"finish_reason": "stop", "message": {"content": "{\"reasoning\": \"key is ` + Key + `\"}"}}]}`,
		`{"choices": [{"finish_reason": "stop", "message": {"content": [{"type": "text", "text": "` + Key + `"}]}}]}`,
		`{"choices": [{"finish_reason": "stop", "message": {"refusal": "you sent ` + Key + `"}}]}`,
		`{"error": {"message": "you sent ` + Key + `"}}`,
	}
}

// Conform puts a model before a server that meets its questions in every way that
// there is. The model is made for an address, with [Key] and [Model]. After each
// failure the next question must be answered.
func Conform(t *testing.T, p Protocol, make func(t *testing.T, url string) Checked) {
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, m := range meetings(p, elsewhere.URL) {
		t.Run(m.name, func(t *testing.T) {
			s := NewServer(t, p, m.step, Say(count))
			model := make(t, s.URL())
			defer model.Close()
			m.hold(t, model)
			reply, err := ask(t, model, patience)
			if err != nil || reply.Text != count {
				t.Errorf("the question after it: got %+v, %v", reply, err)
			}
			if n := len(s.Requests()); n != 2 {
				t.Errorf("%d requests for two questions", n)
			}
		})
		if m.asked || m.text != "" {
			continue
		}
		t.Run("check: "+m.name, func(t *testing.T) {
			s := NewServer(t, p, Say(count))
			s.Checks(m.step)
			model := make(t, s.URL())
			defer model.Close()
			ctx, cancel := context.WithTimeout(t.Context(), m.time())
			defer cancel()
			m.judge(t, model.Check(ctx))
		})
	}
	for _, body := range repeating(p) {
		t.Run("the key in "+body, func(t *testing.T) {
			model := make(t, NewServer(t, p, Raw(200, body)).URL())
			defer model.Close()
			reply, err := ask(t, model, patience)
			if err != nil {
				(&meeting{}).judge(t, err)
			}
			if said := reply.Text + fmt.Sprint(err); strings.Contains(said, Key) || !strings.Contains(said, "(hidden)") {
				t.Errorf("got %q, %v; want what hides the key", reply.Text, err)
			}
		})
	}
	if n := strayed.Load(); n > 0 {
		t.Errorf("%d requests went along with a redirect", n)
	}
	t.Run("checks", func(t *testing.T) { check(t, p, make) })
}

func (m *meeting) time() time.Duration {
	if m.within > 0 {
		return m.within
	}
	return patience
}

func ask(t *testing.T, model advisor.Model, within time.Duration) (advisor.Reply, error) {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return model.Generate(ctx, Prompt())
}

// hold asks and holds what comes against what must.
func (m *meeting) hold(t *testing.T, model advisor.Model) {
	t.Helper()
	reply, err := ask(t, model, m.time())
	if m.text == "" {
		m.judge(t, err)
		return
	}
	p := Prompt()
	want := advisor.Reply{Text: m.text, Cut: m.cut, In: Tokens(p.System + p.User), Out: Tokens(m.text)}
	if err != nil || reply != want {
		t.Errorf("got %+v, %v; want %+v", reply, err, want)
	}
}

// judge says whether an error is of the right kind, safe and short.
func (m *meeting) judge(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	t.Log(err)
	var later *advisor.Later
	switch {
	case !strings.Contains(err.Error(), m.says):
		t.Errorf("got %q, want %q in it", err, m.says)
	case errors.Is(err, advisor.ErrRefused) != m.refused:
		t.Errorf("got %q: refused must be %v", err, m.refused)
	case errors.As(err, &later) != (m.later > 0):
		t.Errorf("got %q: later must be %v", err, m.later > 0)
	case later != nil && (later.After < m.later-2*time.Second || later.After > m.later+2*time.Second):
		t.Errorf("got %v later, want %v", later.After, m.later)
	case errors.Is(err, context.DeadlineExceeded) != (m.within > 0):
		t.Errorf("got %q, with %v to answer", err, m.time())
	case len(err.Error()) > 600 || strings.Contains(err.Error(), Key):
		t.Errorf("got %d bytes, or the key: %q", len(err.Error()), err)
	}
	if i := strings.IndexFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("a character that a terminal obeys, at %d of %q", i, err)
	}
}

// check looks at servers without a question.
func check(t *testing.T, p Protocol, make func(t *testing.T, url string) Checked) {
	for _, tc := range []struct {
		name  string
		serve func(s *Server)
		says  string // "": all is well
	}{
		{"well", func(*Server) {}, ""},
		{"another key", func(s *Server) { s.Wants("another") }, "does not accept the key ("},
		{"unknown model", func(s *Server) { s.Serves("other") }, "model test-model is not "},
		{"no model at all", func(s *Server) { s.Serves() }, "model test-model is not "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := NewServer(t, p, Say(count))
			tc.serve(s)
			model := make(t, s.URL())
			defer model.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, asked := model.Generate(ctx, Prompt())
			for _, err := range []error{model.Check(ctx), asked} { // a question says the same
				if tc.says == "" && err != nil {
					t.Errorf("got %q", err)
				} else if tc.says != "" {
					(&meeting{refused: true, says: tc.says}).judge(t, err)
				}
			}
		})
	}
}
