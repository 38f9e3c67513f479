package reading

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
)

// maxAnswer bounds what a server answers: that of NATS names every consumer, that
// of Qdrant every segment.
const maxAnswer = 32 << 20

// Web asks a server that answers over HTTP. It may be used by several goroutines.
type Web struct {
	client *webclient.Client
	clock  clock.Clock
}

// NewWeb returns what asks with an Auth, each time for timeout at most; it is
// counted as a client of package calls.
func NewWeb(client string, auth webclient.Auth, timeout time.Duration, clk clock.Clock) *Web {
	return &Web{clock: clk, client: webclient.New(webclient.Options{Client: client, Auth: auth, Timeout: timeout, MaxBytes: maxAnswer})}
}

// Close gives the connections back.
func (w *Web) Close() { w.client.Close() }

// JSON reads the JSON at an address into to, and returns the time by the server's
// clock, to the second.
func (w *Web) JSON(ctx context.Context, address string, to any) (time.Time, error) {
	answer, err := w.Get(ctx, address, "application/json")
	if err != nil {
		return time.Time{}, err
	}
	if err := json.Unmarshal(answer.Body, to); err != nil {
		return time.Time{}, fmt.Errorf("%s: not the JSON that was asked for: %s", place(address), webclient.Excerpt(answer.Redact(err.Error()), 100))
	}
	now, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		now = w.clock.Now()
	}
	return now, nil
}

// Get asks for an address and wants 200.
func (w *Web) Get(ctx context.Context, address, accept string) (webclient.Answer, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return webclient.Answer{}, err
	}
	request.Header.Set("Accept", accept)
	answer, err := w.client.Do(ctx, request)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%s: answered %d: %s", place(address), answer.Status, webclient.Excerpt(answer.Redact(string(answer.Body)), 100))
	}
	return answer, err
}

func place(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return webclient.Excerpt(address, 80)
	}
	return webclient.Place(u)
}

// CheckURL returns what is wrong with the address of a server.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("must be http://host:port or https://host:port, got %q", webclient.Excerpt(text, 80))
	}
	if u.User != nil {
		return errors.New("must not hold a user: basic says who asks")
	}
	return nil
}
