package doctor_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/app/doctor"
)

// advised is a document whose policy is advised by whom.
func advised(by string) string {
	return "  objective: {latency: {threshold: 500ms, target: 99%}}\n  shadows: [{advised: {advisor: {" + by + "}}}]\n"
}

// alone makes the environment name nobody.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GEMINI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY", "LLM_RPM"} {
		t.Setenv(name, "")
	}
}

func TestWhoAdvises(t *testing.T) {
	ollama := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say("never asked"))
	hosted := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("never asked"))
	google := advisortest.NewServer(t, advisortest.Gemini, advisortest.Say("never asked"))
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(advisortest.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		by           string
		key          string // of the environment, NAME=value …
		status       doctor.Status
		message, fix string
	}{
		"a model that is pulled":     {`openai: {url: "` + ollama.URL() + `"}`, "", doctor.OK, "shop: qwen2.5-coder:3b at 127.0.0.1", ""},
		"one that is not":            {`openai: {url: "` + ollama.URL() + `", model: "big:70b"}`, "", doctor.Fail, "big:70b", "correct key, model or address"},
		"a server that is away":      {`openai: {url: "http://127.0.0.1:1/v1"}`, "", doctor.Fail, "connection refused", "start the server"},
		"the right key":              {`openai: {}`, "OPENAI_BASE_URL=" + hosted.URL() + " OPENAI_API_KEY=" + advisortest.Key, doctor.OK, "takes the key", ""},
		"a wrong key":                {`openai: {}`, "OPENAI_BASE_URL=" + hosted.URL() + " OPENAI_API_KEY=wrong-key-1234", doctor.Fail, "does not accept the key (OPENAI_API_KEY)", "correct key"},
		"no key":                     {`gemini: {}`, "", doctor.Fail, "no key: set GEMINI_API_KEY", "correct key"},
		"a key of another":           {`openai: {url: "` + hosted.URL() + `"}`, "OPENAI_API_KEY=" + advisortest.Key, doctor.Fail, "OPENAI_API_KEY is for https://api.openai.com/v1 alone, so this url needs a keyFile of its own", "correct key"},
		"Gemini with one":            {`gemini: {url: "` + google.URL() + `", keyFile: "` + file + `"}`, "", doctor.OK, "gemini-2.5-flash at 127.0.0.1", ""},
		"found in the environment":   {``, "OPENAI_BASE_URL=" + ollama.URL(), doctor.OK, "(found: OPENAI_BASE_URL)", ""},
		"an environment without one": {``, "OPENAI_BASE_URL=nonsense", doctor.Fail, "OPENAI_BASE_URL: ", "correct it"},
		"a pace that is none":        {`openai: {url: "` + ollama.URL() + `"}`, "LLM_RPM=fast", doctor.Fail, "LLM_RPM: must be a number", "set a number"},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t)
			for each := range strings.FieldsSeq(tc.key) {
				variable, value, _ := strings.Cut(each, "=")
				t.Setenv(variable, value)
			}
			p := newPatient(t)
			p.document = advised(tc.by)
			found := find(t, p.examine(), "advisor")
			r := found[len(found)-1]
			if text := r.Target + ": " + r.Message; r.Status != tc.status || !strings.Contains(text, tc.message) || !strings.Contains(r.Fix, tc.fix) || strings.ContainsAny(r.Message, "\n") {
				t.Errorf("got %+v, want %s %q (%q) in one line", r, tc.status, tc.message, tc.fix)
			}
			if strings.Contains(r.Message, "wrong-key") {
				t.Errorf("the key is told: %s", r.Message)
			}
		})
	}
	for _, s := range []*advisortest.Server{ollama, hosted, google} {
		for _, q := range s.Requests() {
			if q.User != "" {
				t.Errorf("a question was put, which may cost money: %+v", q)
			}
		}
	}
}

// Without a document those are asked whom the environment names, and nobody else.
func TestWhoAdvisesWithoutADocument(t *testing.T) {
	alone(t)
	o := newPatient(t).options
	if results := doctor.Examine(t.Context(), o); slices.ContainsFunc(results, func(r doctor.Result) bool { return r.Check == "advisor" }) {
		t.Errorf("nobody is named: got %+v", results)
	}
	s := advisortest.NewServer(t, advisortest.OpenAI, advisortest.Say("never asked"))
	s.Checks(advisortest.Busy(http.StatusTooManyRequests, "7"))
	t.Setenv("OPENAI_BASE_URL", s.URL())
	t.Setenv("OPENAI_API_KEY", advisortest.Key)
	says(t, doctor.Examine(t.Context(), o), "advisor", doctor.Fail, "status 429", "wait, or ask for a higher quota")
}
