package remotepolicy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/remotepolicy"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// serve runs a handler and returns an advisor that asks it.
func serve(t *testing.T, change func(*remote.Config), handler http.HandlerFunc) *remotepolicy.Advisor {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := remote.Default()
	cfg.URL = server.URL + "/v1/recommend"
	cfg.Timeout = scale.Duration(25 * time.Second) // of a busy machine
	if change != nil {
		change(&cfg)
	}
	a := remotepolicy.New(cfg, advisor.Env{Target: "web", Min: 1, Max: 20, Sync: 15 * time.Second, Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(a.Close)
	return a
}

func seen() scale.Observation {
	at := scaletest.At(time.Minute)
	return scaletest.Observation(time.Minute, 4, scaletest.Fresh(scale.RequestRate, at, 60),
		scaletest.Fresh(scale.CPUUtilization, at, 0.82), scaletest.Fresh(scale.MemoryUtilization, at, 0.4))
}

// answer writes a good answer to a question, changed.
func answer(w http.ResponseWriter, q *remote.Question, change func(*remote.Answer)) {
	n := 7
	a := remote.Answer{Version: 1, Target: q.Observation.Target, SeenAt: q.Observation.At, Replicas: &n, Confidence: 0.9, Reason: "so"}
	change(&a)
	_ = json.NewEncoder(w).Encode(a)
}

func read(t *testing.T, r *http.Request) *remote.Question {
	t.Helper()
	var q remote.Question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		t.Errorf("the question cannot be read: %v", err)
	}
	if err := q.Validate(); err != nil {
		t.Errorf("the question is at fault: %v", err)
	}
	return &q
}

// What the other side remembers comes back with the next question, byte for byte.
func TestTheMemoryGoesThereAndBack(t *testing.T) {
	var memories []string
	a := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		q := read(t, r)
		memories = append(memories, string(q.Memory))
		answer(w, q, func(a *remote.Answer) { a.Memory = fmt.Appendf(nil, "after %d", len(memories)) })
	})
	for range 3 {
		got, err := a.Ask(t.Context(), advisor.Question{Seen: seen()})
		if err != nil || *got.Advice.Replicas != 7 || got.Advice.Confidence != 0.9 || got.Advice.Reason != "so" {
			t.Fatalf("got %+v, %v, want 7 replicas, so", got, err)
		}
	}
	if got := strings.Join(memories, "|"); got != "|after 1|after 2" {
		t.Errorf("memories %q, want those of the answers before", got)
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"a fault":   {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "out of\nmemory", 500) }, "status 500: out of memory"},
		"not there": {http.NotFound, "status 404"},
		"moved": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere", http.StatusFound)
		}, "status 302"},
		"empty":        {func(http.ResponseWriter, *http.Request) {}, "answer refused"},
		"endless":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 5<<20)) }, "more than the allowed 4194304 bytes"},
		"a page":       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") }, "answer refused: is no answer"},
		"cut off":      {cutOff, "cut off after 13 bytes"},
		"too much":     {answering(t, func(a *remote.Answer) { *a.Replicas = 21 }), "replicas: must be 1 to 20, got 21"},
		"of another":   {answering(t, func(a *remote.Answer) { a.Target = "shop" }), "target"},
		"of yesterday": {answering(t, func(a *remote.Answer) { a.SeenAt = a.SeenAt.AddDate(0, 0, -1) }), "seenAt"},
		"no opinion":   {answering(t, func(a *remote.Answer) { a.Replicas, a.Reason = nil, "too little seen" }), "no opinion: too little seen"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := serve(t, nil, tc.handler).Ask(t.Context(), advisor.Question{Seen: seen()})
			if err == nil || !strings.Contains(err.Error(), tc.want) || got.Advice.Replicas != nil {
				t.Errorf("got %+v, %v, want %q", got, err, tc.want)
			}
			if errors.Is(err, advisor.ErrNoOpinion) != (name == "no opinion") {
				t.Errorf("%v: whether that is no opinion is wrong", err)
			}
		})
	}
}

