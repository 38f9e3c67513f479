package gemini_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/advisor/gemini"
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

// keyFile is a file with the key.
func keyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(advisortest.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func model(t *testing.T, url string) *gemini.Model {
	t.Helper()
	m, err := gemini.New(advised.Gemini{URL: url, Model: advisortest.Model, KeyFile: keyFile(t)}, environment())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestEveryWayToBeMet(t *testing.T) {
	advisortest.Conform(t, advisortest.Gemini, func(t *testing.T, url string) advisortest.Checked { return model(t, url) })
}

func TestWhatIsAsked(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Say("{}"))
	p := advisortest.Prompt()
	p.Temperature = 0
	p.Schema = json.RawMessage(`{"type":"object","properties":{"why":{"type":"string"},"replicas":{"type":"integer"}},"required":["why","replicas"],"additionalProperties":false}`)
	if _, err := model(t, s.URL()).Generate(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want := advisortest.Request{Model: advisortest.Model, System: p.System, User: p.User, Format: advisortest.JSONSchema,
		Schema:     `{"additionalProperties":false,"properties":{"replicas":{"type":"integer"},"why":{"type":"string"}},"propertyOrdering":["why","replicas"],"required":["why","replicas"],"type":"object"}`,
		MostTokens: 100, Temperature: 0, Key: advisortest.Key, Path: "/v1beta/models/test-model:generateContent"}
	got := s.Requests()[0]
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What a model does not know is left out, at once and from then on.
func TestWhatAModelLacksIsLeftOut(t *testing.T) {
	const room = 4096
	p := advisortest.Prompt()
	for _, tc := range []struct {
		name     string
		lacks    []advisortest.Feature
		requests int // for the first question; the second takes one
		format   advisortest.Feature
		most     int
		merged   bool
	}{
		{"nothing", nil, 1, advisortest.JSONSchema, 100, false},
		{"schemas", []advisortest.Feature{advisortest.JSONSchema}, 2, advisortest.JSONObject, 100, false},
		{"JSON", []advisortest.Feature{advisortest.JSONSchema, advisortest.JSONObject}, 3, "", 100, false},
		{"a way not to think", []advisortest.Feature{advisortest.NoThinking}, 2, advisortest.JSONSchema, 100 + room, false},
		{"instructions", []advisortest.Feature{advisortest.System}, 2, advisortest.JSONSchema, 100, true},
		{"all of them", []advisortest.Feature{advisortest.System, advisortest.NoThinking, advisortest.JSONSchema, advisortest.JSONObject}, 5, "", 100 + room, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Say("{}"))
			s.Lacks(tc.lacks...)
			m := model(t, s.URL())
			for i := range 2 {
				if _, err := m.Generate(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				all := s.Requests()
				if len(all) != tc.requests+i {
					t.Fatalf("question %d: %d requests, want %d", i, len(all), tc.requests+i)
				}
				last := all[len(all)-1]
				if last.Format != tc.format || last.MostTokens != tc.most || (last.System == "") != tc.merged || !strings.Contains(last.System+last.User, p.System) {
					t.Errorf("question %d: got %+v", i, last)
				}
				if told := strings.Contains(last.System+last.User, string(p.Schema)); told != (tc.format != advisortest.JSONSchema) {
					t.Errorf("question %d: the schema is told in words: %v", i, told)
				}
			}
		})
	}
}

// Who thought away all of its tokens gets room for it.
func TestThoughtsGetRoom(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Gemini,
		advisortest.Raw(200, `{"candidates": [{"content": {"parts": [{"text": "hm", "thought": true}]}, "finishReason": "MAX_TOKENS"}], "usageMetadata": {"promptTokenCount": 8, "thoughtsTokenCount": 97}}`),
		advisortest.Raw(200, `{"candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "4"}, {"text": "2"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 8, "thoughtsTokenCount": 970, "candidatesTokenCount": 2}}`))
	m := model(t, s.URL())
	got, err := m.Generate(t.Context(), advisortest.Prompt())
	if err == nil || got.In != 8 || got.Out != 97 {
		t.Errorf("got %+v, %v; want what it took and an error", got, err)
	}
	got, err = m.Generate(t.Context(), advisortest.Prompt())
	if want := (advisor.Reply{Text: "42", In: 8, Out: 972}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if most := s.Requests()[1].MostTokens; most <= 4096 {
		t.Errorf("it has %d tokens for thoughts and answer", most)
	}
}

func TestTheKey(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Say("{}"))
	file := filepath.Join(t.TempDir(), "key")
	for _, tc := range []struct {
		name, content, variable, says string // says "": it is taken
	}{
		{"in a file", advisortest.Key + "\n", "", ""},
		{"in a file rather than the environment", advisortest.Key, "another", ""},
		{"of two lines", advisortest.Key + "\nmore", "", "must hold one line with a key"},
		{"of nothing", " \n", advisortest.Key, "is empty"},
		{"of too much", strings.Repeat("x", 1<<20), "", "has more than"},
		{"another", "another-key", "", "does not accept the key (keyFile "},
		{"in no file", "-", advisortest.Key, "refused: keyFile: "},
		{"in the environment, for Google alone", "", advisortest.Key, "no key: GEMINI_API_KEY is for https://generativelanguage.googleapis.com alone, so this url needs a keyFile of its own"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := advised.Gemini{URL: s.URL(), Model: advisortest.Model, KeyFile: file}
			os.Remove(file)
			if tc.content == "" {
				cfg.KeyFile = ""
			} else if tc.content != "-" {
				if err := os.WriteFile(file, []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m, err := gemini.New(cfg, environment(gemini.KeyVariable, tc.variable))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			_, err = m.Generate(t.Context(), advisortest.Prompt())
			checked := m.Check(t.Context())
			if tc.says == "" && (err != nil || checked != nil) {
				t.Errorf("got %v, %v", err, checked)
			}
			for _, err := range []error{err, checked} {
				if tc.says != "" && (!errors.Is(err, advisor.ErrRefused) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), advisortest.Key) || strings.Contains(err.Error(), "another-key")) {
					t.Errorf("got %v, want %q", err, tc.says)
				}
			}
		})
	}
}

