package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/reading"
)

// maxAnswer bounds what a broker answers; that of NATS names every consumer.
const maxAnswer = 8 << 20

// webReader reads a queue of a broker that answers over HTTP.
type webReader struct {
	name   string
	opts   options
	client *webclient.Client
	look   func(ctx context.Context, w *webReader, p reading.Part) error
}

func newWebReader(name string, auth webclient.Auth, s Server, o options, look func(context.Context, *webReader, reading.Part) error) *webReader {
	return &webReader{name: name, opts: o, look: look, client: webclient.New(webclient.Options{Auth: auth, Timeout: s.Timeout.Std(), MaxBytes: maxAnswer})}
}

// Close gives the connections back.
func (w *webReader) Close() { w.client.Close() }

// Read asks once.
func (w *webReader) Read(ctx context.Context) (reading.Reading, error) {
	at, p := w.opts.clock.Now(), reading.NewPart(w.name)
	if err := w.look(ctx, w, p); err != nil {
		return reading.Reading{}, err
	}
	return reading.Reading{At: at, Parts: []reading.Part{p}}, nil
}

// get reads the JSON at an address into to, and returns the time by the server's
// clock, to the second.
func (w *webReader) get(ctx context.Context, address string, to any) (time.Time, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return time.Time{}, err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := w.client.Do(ctx, request)
	if err != nil {
		return time.Time{}, err
	}
	place := webclient.Place(request.URL)
	if answer.Status != http.StatusOK {
		return time.Time{}, fmt.Errorf("%s: answered %d: %s", place, answer.Status, webclient.Excerpt(answer.Redact(string(answer.Body)), 100))
	}
	if err := json.Unmarshal(answer.Body, to); err != nil {
		return time.Time{}, fmt.Errorf("%s: not the JSON that was asked for: %s", place, webclient.Excerpt(answer.Redact(err.Error()), 100))
	}
	now, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		now = w.opts.clock.Now()
	}
	return now, nil
}

// checkURL returns what is wrong with the address of a broker.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("must be http://host:port or https://host:port, got %q", webclient.Excerpt(text, 80))
	}
	if u.User != nil {
		return errors.New("must not hold a user: basic says who asks")
	}
	return nil
}
