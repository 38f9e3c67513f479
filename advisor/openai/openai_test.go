package openai_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/advisor/openai"
	"github.com/flyball-io/flyball/policy/advised"
)

// environment is one with some variables, as name and value.
func environment(all ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(all); i += 2 {
			if all[i] == name {
				return all[i+1]
			}
		}
		return ""
	}
}

func named(t *testing.T, url, name string) *openai.Model {
	t.Helper()
	m, err := openai.New(advised.OpenAI{URL: url, Model: name}, environment(openai.KeyVariable, advisortest.Key, openai.URLVariable, url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func model(t *testing.T, url string) *openai.Model { return named(t, url, advisortest.Model) }

func TestEveryWayToBeMet(t *testing.T) {
	for _, p := range []advisortest.Protocol{advisortest.OpenAI, advisortest.Ollama} {
		t.Run(string(p), func(t *testing.T) {
			advisortest.Conform(t, p, func(t *testing.T, url string) advisortest.Checked { return model(t, url) })
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("{}"))
	p := advisortest.Prompt()
	if _, err := model(t, s.URL()+"/").Generate(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want := advisortest.Request{Model: advisortest.Model, System: p.System, User: p.User, Format: advisortest.JSONSchema, Schema: string(p.Schema), SchemaName: "count",
		MostTokens: 100, Temperature: 0.5, Key: advisortest.Key, Path: "/v1/chat/completions"}
	if got := s.Requests()[0]; got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A temperature of 0 is no number that servers take their own for.
func TestTheTemperatureIsSent(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("{}"))
	p := advisortest.Prompt()
	p.Temperature = 0
	if _, err := model(t, s.URL()).Generate(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := s.Requests()[0].Temperature; got <= 0 || got > 1e-3 {
		t.Errorf("got %v, want next to nothing", got)
	}
}

// What a server does not know is left out, at once and from then on.
func TestWhatAServerLacksIsLeftOut(t *testing.T) {
	const room = 4096
	p := advisortest.Prompt()
	for _, tc := range []struct {
		name     string
		model    string
		lacks    []advisortest.Feature
		requests int // for the first question; the second takes one
		format   advisortest.Feature
		most     int
		own      bool // temperature
	}{
		{"nothing", advisortest.Model, nil, 1, advisortest.JSONSchema, 100, false},
		{"schemas", advisortest.Model, []advisortest.Feature{advisortest.JSONSchema}, 2, advisortest.JSONObject, 100, false},
		{"formats", advisortest.Model, []advisortest.Feature{advisortest.JSONSchema, advisortest.JSONObject}, 3, "", 100, false},
		{"max_tokens", advisortest.Model, []advisortest.Feature{advisortest.MaxTokens}, 2, advisortest.JSONSchema, 100 + room, false},
		{"temperature", advisortest.Model, []advisortest.Feature{advisortest.Temperature}, 2, advisortest.JSONSchema, 100, true},
		{"all of them", advisortest.Model, []advisortest.Feature{advisortest.MaxTokens, advisortest.Temperature, advisortest.JSONSchema, advisortest.JSONObject}, 5, "", 100 + room, true},
		{"what OpenAI's models that think lack", "gpt-5-mini", []advisortest.Feature{advisortest.MaxTokens, advisortest.Temperature}, 1, advisortest.JSONSchema, 100 + room, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("{}"))
			s.Lacks(tc.lacks...)
			m := named(t, s.URL(), tc.model)
			for i := range 2 {
				if _, err := m.Generate(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				all := s.Requests()
				if len(all) != tc.requests+i {
					t.Fatalf("question %d: %d requests, want %d", i, len(all), tc.requests+i)
				}
				last := all[len(all)-1]
				if last.Format != tc.format || last.MostTokens != tc.most || (last.Temperature < 0) != tc.own {
					t.Errorf("question %d: got %+v", i, last)
				}
				if told := strings.Contains(last.System, string(p.Schema)); told != (tc.format != advisortest.JSONSchema) {
					t.Errorf("question %d: the schema is told in words: %v", i, told)
				}
			}
		})
	}
}

// A request that is wrong for another reason is no reason to ask for less.
func TestAnotherFaultOfTheRequest(t *testing.T) {
	for _, words := range []string{
		`{"error": {"message": "'max_tokens' or 'max_completion_tokens' is too large: 100. This model's maximum context length is 64 tokens.", "type": "BadRequestError", "code": 400}}`,
		`{"error": {"message": "no"}}`, `{"object": "error", "message": "no", "code": 400}`, `{"detail": "no"}`,
	} {
		s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Raw(400, words), advisortest.Say("{}"))
		m := model(t, s.URL())
		if _, err := m.Generate(t.Context(), advisortest.Prompt()); err == nil || !strings.Contains(err.Error(), "status 400: ") || strings.Contains(err.Error(), `"code"`) {
			t.Errorf("%s: got %v", words, err)
		}
		if _, err := m.Generate(t.Context(), advisortest.Prompt()); err != nil {
			t.Error(err)
		}
		if all := s.Requests(); len(all) != 2 || all[0] != all[1] {
			t.Errorf("%s: asked %+v", words, all)
		}
	}
}

// Who thought away all of its tokens gets room for it.
func TestThoughtsGetRoom(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Cut(""), advisortest.Say("42"))
	m := model(t, s.URL())
	if got, err := m.Generate(t.Context(), advisortest.Prompt()); err == nil || got.In == 0 {
		t.Errorf("got %+v, %v; want what it took and an error", got, err)
	}
	if got, err := m.Generate(t.Context(), advisortest.Prompt()); err != nil || got.Text != "42" {
		t.Errorf("got %+v, %v", got, err)
	}
	if most := s.Requests()[1].MostTokens; most <= 4096 {
		t.Errorf("it has %d tokens for thoughts and answer", most)
	}
}

// Who refuses says why, in the model's words.
func TestARefusal(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Raw(200, `{"choices":[{"message":{"content":null,"refusal":"I can't\u001b[2J help"},"finish_reason":"stop"}]}`))
	_, err := model(t, s.URL()).Generate(t.Context(), advisortest.Prompt())
	if err == nil || !strings.HasSuffix(err.Error(), "the model refuses: I can't?[2J help") {
		t.Errorf("got %v", err)
	}
}

// Words of many servers that do not have a model, or nothing at an address.
func TestWordsThatHelp(t *testing.T) {
	for _, tc := range []struct {
		name string
		step advisortest.Step
		says string
	}{
		{"Ollama", advisortest.Raw(404, `{"error":{"message":"model 'm' not found","type":"not_found_error","param":null,"code":null}}`), "model test-model is not pulled: ollama pull test-model"},
		{"old Ollama", advisortest.Raw(404, `{"error":{"message":"model \"m\" not found, try pulling it first","type":"api_error","param":null,"code":null}}`), "model test-model is not pulled: ollama pull test-model"},
		{"OpenAI", advisortest.Raw(404, `{"error":{"message":"The model does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}`), "model test-model is not known to 127.0.0.1:"},
		{"vLLM", advisortest.Raw(404, `{"error":{"message":"The model does not exist.","type":"NotFoundError","param":"model","code":404}}`), "model test-model is not known to 127.0.0.1:"},
		{"old vLLM", advisortest.Raw(404, `{"object":"error","message":"The model does not exist.","type":"NotFoundError","param":null,"code":404}`), "model test-model is not known to 127.0.0.1:"},
		{"another path", advisortest.Raw(404, "404 page not found\n"), "does the url lack /v1?"},
		{"a list", advisortest.Raw(401, `[{"error":{"message":"no key","status":"UNAUTHENTICATED"}}]`), "status 401: no key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := advisortest.NewServer(t, advisortest.OpenAI, tc.step)
			s.Checks(tc.step)
			m := model(t, s.URL())
			_, asked := m.Generate(t.Context(), advisortest.Prompt())
			for _, err := range []error{asked, m.Check(t.Context())} {
				if !errors.Is(err, advisor.ErrRefused) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("got %v, want %q", err, tc.says)
				}
			}
		})
	}
}

func TestTheURLLacksAPath(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say("{}"))
	err := model(t, strings.TrimSuffix(s.URL(), "/v1")).Check(t.Context())
	if !errors.Is(err, advisor.ErrRefused) || !strings.Contains(err.Error(), "does the url lack /v1?") {
		t.Errorf("got %v", err)
	}
}