// The key of the environment is Google's, however its address is written.
func TestTheKeyOfTheEnvironment(t *testing.T) {
	for url, its := range map[string]bool{"": true, "https://generativelanguage.googleapis.com/": true, "http://generativelanguage.googleapis.com": false, "https://generativelanguage.googleapis.com.evil": false} {
		m, err := gemini.New(advised.Gemini{URL: url, Model: "m"}, environment(gemini.KeyVariable, " "+advisortest.Key+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := m.HasKey(); (err == nil) != its {
			t.Errorf("%q: got %v, want the key: %v", url, err, its)
		}
	}
}

// A key that was rotated is used for the next question.
func TestARotatedKey(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Say("{}"))
	file := filepath.Join(t.TempDir(), "key")
	m, err := gemini.New(advised.Gemini{URL: s.URL(), Model: advisortest.Model, KeyFile: file}, environment())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, key := range []string{"first", "second"} {
		s.Wants(key)
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Generate(t.Context(), advisortest.Prompt()); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestConfigurations(t *testing.T) {
	for _, tc := range []struct {
		cfg        advised.Gemini
		name, says string
	}{
		{advised.Gemini{Model: "gemini-2.5-flash"}, "gemini-2.5-flash at generativelanguage.googleapis.com", ""},
		{advised.Gemini{Model: "m", URL: "http://127.0.0.1:1"}, "m at 127.0.0.1:1", ""},
		{advised.Gemini{}, "", "model: must not be empty"},
		{advised.Gemini{Model: "m", URL: "ftp://x"}, "", "url: must begin with http"},
		{advised.Gemini{Model: "m", URL: "https://user:secret@x"}, "", "url: must not hold a user"},
	} {
		m, err := gemini.New(tc.cfg, environment())
		if err == nil && m.Name() != tc.name || err != nil && (tc.says == "" || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret")) || (err == nil) != (tc.says == "") {
			t.Errorf("%+v: got %v, %v; want %q, %q", tc.cfg, m, err, tc.name, tc.says)
		}
	}
}

// Variables of Google's other libraries lead nowhere else.
func TestNoOtherVariableCounts(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Say("{}"))
	for name, value := range map[string]string{"GOOGLE_API_KEY": "another", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1",
		"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "eu"} {
		t.Setenv(name, value)
	}
	if _, err := model(t, s.URL()).Generate(t.Context(), advisortest.Prompt()); err != nil {
		t.Error(err)
	}
}

// Many targets ask the same model, also while it is found out what it knows.
func TestManyAskAtOnce(t *testing.T) {
	s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Answer(func(prompt string) string { return "to " + prompt }))
	s.Lacks(advisortest.JSONSchema, advisortest.NoThinking)
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
		`{"candidates":[{"content":{"parts":[{"text":"4"},{"text":"x","thought":true}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":-1,"candidatesTokenCount":2,"thoughtsTokenCount":3}}`,
		`{"promptFeedback":{"blockReason":"\u001b"}}`, `{"candidates":[{"finishReason":"\u0007"}]}`, `{"error":{"message":"\u0007"}}`, `[]`, `{`, `{"candidates":[{"citationMetadata":[]}],"modelVersion":7}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := advisortest.NewServer(t, advisortest.Gemini, advisortest.Raw(200, body))
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
	account := func(cfg advised.Gemini) string {
		m, err := gemini.New(cfg, environment(gemini.KeyVariable, advisortest.Key))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return m.Account()
	}
	one := advised.Gemini{URL: "http://models/base", Model: "m", KeyFile: "/one"}
	if first, again := account(one), account(one); first != again || strings.Contains(account(advised.Gemini{URL: "http://models", Model: "m"}), advisortest.Key) {
		t.Errorf("got %q, want the same each time, without the key", account(one))
	}
	for _, other := range []advised.Gemini{
		{URL: "http://models/other", Model: "m", KeyFile: "/one"}, {URL: "http://others/base", Model: "m", KeyFile: "/one"},
		{URL: "http://models/base", Model: "n", KeyFile: "/one"}, {URL: "http://models/base", Model: "m", KeyFile: "/two"},
		{URL: "http://models/base", Model: "m"},
	} {
		if account(other) == account(one) {
			t.Errorf("%+v and %+v are one account: %q", one, other, account(one))
		}
	}
}

func TestAKeyThatCannotBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	m, err := gemini.New(advised.Gemini{Model: "m", KeyFile: file}, environment())
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
