package modelserver

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flyball-io/flyball/advisor"
)

const key = "secret-key-0123"

// get asks a server that answers as is said, with a key.
func get(t *testing.T, answer http.HandlerFunc) (*http.Response, error) {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c := New()
	t.Cleanup(c.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/models?q=secret-query", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	return c.HTTP().Do(r)
}

func TestAnAnswer(t *testing.T) {
	got, err := get(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Who", r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"error": null, "data": []}`)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || string(body) != `{"error": null, "data": []}` || got.StatusCode != 200 || got.Header.Get("X-Who") != "Bearer "+key {
		t.Errorf("got %v with %q, %v", got, body, err)
	}
}

// A server may repeat the key in a good answer too, in any spelling, and a model in
// the JSON that it writes as a text. What else it says stays as it is.
func TestTheKeyIsInNoAnswer(t *testing.T) {
	spelled := `\u0073ecret-\u006bey-0123`
	for body, want := range map[string]string{
		`{"a": "key is ` + key + `, ` + key + `!"}`:                   `{"a": "key is (hidden), (hidden)!"}`,
		`{"` + key + `": {"b": ["` + spelled + `", 1e300]}}`:          `{"(hidden)": {"b": ["(hidden)", 1e300]}}`,
		`{"a": "{\"b\":\"` + spelled + `\"}"}`:                        `{"a": "{\"b\":\"(hidden)\"}"}`,
		`{"a": "{\"b\":\"\\u0073ecret-key-0123\"}"}`:                  `{"a": "{\"b\":\"(hidden)\"}"}`,
		`{"a": "say \"\\\"` + key + `\\\"\" \\", "b": "` + key + `"}`: `{"a": "say \"\\\"(hidden)\\\"\" \\", "b": "(hidden)"}`,
		`{"a": "{\"b\": \"\u00e9 \\u0041\"}", "a": 1.50}`:             `{"a": "{\"b\": \"\u00e9 \\u0041\"}", "a": 1.50}`,
	} {
		got, err := get(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if text, err := io.ReadAll(got.Body); err != nil || string(text) != want || got.ContentLength != int64(len(want)) {
			t.Errorf("%s: got %s, %v; want %s", body, text, err, want)
		}
	}
	if got := hide([]byte(`{"replicas": "EMPTY"}`), "EMPTY"); string(got) != `{"replicas": "EMPTY"}` {
		t.Errorf("of what stands for no key: got %s", got)
	}
}

func TestWhatIsSaidInsteadOfAnAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		words      string
		names      []string
		after      time.Duration
	}{
		{"of OpenAI", `{"error": {"message": "no", "type": "requests", "param": "p", "code": "rate_limit_exceeded"}}`, "no", []string{"requests", "p", "rate_limit_exceeded"}, 0},
		{"of vLLM", `{"error": {"message": "no", "type": "NotFoundError", "code": 404}}`, "no", []string{"NotFoundError"}, 0},
		{"of old vLLM", `{"object": "error", "message": "no", "type": "NotFoundError"}`, "no", []string{"NotFoundError"}, 0},
		{"a text", `{"error": "no"}`, "no", nil, 0},
		{"of Google", `{"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "x", "reason": "R"}, {"@type": "y", "retryDelay": "34.5s"}]}}`, "no", []string{"RESOURCE_EXHAUSTED", "R"}, 34500 * time.Millisecond},
		{"of Google in a list", `[{"error": {"message": "no", "status": "NOT_FOUND"}}]`, "no", []string{"NOT_FOUND"}, 0},
		{"fields of other kinds", `{"error": {"message": "no", "type": 7, "details": {"a": 1}, "status": "S"}}`, "no", []string{"S"}, 0},
		{"a delay of the past", `{"error": {"message": "no", "details": [{"retryDelay": "-5s"}]}}`, "no", nil, 0},
		{"no message", `{"error": {"why": 1}}`, `{"why": 1}`, nil, 0},
		{"no JSON", "go\n away\x00\x1b[2J\u202e\u009b", "go away??[2J??", nil, 0},
		{"the key", "not " + key + "!", "not (hidden)!", nil, 0},
		{"many words", strings.Repeat("é", 1000), strings.Repeat("é", 100) + "…", nil, 0},
		{"nothing", "", "", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusTeapot)
				_, _ = io.WriteString(w, tc.body)
			})
			var s *Status
			if !errors.As(err, &s) {
				t.Fatalf("got %v", err)
			}
			if s.Code != http.StatusTeapot || s.Words != tc.words || s.After != tc.after {
				t.Errorf("got %+v, want %+v", s, tc)
			}
			for _, name := range tc.names {
				if !s.Named("another", name) || !s.Mentions(strings.ToLower(name)) {
					t.Errorf("got %q, want %q in it", s.Names, name)
				}
			}
			if got := s.Error(); !strings.HasPrefix(got, "GET http://127.0.0.1:") || !strings.Contains(got, "/v1/models: status 418: "+tc.words) || strings.Contains(got, "secret") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "-1": 0, "NaN": 0, "soon": 0, "1": time.Second, "2.5": 2500 * time.Millisecond, "1e300": mostAfter, "Inf": mostAfter,
		"Mon, 23 Nov 2026 12:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 11:00:00 GMT": 0, "Monday, 23-Nov-26 12:01:00 GMT": time.Minute,
	} {
		h := http.Header{"Date": {now.Format(http.TimeFormat)}, "Retry-After": {text}}
		if got := retryAfter(h); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	// Without the server's own time it is held against this machine's.
	h := http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}
	if got := retryAfter(h); got < 59*time.Minute || got > time.Hour {
		t.Errorf("got %v, want about an hour", got)
	}
}

