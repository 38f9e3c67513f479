package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

const (
	// patience is how long a receiver may take to answer.
	patience = 10 * time.Second
	// mostAnswer bounds what is read of an answer, mostQuoted what is told of it.
	mostAnswer = 64 << 10
	mostQuoted = 200
)

// failure is why a request did not arrive. It does not tell the address, which
// may be a secret, but its host.
type failure struct {
	text  string
	final bool          // it would be refused again
	after time.Duration // when the receiver wants to be asked again; 0: it does not say
}

func (f *failure) Error() string { return f.text }

// wire sends requests to one receiver.
type wire struct {
	client  *webclient.Client
	clock   clock.Clock
	url     scale.Secret
	urlFile string
	keys    *signingKeys // nil: nothing is signed, as chats have it
}

func newWire(r Receiver, clk clock.Clock) *wire {
	w := &wire{clock: clk}
	o := webclient.Options{Timeout: patience, MaxBytes: mostAnswer}
	if r.Slack != nil {
		w.url, w.urlFile = r.Slack.URL, r.Slack.URLFile
	} else {
		c := r.CloudEvents
		w.url, w.urlFile, o.Auth = c.URL, c.URLFile, c.Auth
		w.keys = &signingKeys{c.SigningKeys, c.SigningKeyFile}
	}
	w.client = webclient.New(o)
	return w
}

// address reads where the receiver is.
func (w *wire) address() (*url.URL, error) {
	text := w.url.Reveal()
	if w.urlFile != "" {
		content, err := os.ReadFile(w.urlFile)
		if err != nil {
			return nil, fmt.Errorf("urlFile: %w", err)
		}
		text = strings.TrimSpace(string(content))
	}
	u, err := webclient.ParseURL(text)
	if err != nil && w.urlFile != "" {
		return nil, fmt.Errorf("urlFile: what %s holds %w", w.urlFile, err)
	}
	return u, err
}

// post sends a message once. Its error is a [failure].
func (w *wire) post(ctx context.Context, m *message) error {
	u, err := w.address()
	if err != nil {
		return &failure{text: err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(m.body))
	if err != nil {
		return &failure{text: discreet(err.Error(), u), final: true}
	}
	request.Header.Set("User-Agent", "flyball")
	for name, value := range m.header {
		request.Header.Set(name, value)
	}
	if w.keys != nil {
		if err := w.keys.sign(request.Header, m.id, w.clock.Now(), m.body); err != nil {
			return &failure{text: err.Error()}
		}
	}
	answer, err := w.client.Do(ctx, request)
	if err != nil {
		return &failure{text: fmt.Sprintf("POST to %s: %s", u.Host, discreet(inner(err).Error(), u))}
	}
	return w.judge(u, answer)
}

// inner is an error without the address that the client puts before it.
func inner(err error) error {
	if e := errors.Unwrap(err); e != nil {
		return e
	}
	return err
}

// discreet leaves out what of an address is secret: the whole, and each part that
// is long enough to be one.
func discreet(text string, u *url.URL) string {
	for _, secret := range []string{u.String(), u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery} {
		if len(secret) > 1 {
			text = strings.ReplaceAll(text, secret, "(hidden)")
		}
	}
	for _, secret := range partsOf(u) {
		if len(secret) >= leastSecret {
			text = strings.ReplaceAll(text, secret, "(hidden)")
		}
	}
	return text
}

// leastSecret is how many bytes a part of an address has that may be a secret.
const leastSecret = 8

// partsOf are the segments of a path and the values of a query, as they are
// written and as they are meant, the longest first.
func partsOf(u *url.URL) []string {
	parts := append(strings.Split(u.EscapedPath(), "/"), strings.Split(u.Path, "/")...)
	for _, pair := range strings.Split(u.RawQuery, "&") {
		name, value, has := strings.Cut(pair, "=")
		if !has {
			value = name // ?SECRET
		}
		parts = append(parts, value)
		if meant, err := url.QueryUnescape(value); err == nil {
			parts = append(parts, meant)
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return parts
}

// judge says what an answer means.
func (w *wire) judge(u *url.URL, a webclient.Answer) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	f := &failure{text: fmt.Sprintf("%s answers %d %s", u.Host, a.Status, http.StatusText(a.Status))}
	if said := webclient.Excerpt(discreet(a.Redact(string(a.Body)), u), mostQuoted); said != "" {
		f.text += ": " + said
	}
	switch {
	case a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly, a.Status == http.StatusTooManyRequests, a.Status >= 500:
		f.after = w.retryAfter(a.Header.Get("Retry-After"))
	case a.Status >= 300 && a.Status < 400:
		f.text, f.final = f.text+" (a redirect is not followed: what is sent is meant for the address that was given)", true
	default:
		f.final = true
	}
	return f
}

// retryAfter reads the header of that name: seconds, or a date.
func (w *wire) retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return time.Duration(max(0, min(seconds, int(longestAsked.Seconds())))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(w.clock.Now()))
	}
	return 0
}
