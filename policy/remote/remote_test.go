package remote_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// perRequest wants a replica for so many requests per second, and remembers how
// often it was asked.
type perRequest struct {
	each  float64
	kind  string
	asked int
}

func (p *perRequest) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	p.asked++
	rate, known := obs.Last(scale.RequestRate)
	if !known {
		return scale.Recommendation{}, fmt.Errorf("no rate: %w", scale.ErrNoData)
	}
	return scale.Recommendation{Replicas: int(math.Ceil(rate / p.each)), Confidence: 1, Reason: scale.Because("Rate", "{0} per second", rate)}, nil
}
func (p *perRequest) Signals() []string         { return []string{scale.RequestRate} }
func (p *perRequest) Snapshot() ([]byte, error) { return scale.Seal(p.kind, 1, p.each, p.asked) }
func (p *perRequest) Restore(data []byte) error {
	return scale.Unseal(data, p.kind, 1, p.each, &p.asked)
}

func build(p scale.Plugin, _ policy.Env) (policy.Policy, error) {
	if p.Kind == "broken" {
		return nil, errors.New("cannot be built")
	}
	return &perRequest{each: 10, kind: p.Kind}, nil
}

func config() remote.Config {
	cfg := remote.Default()
	cfg.URL = "http://127.0.0.1:7080/v1/recommend"
	return cfg
}

