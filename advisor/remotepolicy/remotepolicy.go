// Package remotepolicy asks a policy that is served over HTTP, as flyball
// serve-policy serves any, or as others serve their own (package policy/remote
// says in which formats). An answer of more than a few megabytes, one that is
// late, malformed, out of bounds or of another question is none.
package remotepolicy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

const (
	// mostAnswer bounds an answer: what a policy remembers is most of it.
	mostAnswer = 4 << 20
	// mostReason bounds what is shown of somebody else's words.
	mostReason = 300
)

var _ advisor.Advisor = (*Advisor)(nil)

// Advisor asks a served policy about one target. It keeps for it what the policy
// remembers, and gives it back with the next question.
type Advisor struct {
	cfg    remote.Config
	env    advisor.Env
	client *webclient.Client
	memory []byte
}

// New returns an advisor for a valid configuration.
func New(cfg remote.Config, env advisor.Env) *Advisor {
	return &Advisor{cfg: cfg, env: env, client: webclient.New(webclient.Options{
		Auth:    webclient.Auth{BearerTokenFile: cfg.BearerTokenFile, Headers: cfg.Headers, TLS: webclient.TLS(cfg.TLS)},
		Timeout: cfg.Timeout.Std(), MaxBytes: mostAnswer,
	})}
}

// Manners are those of the configuration.
func (a *Advisor) Manners() advisor.Manners {
	return advisor.Manners{Every: a.cfg.Every.Std(), Timeout: a.cfg.Timeout.Std(), MaxAge: a.cfg.MaxAge.Std()}
}

// Close ends its connections.
func (a *Advisor) Close() { a.client.Close() }

// Ask sends one question.
func (a *Advisor) Ask(ctx context.Context, q advisor.Question) (answer advisor.Answer, err error) {
	if a.cfg.Format == remote.IntelliScale {
		answer.Advice, err = a.askAction(ctx, &q.Seen)
	} else {
		answer.Advice, err = a.askCount(ctx, q.Seen)
	}
	return answer, err
}

// askCount asks in the format flyball.
func (a *Advisor) askCount(ctx context.Context, obs scale.Observation) (scale.Advice, error) {
	obs.Advice = nil // what others said is theirs
	for i := range obs.Replicas {
		r := &obs.Replicas[i]
		r.Samples = slices.DeleteFunc(r.Samples, func(s scale.Sample) bool { return !series.Finite(s.Value) }) // no word of JSON's
	}
	q := remote.Question{
		Version: remote.WireVersion, Observation: obs, Bounds: remote.Bounds{Min: a.env.Min, Max: a.env.Max},
		Objective: a.env.Objective, Sync: scale.Duration(a.env.Sync), Topology: a.env.Topology, Memory: a.memory,
	}
	body, err := json.Marshal(q)
	if err != nil {
		return scale.Advice{}, fmt.Errorf("write the question: %w", err)
	}
	got, err := a.post(ctx, a.cfg.URL, body)
	if err != nil {
		return scale.Advice{}, err
	}
	answer, err := remote.ReadAnswer(got, &q)
	if err != nil {
		return scale.Advice{}, fmt.Errorf("answer refused: %w", err)
	}
	a.memory = answer.Memory
	reason := webclient.Excerpt(answer.Reason, mostReason)
	if answer.Replicas == nil {
		return scale.Advice{}, fmt.Errorf("the remote policy has %w: %s", advisor.ErrNoOpinion, reason)
	}
	return scale.Advice{Replicas: answer.Replicas, Confidence: answer.Confidence, Reason: reason}, nil
}

// errNotMeasured is why a question cannot be asked.
var errNotMeasured = errors.New("nobody measures it, or it is in doubt")

// askAction asks in the format intelliscale: the state as parameters, one of three
// actions back. An action is a step from the count that was seen, so that one
// that is used for two decisions is still one step.
func (a *Advisor) askAction(ctx context.Context, obs *scale.Observation) (scale.Advice, error) {
	address, err := url.Parse(a.cfg.URL)
	if err != nil {
		return scale.Advice{}, errors.New("url: cannot be read")
	}
	values := address.Query()
	for _, p := range []struct {
		parameter, signal string
		factor            float64
	}{{"cpu", scale.CPUUtilization, 100}, {"memory", scale.MemoryUtilization, 100}, {"request_rate", scale.RequestRate, 1}} {
		v, known := obs.Last(p.signal)
		if !known {
			return scale.Advice{}, fmt.Errorf("%s: signal %q: %w", p.parameter, p.signal, errNotMeasured)
		}
		values.Set(p.parameter, strconv.FormatFloat(v*p.factor, 'f', -1, 64))
	}
	address.RawQuery = values.Encode()
	got, err := a.post(ctx, address.String(), nil)
	if err != nil {
		return scale.Advice{}, err
	}
	var answer struct{ Action string }
	if err := json.Unmarshal(got, &answer); err != nil {
		return scale.Advice{}, fmt.Errorf("answer refused: %w", err)
	}
	step, known := map[string]int{"scale_up": 1, "no_action": 0, "scale_down": -1}[answer.Action]
	if !known {
		return scale.Advice{}, fmt.Errorf("answer refused: action: must be scale_up, scale_down or no_action, got %q", webclient.Excerpt(answer.Action, 40))
	}
	n := min(max(obs.CurrentReplicas+step, a.env.Min), a.env.Max)
	return scale.Advice{Replicas: &n, Direction: step, Confidence: 1, Reason: answer.Action}, nil
}

// post sends a question and returns the body of the answer.
func (a *Advisor) post(ctx context.Context, address string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the question: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := a.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if got.Status == http.StatusOK {
		return got.Body, nil
	}
	err = fmt.Errorf("POST %s: status %d: %s", webclient.Place(r.URL), got.Status, webclient.Excerpt(got.Redact(string(got.Body)), mostReason))
	if after := retryAfter(got.Header.Get("Retry-After")); after > 0 {
		return nil, &advisor.Later{After: after, Err: err}
	}
	return nil, err
}

// retryAfter reads seconds; a date is left to the desk's own pauses.
func retryAfter(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return time.Duration(n) * time.Second
}
