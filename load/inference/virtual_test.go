package inference

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/load/pace"
	"github.com/flyball-io/flyball/workload"
)

// model is a server without a network, for tests in virtual time: an answer begins
// after first, and has a token each gap.
type model struct {
	begun time.Time
	first func(since time.Duration) time.Duration
	gap   time.Duration

	mu    sync.Mutex // guards asked
	asked []question
}

func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.asked = append(m.asked, q)
	m.mu.Unlock()
	body, answer := io.Pipe()
	go m.answer(r.Context(), answer, q)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body}, nil
}

func (m *model) answer(ctx context.Context, w *io.PipeWriter, q question) {
	wait := m.first(time.Since(m.begun))
	for i := range q.MaxTokens {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			_ = w.CloseWithError(ctx.Err())
			return
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"w%d\"}}]}\n\n", i)
		wait = m.gap
	}
	fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n")
	fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", q.MaxTokens)
	_ = w.Close()
}

func fixed(tokens int) Length { return Length{Least: tokens, Most: tokens} }

func steady(rps float64, length time.Duration) pace.Options {
	return pace.Options{Clock: clock.System, Arrivals: workload.NewArrivals(workload.Constant{RPS: rps, For: length}, workload.Uniform, 1)}
}

// play asks a model in virtual time.
func play(t *testing.T, ctx context.Context, o Options, first func(time.Duration) time.Duration) (Result, *model) {
	t.Helper()
	m := &model{begun: time.Now(), first: first, gap: 20 * time.Millisecond}
	o.URL, o.Transport, o.Model, o.Pace.Clock = "http://model/v1", m, "tiny", clock.System
	if o.Lengths.Output.Least == 0 && len(o.Lengths.Recorded) == 0 {
		o.Lengths = Lengths{Prompt: fixed(10), Output: fixed(11)}
	}
	result, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return result, m
}

func about(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.002*want {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

// 11 tokens, the first after 300 ms and each other 20 ms later: an answer takes
// 0.5 s.
func TestTimesOfTokensAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, _ := play(t, t.Context(), Options{Pace: steady(10, 10*time.Second)}, func(time.Duration) time.Duration { return 300 * time.Millisecond })
		if got.Answered != 100 || got.Failed != 0 || got.PromptTokens != 700 || got.GeneratedTokens != 1100 || got.PerToken.Count != 100 || got.BetweenParts.Count != 1000 {
			t.Errorf("got %+v, want 100 answers with 11 tokens each", got)
		}
		about(t, "first token", got.FirstToken.P50, 0.3)
		about(t, "per token", got.PerToken.Mean, 0.02)
		about(t, "between chunks", got.BetweenParts.P99, 0.02)
		about(t, "latency", got.Latency.P99, 0.5)
		about(t, "duration", got.DurationSeconds, 10.45)
		about(t, "tokens/s", got.GeneratedPerSecond, 1100/10.45)
		if len(got.Warnings) != 0 || got.Good != 1 {
			t.Errorf("good %v, warnings %v, want all good and none", got.Good, got.Warnings)
		}
	})
}

// A server that stands still from 5 s to 6 s: ten requests are due meanwhile, and
// wait 0.05 to 0.95 s more.
func TestAStallShowsInEveryRequestThatWasDue(t *testing.T) {
	stall := func(since time.Duration) time.Duration {
		if since >= 5*time.Second && since < 6*time.Second {
			return 6*time.Second - since + 100*time.Millisecond
		}
		return 100 * time.Millisecond
	}
	synctest.Test(t, func(t *testing.T) {
		o := Options{Pace: steady(10, 10*time.Second), MaxFirst: 100 * time.Millisecond}
		got, _ := play(t, t.Context(), o, stall)
		about(t, "p90", got.FirstToken.P90, 0.1)
		about(t, "p95", got.FirstToken.P95, 0.55)
		about(t, "max", got.FirstToken.Max, 1.05)
		about(t, "good", got.Good, 0.9)
	})
}