func TestMeaning(t *testing.T) {
	for _, tc := range []struct {
		status  Status
		refused bool
		later   time.Duration
		says    string
	}{
		{Status{Code: 401}, true, 0, "does not accept the key (K)"},
		{Status{Code: 403, After: time.Second}, true, 0, "does not accept the key (K)"},
		{Status{Code: 400, Names: []string{"API_KEY_INVALID"}}, true, 0, "does not accept the key (K)"},
		{Status{Code: 400}, false, 0, "status 400"},
		{Status{Code: 402}, true, 0, "no credit"},
		{Status{Code: 429, Names: []string{"insufficient_quota"}}, true, 0, "no credit"},
		{Status{Code: 429}, false, 0, "status 429"},
		{Status{Code: 429, After: time.Minute}, false, time.Minute, "status 429"},
		{Status{Code: 503, After: time.Minute}, false, time.Minute, "status 503"},
		{Status{Code: 302}, true, 0, "sends elsewhere"},
		{Status{Code: 500}, false, 0, "status 500: Internal Server Error"},
		{Status{Code: 799}, false, 0, "status 799: no words"},
	} {
		err := tc.status.Meaning("K")
		var later *advisor.Later
		if errors.As(err, &later); errors.Is(err, advisor.ErrRefused) != tc.refused || (later != nil) != (tc.later > 0) || later != nil && later.After != tc.later || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v: got %v", tc.status, err)
		}
	}
}

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	environment := func(value string) func(string) string {
		return func(name string) string {
			if name == "KEY" {
				return value
			}
			return ""
		}
	}
	for _, tc := range []struct {
		name, content, variable, want, says string
		file                                bool
	}{
		{name: "of the environment", variable: " k1 \n", want: "k1"},
		{name: "none"},
		{name: "of two lines", variable: "k1\nk2", says: "KEY: must hold one line with a key"},
		{name: "of other letters", variable: "schlüssel", says: "KEY: must hold one line with a key"},
		{name: "of a file", file: true, content: "k1\r\n", variable: "k2", want: "k1"},
		{name: "of an empty file", file: true, content: " \n", variable: "k2", says: "is empty"},
		{name: "of a file of two lines", file: true, content: "k1\nk2", says: "keyFile "},
		{name: "of a long file", file: true, content: strings.Repeat("k", mostKey+1), says: "has more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := Key{Variable: "KEY", Getenv: environment(tc.variable)}
			if tc.file {
				k.File = file
				if err := os.WriteFile(file, []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := k.Read()
			if got != tc.want || (err == nil) != (tc.says == "") || err != nil && (!errors.Is(err, advisor.ErrRefused) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "k1")) {
				t.Errorf("got %q, %v; want %q, %q", got, err, tc.want, tc.says)
			}
		})
	}
}

// A library that panics, or repeats an answer in its error, is not passed on.
func TestGuarded(t *testing.T) {
	var nothing any = "text"
	for name, call := range map[string]func() (int, error){
		"panics": func() (int, error) { return len(nothing.([]any)), nil },
		"quotes": func() (int, error) { return 0, errors.New("cannot read: \x1b[2J the whole answer") },
	} {
		if _, err := Guarded(call); !errors.Is(err, errShape) || strings.Contains(err.Error(), "answer ") && err.Error() != errShape.Error() {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n, err := Guarded(func() (int, error) { return 4, nil }); n != 4 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestTheSchemaIsToldWhoIsNotGivenIt(t *testing.T) {
	p := advisor.Prompt{System: "Count.", Schema: []byte(`{"type":"object"}`)}
	var told []bool
	for _, f := range []Format{Schema, Object, Anyhow} {
		text := f.System(p)
		told = append(told, strings.Contains(text, string(p.Schema)) && strings.Contains(text, "JSON"))
		if !strings.HasPrefix(text, p.System) {
			t.Errorf("%v: got %q", f, text)
		}
	}
	if !slices.Equal(told, []bool{false, true, true}) {
		t.Errorf("told %v", told)
	}
	if got := Object.System(advisor.Prompt{System: "Count."}); got != "Count." {
		t.Errorf("without a schema: got %q", got)
	}
}

// Whatever a server says comes to words that may be shown and a time that is none
// or in the future.
func FuzzWords(f *testing.F) {
	for _, body := range []string{`{"error": {"message": "no", "code": 7, "details": [{"retryDelay": "1h"}]}}`, `[{"error": "x"}]`, `{"object": "error"}`, "\x00\xff" + key, `{"error": [1]}`} {
		f.Add(body, "3")
	}
	f.Fuzz(func(t *testing.T, body, after string) {
		said := parse([]byte(body))
		text := clean(said.text, key, mostWords)
		if len(text) > mostWords+len("…") || !utf8.ValidString(text) || strings.Contains(text, key) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: got %q", body, text)
		}
		if got := retryAfter(http.Header{"Retry-After": {after}, "Date": {"Mon, 23 Nov 2026 12:00:00 GMT"}}); got < 0 || said.after < 0 {
			t.Errorf("%q, %q: got %v, %v", body, after, said.after, got)
		}
	})
}