func TestCheckKnowsNamesInOtherForms(t *testing.T) {
	for listed, known := range map[string]bool{advisortest.Model + ":latest": true, "models/" + advisortest.Model: true, advisortest.Model + ":3b": false, "my-" + advisortest.Model: false} {
		s := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say("{}"))
		s.Serves("other", listed)
		if err := model(t, s.URL()).Check(t.Context()); (err == nil) != known || err != nil && !strings.Contains(err.Error(), "ollama pull") {
			t.Errorf("%s: got %v", listed, err)
		}
	}
}

func TestTheKey(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("{}"))
	open := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say("{}"))
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(advisortest.Key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, url, file, variable, says string }{
		{"in a file", s.URL(), file, "another", ""},
		{"in the environment", s.URL(), "", advisortest.Key, ""},
		{"nowhere, and none is needed", open.URL(), "", "", ""},
		{"nowhere", s.URL(), "", "", "does not accept the key (none is sent: set OPENAI_API_KEY, or keyFile)"},
		{"another", s.URL(), "", "another-key", "does not accept the key (OPENAI_API_KEY)"},
		{"in no file", s.URL(), file + "x", advisortest.Key, "refused: keyFile: "},
		{"of many lines", s.URL(), "", "a\nb", "OPENAI_API_KEY: must hold one line with a key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := openai.New(advised.OpenAI{URL: tc.url, Model: advisortest.Model, KeyFile: tc.file}, environment(openai.KeyVariable, tc.variable, openai.URLVariable, tc.url))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			_, err = m.Generate(t.Context(), advisortest.Prompt())
			for _, err := range []error{err, m.Check(t.Context())} {
				if tc.says == "" && err != nil || tc.says != "" && (!errors.Is(err, advisor.ErrRefused) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "another-key")) {
					t.Errorf("got %v, want %q", err, tc.says)
				}
			}
		})
	}
	if all := open.Requests(); len(all) != 1 || all[0].Key != "" {
		t.Errorf("got %+v, want no key sent", all)
	}
}