// What begins within the time but is slow between tokens is not good.
func TestGoodAnswersKeepBothLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(time.Duration) time.Duration { return 300 * time.Millisecond }
		for _, tc := range []struct {
			first, per time.Duration
			want       float64
		}{{300e6, 20e6, 1}, {299e6, 20e6, 0}, {300e6, 19e6, 0}, {0, 19e6, 0}, {0, 0, 1}} {
			got, _ := play(t, t.Context(), Options{Pace: steady(1, 2*time.Second), MaxFirst: tc.first, MaxPerToken: tc.per}, at)
			if got.Good != tc.want {
				t.Errorf("limits %v and %v: got good %v, want %v", tc.first, tc.per, got.Good, tc.want)
			}
		}
	})
}

// Two users whose answers take 0.5 s ask forty times in ten seconds.
func TestUsersAskAgainOnceAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Pace: pace.Options{Users: 2, For: 10 * time.Second}}
		got, m := play(t, t.Context(), o, func(time.Duration) time.Duration { return 300 * time.Millisecond })
		if got.Answered != 40 || len(m.asked) != 40 {
			t.Errorf("got %d answers, want 40", got.Answered)
		}
	})
}

// Requests have the lengths of the trace, one after the other.
func TestLengthsComeFromTheTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Pace: steady(1, 5*time.Second), Lengths: Lengths{Recorded: []workload.Request{{InputTokens: 3, OutputTokens: 5}, {InputTokens: 8}}}}
		_, m := play(t, t.Context(), o, func(time.Duration) time.Duration { return 0 })
		var got []string
		for _, q := range m.asked {
			got = append(got, fmt.Sprint(len(strings.Fields(q.Messages[0].Content)), "→", q.MaxTokens))
		}
		if want := "3→5 8→1 3→5 8→1 3→5"; strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

// What is due beyond the bound is dropped, and failed.
func TestTooManyUnderWayAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Pace: steady(10, time.Second)}
		o.Pace.MaxInFlight = 3
		got, _ := play(t, t.Context(), o, func(time.Duration) time.Duration { return 10 * time.Second })
		if got.Requests != 10 || got.Dropped != 7 || got.Failed != 7 || got.Errors["dropped"] != 7 || got.Answered != 3 {
			t.Errorf("got %+v, want 3 answered and 7 dropped", got)
		}
	})
}

// One that takes too long has failed, and its time counts; one that is cut off
// because the run ends is neither.
func TestWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := func(time.Duration) time.Duration { return time.Hour }
		got, _ := play(t, t.Context(), Options{Pace: steady(1, 3*time.Second), Timeout: 5 * time.Second}, never)
		if got.Errors["timeout"] != 3 || got.Failed != 3 || got.Latency.Count != 3 || got.FirstToken.Count != 0 || got.Good != 0 {
			t.Errorf("got %+v, want 3 timed out", got)
		}
		about(t, "latency", got.Latency.P50, 5)
		cut, stop := context.WithCancel(t.Context())
		time.AfterFunc(1200*time.Millisecond, stop)
		got, _ = play(t, cut, Options{Pace: steady(1, 3*time.Second)}, never)
		if got.Abandoned != 1 || got.Requests != 0 || !got.Interrupted {
			t.Errorf("got %+v, want one cut off", got)
		}
	})
}

func TestProgressIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		o := Options{Pace: steady(10, 3*time.Second), OnProgress: func(s Snapshot) { lines = append(lines, s.Line(3*time.Second)) }}
		play(t, t.Context(), o, func(time.Duration) time.Duration { return 300 * time.Millisecond })
		want := "2s/3s  20 asked  in flight 5  answered 15  failed 0  first token p50 300 ms  p95 300 ms  110 tokens/s"
		if len(lines) != 3 || lines[1] != want {
			t.Errorf("got %q, want the second %q", lines, want)
		}
	})
}