func newPolicy(t *testing.T) *remote.Policy {
	t.Helper()
	p, err := remote.New(config(), policy.Env{Target: "web", Min: 1, Max: 20, Sync: 15 * time.Second}, build)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPromises(t *testing.T) {
	policytest.Run(t, func(t *testing.T) policy.Policy { return newPolicy(t) }, func(t *testing.T) policy.Policy {
		cfg := config()
		cfg.Fallback.Kind = "another"
		p, err := remote.New(cfg, policy.Env{Min: 1, Max: 20, Sync: 15 * time.Second}, build)
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}

// seen is an observation a minute after the start: four replicas at 60 requests
// per second, so that the fallback wants six.
func seen(advice ...scale.Advice) scale.Observation {
	obs := scaletest.Observation(time.Minute, 4, scaletest.Fresh(scale.RequestRate, scaletest.At(time.Minute), 60))
	obs.Advice = advice
	return obs
}

// said is an answer on what was seen so long before.
func said(replicas int, before time.Duration, change func(*scale.Advice)) scale.Advice {
	at := scaletest.At(time.Minute - before)
	a := scale.Advice{From: config().From(), At: at, SeenAt: at, Expires: at.Add(30 * time.Second), Replicas: &replicas, Confidence: 0.8, Reason: "a queue builds up"}
	if change != nil {
		change(&a)
	}
	return a
}

func TestWhichAnswerCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		advice []scale.Advice
		want   int
		code   string
	}{
		"none: the fallback decides":             {nil, 6, "Rate"},
		"a valid one decides":                    {[]scale.Advice{said(9, 3*time.Second, nil)}, 9, "RemoteAnswered"},
		"also fewer than there are":              {[]scale.Advice{said(2, 3*time.Second, nil)}, 2, "RemoteAnswered"},
		"the newest of two":                      {[]scale.Advice{said(9, 3*time.Second, nil), said(12, 20*time.Second, nil)}, 9, "RemoteAnswered"},
		"that of somebody else is not taken":     {[]scale.Advice{said(9, 0, func(a *scale.Advice) { a.From = "gemini" })}, 6, "Rate"},
		"an expired one is not taken":            {[]scale.Advice{said(9, 30*time.Second, nil)}, 6, "Rate"},
		"nor one that is said to be valid long":  {[]scale.Advice{said(9, 31*time.Second, func(a *scale.Advice) { a.Expires = scaletest.At(time.Hour) })}, 6, "Rate"},
		"nor one of the future":                  {[]scale.Advice{said(9, -time.Second, nil)}, 6, "Rate"},
		"nor one above the most":                 {[]scale.Advice{said(21, 0, nil)}, 6, "Rate"},
		"nor one below the fewest":               {[]scale.Advice{said(0, 0, nil)}, 6, "Rate"},
		"nor one that is not sure of its number": {[]scale.Advice{said(9, 0, func(a *scale.Advice) { a.Confidence = math.NaN() })}, 6, "Rate"},
		"nor one without a count":                {[]scale.Advice{said(9, 0, func(a *scale.Advice) { a.Replicas = nil })}, 6, "Rate"},
		"a failure leaves the answer before":     {[]scale.Advice{said(9, 16*time.Second, nil), said(0, 0, func(a *scale.Advice) { a.Failed, a.Replicas = true, nil })}, 9, "RemoteAnswered"},
	} {
		t.Run(name, func(t *testing.T) {
			rec, err := newPolicy(t).Recommend(seen(tc.advice...))
			if err != nil || rec.Replicas != tc.want || rec.Reason.Code != tc.code {
				t.Errorf("got %d (%s: %s), %v, want %d by %s", rec.Replicas, rec.Reason.Code, rec.Reason, err, tc.want, tc.code)
			}
		})
	}
}

func TestWhatIsSaidOfAnAnswer(t *testing.T) {
	rec, err := newPolicy(t).Recommend(seen(said(9, 3*time.Second, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rec.Reason.String(), "answered on what was seen 3 s before: a queue builds up"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if len(rec.Proposals) != 2 || rec.Proposals[1].Signal != "predictive" || rec.Proposals[1].Replicas != 6 {
		t.Errorf("proposals %+v, want the answer and the 6 of the fallback", rec.Proposals)
	}
	if rec.Confidence != 0.8 {
		t.Errorf("confidence %v, want that of the answer", rec.Confidence)
	}
}

// An answer may come of data that nobody here believes.
func TestDoubtfulDataTakesNothingAway(t *testing.T) {
	obs := seen(said(2, 0, nil))
	obs.Signals[0].Trust = scale.Stale
	rec, err := newPolicy(t).Recommend(obs)
	if err != nil || rec.Replicas != 4 || rec.Reason.Code != "MetricMissing" {
		t.Errorf("got %d (%s), %v, want the 4 there are", rec.Replicas, rec.Reason, err)
	}
	obs = seen(said(9, 0, nil))
	obs.Signals[0].Trust = scale.Stale
	if rec, err = newPolicy(t).Recommend(obs); err != nil || rec.Replicas != 9 {
		t.Errorf("got %d (%s), %v, want 9: up is allowed", rec.Replicas, rec.Reason, err)
	}
}

// The first decision is made before anybody was asked, so silence is a condition
// from the second on, and no longer once there is an answer.
func TestSilenceIsACondition(t *testing.T) {
	p := newPolicy(t)
	failed := said(0, 0, func(a *scale.Advice) { a.Replicas, a.Failed, a.Reason = nil, true, "connection refused" })
	look := func(after time.Duration, advice ...scale.Advice) []scale.GuardCondition {
		t.Helper()
		obs := seen(advice...)
		obs.At = obs.At.Add(after)
		if _, err := p.Recommend(obs); err != nil {
			t.Fatal(err)
		}
		return p.Conditions()
	}
	if got := look(0); len(got) != 0 {
		t.Errorf("first decision: got %v, want no condition", got)
	}
	got := look(15*time.Second, failed)
	if len(got) != 1 || got[0].Reason.Code != "RemoteSilent" || !got[0].Since.Equal(scaletest.At(time.Minute)) || !strings.Contains(got[0].Reason.String(), "connection refused") {
		t.Errorf("second decision: got %v, want RemoteSilent since the first, because of a refused connection", got)
	}
	answer := said(9, -30*time.Second, nil)
	if got := look(30*time.Second, answer); len(got) != 0 {
		t.Errorf("answered: got %v, want no condition", got)
	}
}

func TestTheFallbackIsAskedAllTheTime(t *testing.T) {
	fallback := &perRequest{each: 10}
	p, err := remote.New(config(), policy.Env{Min: 1, Max: 20}, func(scale.Plugin, policy.Env) (policy.Policy, error) { return fallback, nil })
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := p.Recommend(seen(said(9, 0, nil))); err != nil {
			t.Fatal(err)
		}
	}
	if fallback.asked != 3 {
		t.Errorf("it was asked %d times, want 3: it must know the past when it is needed", fallback.asked)
	}
}

func TestAFallbackThatCannotBeBuilt(t *testing.T) {
	cfg := config()
	cfg.Fallback.Kind = "broken"
	if _, err := remote.New(cfg, policy.Env{}, build); err == nil || !strings.HasPrefix(err.Error(), "fallback: ") {
		t.Errorf("got %v, want an error of the fallback", err)
	}
}
