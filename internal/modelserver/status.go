package modelserver

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
)

// mostAfter bounds when a server may be asked again, so that no number overflows.
const mostAfter = 24 * time.Hour

// Status is what a server says instead of an answer.
type Status struct {
	Code int
	// After is when it wants to be asked again; 0: it does not say.
	After time.Duration
	// Words are its own, clean and short; Names what it calls the fault in each of
	// its fields: "model_not_found", "RESOURCE_EXHAUSTED".
	Words string
	Names []string

	place string
}

func (s *Status) Error() string {
	return fmt.Sprintf("%s: status %d: %s", s.place, s.Code, cmp.Or(s.Words, http.StatusText(s.Code), "no words"))
}

// Named reports whether the server uses one of these names for the fault.
func (s *Status) Named(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(s.Names, name) })
}

// Mentions reports whether its words or names hold one of these, in whatever case.
func (s *Status) Mentions(parts ...string) bool {
	words := strings.ToLower(s.Words + " " + strings.Join(s.Names, " "))
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(words, part) })
}

// Wrong reports whether the request itself is at fault, so that the server may
// like another one better.
func (s *Status) Wrong() bool {
	return s.Code == http.StatusBadRequest || s.Code == http.StatusUnprocessableEntity
}

// Meaning is the error as [advisor.Model] has them: refused where nothing changes
// by waiting, later where the server says so. The key is from whom it names.
func (s *Status) Meaning(keyFrom string) error {
	switch {
	case s.Named("insufficient_quota"), s.Code == http.StatusPaymentRequired:
		return fmt.Errorf("%w: the account has no credit left: %w", advisor.ErrRefused, s)
	case s.Code == http.StatusUnauthorized, s.Code == http.StatusForbidden, s.Named("API_KEY_INVALID"):
		return fmt.Errorf("%w: the server does not accept the key (%s): %w", advisor.ErrRefused, keyFrom, s)
	case s.Code >= 300 && s.Code < 400:
		return fmt.Errorf("%w: the server sends elsewhere, where the key is not carried: name the final address: %w", advisor.ErrRefused, s)
	case s.After > 0:
		return &advisor.Later{After: s.After, Err: s}
	}
	return s
}

func newStatus(r *http.Request, answer webclient.Answer, said words, key string) *Status {
	s := &Status{Code: answer.Status, Words: clean(said.text, key, mostWords), Names: said.names, place: r.Method + " " + webclient.Place(r.URL)}
	s.After = min(max(retryAfter(answer.Header), said.after), mostAfter)
	return s
}

// words are what a server says in the body of an answer.
type words struct {
	wrong bool // it calls it an error, whatever its status
	text  string
	names []string
	after time.Duration
}

// fault is an error in the forms that servers have: OpenAI's and Ollama's have type,
// param and code (a text, of vLLM a number), Google's status and details.
type fault struct {
	Message string `json:"message"`
	Code    any    `json:"code"`
	Param   string `json:"param"`
	Type    string `json:"type"`
	Status  string `json:"status"`
	Details []struct {
		Reason     string `json:"reason"`     // of google.rpc.ErrorInfo
		RetryDelay string `json:"retryDelay"` // of google.rpc.RetryInfo: "34.07s"
	} `json:"details"`
}

// parse reads {"error": {…}}, {"error": "…"}, either within a list (Google's
// compatible address), or {"object": "error", "message": "…"} (old vLLM). Whatever
// else there is are its words.
func parse(body []byte) words {
	var one struct {
		Error  json.RawMessage `json:"error"`
		Object string          `json:"object"`
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		body = list[0]
	}
	if err := json.Unmarshal(body, &one); err != nil || (len(one.Error) == 0 || string(one.Error) == "null") && one.Object != "error" {
		return words{text: string(body)}
	}
	raw := one.Error
	if len(raw) == 0 {
		raw = body
	}
	said := words{wrong: true}
	if json.Unmarshal(raw, &said.text) == nil {
		return said
	}
	var f fault
	var kind *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &f); err != nil && !errors.As(err, &kind) { // one field of another kind spoils no other
		return words{text: string(body)}
	}
	said.text = cmp.Or(f.Message, string(raw))
	code, _ := f.Code.(string)
	said.names = []string{code, f.Param, f.Type, f.Status}
	for _, d := range f.Details {
		said.names = append(said.names, d.Reason)
		if after, err := time.ParseDuration(d.RetryDelay); err == nil {
			said.after = max(said.after, after)
		}
	}
	return said
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3). A date is held against the
// server's own, whose clock may be another.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, mostAfter.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = clock.System.Now()
	}
	return max(at.Sub(now), 0)
}
