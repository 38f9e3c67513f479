package load_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

// service is a service without a network, for tests in virtual time: it
// answers each request after the time that takes says.
type service struct {
	start time.Time
	takes func(since time.Duration) time.Duration

	mu       sync.Mutex // guards requests
	requests []sent
}

// sent is a request as the service saw it.
type sent struct {
	At     time.Duration
	Method string
	Path   string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	since := time.Since(s.start)
	s.mu.Lock()
	s.requests = append(s.requests, sent{since, r.Method, r.URL.Path})
	s.mu.Unlock()
	select {
	case <-time.After(s.takes(since)):
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("ok"))}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// play runs o against a service in virtual time.
func play(t *testing.T, o load.Options, takes func(time.Duration) time.Duration) (load.Result, *service) {
	t.Helper()
	s := &service{start: time.Now(), takes: takes}
	o.URL, o.Transport, o.Clock = "http://service/", s, clock.System
	result, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return result, s
}

// A service that answers in 10 ms but stands still from 5 s to 6 s. Of 1,000
// requests, the 100 that are due meanwhile wait 0 to 1 s; the slowest ten of
// them are the slowest 1 %, so that the p99 is 0.9 s. A closed loop would have sent one
// request in that second, and shown a p99 of 10 ms.
func TestAStallShowsInEveryRequestThatWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, _ := play(t, load.Options{
			Shape:     workload.Constant{RPS: 100, For: 10 * time.Second},
			Arrivals:  workload.Uniform,
			Threshold: 500 * time.Millisecond,
		}, func(since time.Duration) time.Duration {
			stall := time.Duration(0)
			if since >= 5*time.Second && since < 6*time.Second {
				stall = 6*time.Second - since
			}
			return stall + 10*time.Millisecond
		})
		within := func(name string, got, want float64) {
			if math.Abs(got/want-1) > 0.01 {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
		within("p50", got.Latency.P50, 0.010)
		within("p90", got.Latency.P90, 0.010)
		within("p95", got.Latency.P95, 0.505)
		within("p99", got.Latency.P99, 0.905)
		within("max", got.Latency.Max, 1.005)
		within("mean", got.Latency.Mean, 0.010+0.1*0.5)
		within("violations", got.ViolationRatio, 0.051)
	})
}

// Requests beyond the bound are dropped and counted, never sent late.
func TestTooManyInFlightAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, service := play(t, load.Options{
			Shape:       workload.Constant{RPS: 10, For: 10 * time.Second},
			Arrivals:    workload.Uniform,
			MaxInFlight: 5,
		}, func(time.Duration) time.Duration { return 990 * time.Millisecond })
		if got.IntendedRequests != 100 || got.Sent != 50 || got.DroppedRequests != 50 || len(service.requests) != 50 {
			t.Errorf("got %d intended, %d sent, %d dropped, %d seen, want 100, 50, 50, 50",
				got.IntendedRequests, got.Sent, got.DroppedRequests, len(service.requests))
		}
		if got.Requests != 100 || got.FailedRequests != 50 || got.ViolationRatio != 0.5 || got.Errors["dropped"] != 50 {
			t.Errorf("dropped requests must count as failed: got %d of %d, ratio %v, errors %v",
				got.FailedRequests, got.Requests, got.ViolationRatio, got.Errors)
		}
		if got.Latency.Max > 1.01 {
			t.Errorf("a dropped request was sent late: latency %v s", got.Latency.Max)
		}
		if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "50 requests never sent, with 5 ") {
			t.Errorf("warnings: got %q, want one about the 50 dropped", got.Warnings)
		}
		if got.IntendedRate != 10 || got.AchievedRate != 5 {
			t.Errorf("rates: got %v intended, %v achieved, want 10 and 5", got.IntendedRate, got.AchievedRate)
		}
	})
}

// Every request of a trace goes out at its instant divided by the speed.
func TestATraceIsReplayedAtSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorded, err := workload.Read("t.csv", strings.NewReader("t_seconds,requests_per_second\n0,20\n60,0\n120,40\n180,10\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, service := play(t, load.Options{
			Shape:    workload.Speed(recorded, 30), // a minute in two seconds
			Arrivals: workload.Uniform,
		}, func(time.Duration) time.Duration { return 5 * time.Millisecond })
		counts := make([]int, 4)
		for _, r := range service.requests {
			counts[r.At/(2*time.Second)]++
		}
		if diff := cmp.Diff([]int{40, 0, 80, 20}, counts); diff != "" {
			t.Errorf("requests in each bin (-want +got):\n%s", diff)
		}
		if got.DurationSeconds < 7.999 || got.DurationSeconds > 8.1 {
			t.Errorf("took %v s, want 8", got.DurationSeconds)
		}
	})
}

func TestSameSeedSendsTheSameRequests(t *testing.T) {
	run := func(seed uint64, takes time.Duration) []sent {
		var requests []sent
		synctest.Test(t, func(t *testing.T) {
			_, service := play(t, load.Options{
				Requests: []load.Request{
					{Weight: 3, URL: "/read"},
					{Weight: 1, URL: "/write", Method: http.MethodPost, Body: []byte("x")},
				},
				Shape: workload.Constant{RPS: 100, For: 20 * time.Second},
				Seed:  seed,
			}, func(time.Duration) time.Duration { return takes })
			requests = service.requests
		})
		return requests
	}
	fast := run(1, time.Millisecond)
	if diff := cmp.Diff(fast, run(1, time.Second)); diff != "" {
		t.Errorf("a slow service was sent something else (-fast +slow):\n%s", diff)
	}
	if cmp.Equal(fast, run(2, time.Millisecond)) {
		t.Error("another seed sent the same")
	}
	writes := 0.0
	for _, r := range fast {
		if r.Method == http.MethodPost && r.Path == "/write" {
			writes++
		}
	}
	// A quarter of about 2,000, ± five standard deviations.
	if share := writes / float64(len(fast)); math.Abs(share-0.25) > 0.05 {
		t.Errorf("share of writes: got %v, want about 0.25", share)
	}
}

func TestProgressTellsRatesAndRecentLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []load.Snapshot
		play(t, load.Options{
			Shape:      workload.Step(100, 10, 9*time.Second, 6500*time.Millisecond),
			Arrivals:   workload.Uniform,
			OnProgress: func(s load.Snapshot) { seen = append(seen, s) },
		}, func(since time.Duration) time.Duration {
			if since < 9*time.Second {
				return 200 * time.Millisecond
			}
			return 20 * time.Millisecond
		})
		if len(seen) != 15 {
			t.Fatalf("got %d snapshots, want one a second for 15.7 s", len(seen))
		}
		early, late := seen[4], seen[14]
		if early.Elapsed != 5*time.Second || early.IntendedRate != 100 || early.AchievedRate != 100 || early.InFlight != 20 || early.Requests != 480 {
			t.Errorf("after 5 s: got %+v, want 100/s, 20 in flight, 480 answered", early)
		}
		if math.Abs(early.P50.Seconds()/0.2-1) > 0.01 {
			t.Errorf("p50 after 5 s: got %v, want 200 ms", early.P50)
		}
		// The slow ones of more than five seconds ago are forgotten.
		if late.IntendedRate != 10 || late.AchievedRate != 10 || late.InFlight != 0 || math.Abs(late.P99.Seconds()/0.02-1) > 0.01 {
			t.Errorf("after 15 s: got %+v, want 10/s, none in flight, p99 20 ms", late)
		}
		if line := late.Line(15500 * time.Millisecond); line != "15s/16s  10 of 10 requests/s  p50 20.0 ms  p95 20.0 ms  p99 20.0 ms  in flight 0  failed 0" {
			t.Errorf("line: got %q", line)
		}
	})
}

// lateClock wakes up late, as on a machine with too much to do.
type lateClock struct {
	clock.Clock
	by time.Duration
}

func (c lateClock) After(d time.Duration) <-chan time.Time { return c.Clock.After(d + c.by) }

func TestALateGeneratorIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{start: time.Now(), takes: func(time.Duration) time.Duration { return 0 }}
		got, err := load.Run(t.Context(), load.Options{
			URL:       "http://service/",
			Shape:     workload.Constant{RPS: 10, For: 5 * time.Second},
			Transport: s,
			Clock:     lateClock{clock.System, 30 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Lag.P99/0.030-1) > 0.01 || math.Abs(got.Latency.P99/0.030-1) > 0.01 {
			t.Errorf("got lag %v, latency %v, want both 30 ms", got.Lag.P99, got.Latency.P99)
		}
		if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "up to 30 ms late") {
			t.Errorf("warnings: got %q, want one about 30 ms", got.Warnings)
		}
	})
}

// An interrupted run ends at once and tells what was done.
func TestInterruptedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{start: time.Now(), takes: func(time.Duration) time.Duration { return time.Second }}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5500*time.Millisecond, cancel)
		got, err := load.Run(ctx, load.Options{
			URL:       "http://service/",
			Shape:     workload.Constant{RPS: 10, For: time.Hour},
			Arrivals:  workload.Uniform,
			Transport: s,
			Clock:     clock.System,
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(s.start); took != 5500*time.Millisecond {
			t.Errorf("ended after %v, want 5.5s", took)
		}
		if !got.Interrupted || got.Sent != 55 || got.Requests != 45 || got.AbandonedRequests != 10 || got.FailedRequests != 0 {
			t.Errorf("got interrupted %v, %d sent, %d with an outcome, %d cut off, %d failed, want true, 55, 45, 10, 0",
				got.Interrupted, got.Sent, got.Requests, got.AbandonedRequests, got.FailedRequests)
		}
		if math.Abs(got.IntendedRate-10) > 0.01 || math.Abs(got.AchievedRate-10) > 0.01 {
			t.Errorf("rates: got %v of %v, want 10 of 10", got.AchievedRate, got.IntendedRate)
		}
	})
}

func TestATimeoutCountsFromTheIntendedInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, _ := play(t, load.Options{
			Shape:    workload.Constant{RPS: 1, For: 4 * time.Second},
			Arrivals: workload.Uniform,
			Timeout:  700 * time.Millisecond,
		}, func(since time.Duration) time.Duration {
			if since > 2*time.Second {
				return time.Hour
			}
			return 0
		})
		if got.Errors["timeout"] != 2 || got.FailedRequests != 2 || math.Abs(got.Latency.Max/0.7-1) > 0.01 {
			t.Errorf("got errors %v, %d failed, slowest %v s, want 2 time-outs of 0.7 s",
				got.Errors, got.FailedRequests, got.Latency.Max)
		}
	})
}

// What was due but not sent when the run was interrupted counts as intended.
func TestAnInterruptedLateGeneratorOwnsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5500*time.Millisecond, cancel)
		got, err := load.Run(ctx, load.Options{
			URL:       "http://service/",
			Shape:     workload.Constant{RPS: 10},
			Arrivals:  workload.Uniform,
			Transport: &service{start: time.Now()},
			Clock:     lateClock{clock.System, time.Minute},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.IntendedRequests != 55 || got.Sent != 0 || got.AchievedRate != 0 || math.Abs(got.IntendedRate-10) > 0.01 {
			t.Errorf("got %d intended at %v/s, %d sent at %v/s, want 55 at 10/s and none",
				got.IntendedRequests, got.IntendedRate, got.Sent, got.AchievedRate)
		}
	})
}
