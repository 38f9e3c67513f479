// Package inference asks a server of language models as its users do, by the
// OpenAI API with streamed answers, and measures what they notice: how long
// until the first token, how fast the others come, and what never does. Times
// count from when a request was meant to be sent (package pace), so a server
// that stalls cannot hide it.
package inference

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/load/pace"
	"github.com/flyball-io/flyball/scale"
)

// API is which of the two ways to ask is used.
type API string

// The ways.
const (
	Chat        API = "chat"        // POST …/chat/completions
	Completions API = "completions" // POST …/completions
)

// Options say what is asked, when, and what counts as good.
type Options struct {
	URL    string // of the API: http://host:8000/v1
	API    API    // empty means Chat
	Model  string // empty means the first that the server lists
	Key    scale.Secret
	Header http.Header

	Lengths Lengths
	// IgnoreEOS asks for exactly so many tokens, which vLLM and some others can do.
	IgnoreEOS bool
	Seed      uint64 // of the words of the prompts

	Pace    pace.Options
	Timeout time.Duration // for one answer, from when it was meant to be asked for; 0 means 5 min
	// MaxFirst and MaxPerToken are what a good answer may take until its first
	// token and for each further one; 0: as long as it likes.
	MaxFirst, MaxPerToken time.Duration

	// OnProgress, if set, is called every second from a single goroutine.
	OnProgress func(Snapshot)
	Transport  http.RoundTripper // nil means one made for this run
}

// Default limits.
const (
	DefaultTimeout     = 5 * time.Minute
	DefaultMaxInFlight = 1_000
)

// Validate reports everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		fault("url %q: must be http://HOST[:PORT][/PATH] or https://…, such as http://127.0.0.1:8000/v1", o.URL)
	}
	if o.API != "" && o.API != Chat && o.API != Completions {
		fault("api: must be %s or %s, got %q", Chat, Completions, o.API)
	}
	if o.Timeout < 0 || o.MaxFirst < 0 || o.MaxPerToken < 0 {
		fault("timeout and limits: must be above 0, got %v, %v and %v", o.Timeout, o.MaxFirst, o.MaxPerToken)
	}
	if (o.Pace.Arrivals == nil) == (o.Pace.Users == 0) {
		errs = append(errs, errors.New("pace: exactly one of arrivals and users must be given"))
	}
	return errors.Join(append(errs, o.Lengths.Validate())...)
}

func (o Options) withDefaults() Options {
	o.API = cmp.Or(o.API, Chat)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Pace.Clock == nil {
		o.Pace.Clock = clock.System
	}
	o.Pace.MaxInFlight = cmp.Or(o.Pace.MaxInFlight, DefaultMaxInFlight)
	if o.Transport == nil {
		o.Transport = load.NewTransport(max(o.Pace.MaxInFlight, o.Pace.Users))
	}
	o.URL = strings.TrimRight(o.URL, "/")
	return o
}