func TestConfigurations(t *testing.T) {
	for _, tc := range []struct {
		cfg             advised.OpenAI
		variable        string
		name, refused   string
		withoutVariable bool
	}{
		{cfg: advised.OpenAI{Model: "qwen2.5-coder:3b"}, name: "qwen2.5-coder:3b at 127.0.0.1:11434"},
		{cfg: advised.OpenAI{Model: "m"}, variable: "https://api.example.com/v1", name: "m at api.example.com"},
		{cfg: advised.OpenAI{Model: "m", URL: "http://127.0.0.1:8000/v1"}, variable: "https://api.example.com/v1", name: "m at 127.0.0.1:8000"},
		{cfg: advised.OpenAI{URL: "http://127.0.0.1:8000/v1"}, refused: "model: must not be empty"},
		{cfg: advised.OpenAI{Model: "m"}, variable: "api.example.com", refused: "OPENAI_BASE_URL: must begin with http"},
		{cfg: advised.OpenAI{Model: "m", URL: "https://user:secret@x/v1"}, refused: "url: must not hold a user"},
		{cfg: advised.OpenAI{Model: "m", URL: "https://x/v1?key=secret"}, refused: "url: must not hold a query"},
	} {
		m, err := openai.New(tc.cfg, environment(openai.URLVariable, tc.variable))
		if err == nil && m.Name() != tc.name || err != nil && (tc.refused == "" || !strings.Contains(err.Error(), tc.refused) || strings.Contains(err.Error(), "secret")) || (err == nil) != (tc.refused == "") {
			t.Errorf("%+v: got %v, %v; want %q, %q", tc.cfg, m, err, tc.name, tc.refused)
		}
	}
}