func answering(t *testing.T, change func(*remote.Answer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { answer(w, read(t, r), change) }
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"version":1,`)
}

func TestASilentServer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	a := serve(t, func(c *remote.Config) { c.Timeout = scale.Duration(50 * time.Millisecond) }, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	if _, err := a.Ask(t.Context(), advisor.Question{Seen: seen()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the deadline is over", err)
	}
}

func TestWhenToAskAgain(t *testing.T) {
	a := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		http.Error(w, "later", http.StatusTooManyRequests)
	})
	var later *advisor.Later
	if _, err := a.Ask(t.Context(), advisor.Question{Seen: seen()}); !errors.As(err, &later) || later.After != 7*time.Second {
		t.Errorf("got %v, want that it asks for 7 s", err)
	}
}

// One who sends a little again and again must not keep the deadline from coming.
func TestAServerThatNeverEnds(t *testing.T) {
	a := serve(t, func(c *remote.Config) { c.Timeout = scale.Duration(50 * time.Millisecond) }, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	if got, err := a.Ask(t.Context(), advisor.Question{Seen: seen()}); !errors.Is(err, context.DeadlineExceeded) || got.Advice.Replicas != nil {
		t.Errorf("got %+v, %v, want that the deadline is over", got, err)
	}
}

// A server that repeats the token it was given must not bring it into a log.
func TestASecretIsSentAndNeverShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("hunter2hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := serve(t, func(c *remote.Config) {
		c.BearerTokenFile, c.Headers = file, map[string]scale.Secret{"X-Key": "correct horse"}
	}, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.Header.Get("Authorization")+" "+r.Header.Get("X-Key")+"?", http.StatusForbidden)
	})
	_, err := a.Ask(t.Context(), advisor.Question{Seen: seen()})
	if got, want := fmt.Sprint(err), "status 403: Bearer (hidden) (hidden)?"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Numbers that JSON does not know must not keep a question from being asked.
func TestAReplicaWithAnImpossibleSample(t *testing.T) {
	a := serve(t, nil, answering(t, func(*remote.Answer) {}))
	obs := seen()
	obs.Replicas[0].Samples = []scale.Sample{{Signal: scale.CPUUtilization, Value: math.NaN()}, {Signal: scale.CPUUtilization, Value: 0.5}}
	if _, err := a.Ask(t.Context(), advisor.Question{Seen: obs}); err != nil {
		t.Error(err)
	}
}

func TestTheFormatOfIntelliScale(t *testing.T) {
	said, asked := "scale_up", ""
	a := serve(t, func(c *remote.Config) { c.Format = remote.IntelliScale }, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Query().Encode()
		fmt.Fprintf(w, `{"action": %q}`, said)
	})
	for _, tc := range []struct {
		action     string
		have, want int
	}{{"scale_up", 4, 5}, {"scale_down", 4, 3}, {"no_action", 4, 4}, {"scale_up", 20, 20}, {"scale_down", 1, 1}} {
		said = tc.action
		obs := seen()
		obs.CurrentReplicas = tc.have
		got, err := a.Ask(t.Context(), advisor.Question{Seen: obs})
		if err != nil || *got.Advice.Replicas != tc.want || got.Advice.Reason != tc.action {
			t.Errorf("%s of %d: got %+v, %v, want %d", tc.action, tc.have, got, err, tc.want)
		}
	}
	if want := "POST cpu=82&memory=40&request_rate=60"; asked != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	said = "explode"
	if _, err := a.Ask(t.Context(), advisor.Question{Seen: seen()}); err == nil || !strings.Contains(err.Error(), `action: must be scale_up, scale_down or no_action, got "explode"`) {
		t.Errorf("got %v, want that the action is refused", err)
	}
	obs := seen()
	obs.Signals = obs.Signals[:2] // memory is not measured
	if _, err := a.Ask(t.Context(), advisor.Question{Seen: obs}); err == nil || !strings.Contains(err.Error(), `memory: signal "memoryUtilization"`) {
		t.Errorf("got %v, want the signal that is missing: an error is never a zero", err)
	}
}
