// Package modelserver is what clients of language models' servers share, whatever
// library speaks their protocol. Below the library it bounds each answer, follows
// no redirect (the key would go along) and lets nothing through but JSON of status
// 200; everything else is an error of one line that neither holds the key nor what
// a terminal would obey.
package modelserver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/flyball-io/flyball/internal/webclient"
)

const (
	// mostAnswer bounds an answer, unpacked: advice is of a few hundred bytes, but
	// a list of the thousand models of some servers of half a megabyte.
	mostAnswer = 1 << 20
	// mostTime bounds a request whose context has no deadline.
	mostTime = 5 * time.Minute
	// mostWords and mostLine bound what is shown of somebody else's words, and of a
	// whole error.
	mostWords, mostLine = 200, 400
)

// Client carries the requests of a library. It may be used by several goroutines.
type Client struct{ web *webclient.Client }

// New returns a client; it does no I/O. It goes through the proxy that the
// environment names.
func New() *Client {
	return &Client{web: webclient.New(webclient.Options{Timeout: mostTime, MaxBytes: mostAnswer})}
}

// HTTP is what a library is given. It carries no other time limit than the context
// of a request.
func (c *Client) HTTP() *http.Client { return &http.Client{Transport: c} }

// Close ends the connections that are not in use.
func (c *Client) Close() { c.web.Close() }

// RoundTrip sends a request and reads the whole answer. What is no JSON of status
// 200 is an error: a [*Status] where the server said something.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	key := keyOf(r.Header)
	answer, err := c.web.Do(r.Context(), r)
	if err != nil {
		return nil, &line{clean(err.Error(), key, mostLine), err}
	}
	answer.Body = hide(answer.Body, key)
	said := parse(answer.Body)
	if answer.Status != http.StatusOK || said.wrong {
		return nil, newStatus(r, answer, said, key)
	}
	if !json.Valid(answer.Body) {
		return nil, fmt.Errorf("%s %s: answer is not JSON: %q", r.Method, webclient.Place(r.URL), clean(string(answer.Body), key, mostWords/4))
	}
	return &http.Response{
		Status: http.StatusText(http.StatusOK), StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body)), ContentLength: int64(len(answer.Body)), Request: r,
	}, nil
}

// keyOf is the key that a request carries, which nobody may be shown.
func keyOf(h http.Header) string {
	if key := h.Get("X-Goog-Api-Key"); key != "" {
		return key
	}
	return strings.TrimPrefix(h.Get("Authorization"), "Bearer ")
}

// leastSecret is how long a key is at least that is taken out of answers. A shorter
// one stands where none is wanted ("EMPTY", "ollama") and would hide what is no
// secret.
const leastSecret = 8

// literal is a text as JSON writes it.
var literal = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// hide takes the key out of every text of an answer, however it is spelled (\u0073 is
// an s), and out of JSON within a text, for that is what models write.
func hide(body []byte, key string) []byte {
	if len(key) < leastSecret {
		return body
	}
	return literal.ReplaceAllFunc(body, func(raw []byte) []byte {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return raw
		}
		safe := strings.ReplaceAll(text, key, hidden)
		if strings.ContainsRune(safe, '"') { // ends, for each level takes more of \
			safe = string(hide([]byte(safe), key))
		}
		if safe == text {
			return raw
		}
		said, err := json.Marshal(safe)
		if err != nil { // no text is without JSON
			return []byte(`""`)
		}
		return said
	})
}

// hidden is what stands for a key.
const hidden = "(hidden)"

// line is an error in words that are safe to show.
type line struct {
	text string
	err  error
}

func (l *line) Error() string { return l.text }

func (l *line) Unwrap() error { return l.err }

// clean is the beginning of a foreign text in one line, without the key and
// without what a terminal would obey or hide.
func clean(text, key string, most int) string {
	if len(key) >= 4 { // a shorter one would hide half the text
		text = strings.ReplaceAll(text, key, hidden)
	}
	text = webclient.Excerpt(text, most)
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// Guarded calls a library, some of which panic when an answer is of another shape
// than they expect. An error is without what the library puts around it, which may
// be the whole answer.
func Guarded[T any](call func() (T, error)) (answer T, err error) {
	defer func() {
		if recover() != nil {
			err = errShape
		}
	}()
	if answer, err = call(); err != nil {
		err = plain(err)
	}
	return answer, err
}

var errShape = errors.New("answer is not as the protocol has it")

func plain(err error) error {
	var status *Status
	var sent *url.Error
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &status):
		return status
	case errors.As(err, &sent):
		return sent.Err
	case errors.As(err, &kind):
		return fmt.Errorf("%w: %s is %s", errShape, cmp.Or(clean(kind.Field, "", mostWords/4), "it"), kind.Value)
	}
	return errShape
}

// Excerpt is the beginning of a model's own words, for an error of one line.
func Excerpt(text string) string { return clean(text, "", mostWords) }