// Nobody listens: the error of the network, and of Ollama's port what to do.
func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	m := model(t, "http://"+address+"/v1")
	_, asked := m.Generate(t.Context(), advisortest.Prompt())
	for _, err := range []error{asked, m.Check(t.Context())} {
		if err == nil || errors.Is(err, advisor.ErrRefused) || !strings.Contains(err.Error(), address) {
			t.Errorf("got %v", err)
		}
	}
}

// Who ends a question ends it at once.
func TestAQuestionThatIsGivenUp(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Hang())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := model(t, s.URL()).Generate(ctx, advisortest.Prompt()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Many targets ask the same model, also while it is found out what it knows.
func TestManyAskAtOnce(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Answer(func(prompt string) string { return "to " + prompt }))
	s.Lacks(advisortest.JSONSchema, advisortest.MaxTokens)
	m := model(t, s.URL())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				p := advisortest.Prompt()
				p.User = fmt.Sprint(i, j)
				if got, err := m.Generate(t.Context(), p); err != nil || got.Text != "to "+p.User {
					t.Errorf("got %q, %v to %s", got.Text, err, p.User)
				}
			}
		})
	}
	all.Wait()
}

// Whatever comes in the place of an answer is a text, or an error of one line.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"choices":[{"message":{"content":"4"},"finish_reason":"stop"}],"usage":{"prompt_tokens":-1,"completion_tokens":2}}`, `{"choices":[{"message":{"content":[{"type":"text","text":"4"}]}}]}`,
		`{"choices":[{"message":{"content":"","refusal":"\u001b"},"finish_reason":"length"}]}`, `{"error":{"message":"\u0007"}}`, `[]`, `{`, `{"choices":[{"finish_reason":"content_filter"}]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Raw(200, body))
		got, err := model(t, s.URL()).Generate(t.Context(), advisortest.Prompt())
		switch {
		case err == nil && got.Text == "" && !got.Cut, got.In < 0, got.Out < 0:
			t.Errorf("%q: got %+v", body, got)
		case err != nil && (len(err.Error()) > 600 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) })):
			t.Errorf("%q: got %q", body, err)
		}
	})
}

// What makes another account of the same model is told apart, and nothing else.
func TestAccounts(t *testing.T) {
	account := func(cfg advised.OpenAI) string {
		m, err := openai.New(cfg, environment(openai.KeyVariable, advisortest.Key))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return m.Account()
	}
	one := advised.OpenAI{URL: "http://models/v1", Model: "m", KeyFile: "/one"}
	if first, again := account(one), account(one); first != again || strings.Contains(account(advised.OpenAI{URL: "http://models", Model: "m"}), advisortest.Key) {
		t.Errorf("got %q, want the same each time, without the key", account(one))
	}
	for _, other := range []advised.OpenAI{
		{URL: "http://models/other", Model: "m", KeyFile: "/one"}, {URL: "http://others/v1", Model: "m", KeyFile: "/one"},
		{URL: "http://models/v1", Model: "n", KeyFile: "/one"}, {URL: "http://models/v1", Model: "m", KeyFile: "/two"},
		{URL: "http://models/v1", Model: "m"},
	} {
		if account(other) == account(one) {
			t.Errorf("%+v and %+v are one account: %q", one, other, account(one))
		}
	}
}

func TestAKeyThatCannotBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	m, err := openai.New(advised.OpenAI{Model: "m", KeyFile: file}, environment())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.HasKey(); !errors.Is(err, advisor.ErrRefused) {
		t.Errorf("without a file: got %v, want it refused", err)
	}
	if err := os.WriteFile(file, []byte(advisortest.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.HasKey(); err != nil {
		t.Errorf("with a key: got %v", err)
	}
}
