package traefik

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// What Traefik 3.5 showed: one bad request of 0.3 s, two good ones, one client
// that gave up early and one that gave up late, a WebSocket, another service.
func TestMetricsAreReadAsTheyAre(t *testing.T) {
	text, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	s, err := parse(text, "text/plain; version=0.0.4", cfg)
	if err != nil {
		t.Fatal(err)
	}
	if s.started != 1795371990.5 || s.open != 3 || !s.down["http://10.0.0.2:80"] || s.down["http://10.0.0.1:80"] {
		t.Errorf("started %v, %v connections, down %v", s.started, s.open, s.down)
	}
	got := s.since(counted{}).counts(scale.Duration(100 * time.Millisecond))
	if got.Arrived != 5 || got.Ended != 4 || got.Failed != 1 || got.NotGood != 2 {
		t.Errorf("got %+v, want 5 arrived, 4 ended, 1 failed and 2 not good", got)
	}
	if got.Busy != 700*time.Millisecond || got.Latency.Count() != 4 {
		t.Errorf("busy %v, %d latencies, want 700ms and 4", got.Busy, got.Latency.Count())
	}
}

func TestWhatIsNotTraefiksIsRefused(t *testing.T) {
	for _, text := range []string{"", "up 1\n", "not metrics at all"} {
		if _, err := parse([]byte(text), "text/plain; version=0.0.4", Default()); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// A Traefik that was started anew counts from zero.
func TestARestartLosesNothing(t *testing.T) {
	now := newTally(Default(), time.Unix(0, 0))
	look := func(seconds int64, started, requests float64) {
		s := snapshot{at: time.Unix(seconds, 0), started: started}
		s.requests[answered] = requests
		now.note(s, 0)
	}
	look(1, 1, 1000)
	look(2, 1, 1010)
	look(3, 3, 1020) // all of them since
	if got := now.window.Read(time.Unix(3, 0)).Arrived; got != 1030 {
		t.Errorf("%d requests, want 10 and 1020", got)
	}
}

// The threshold is a bound, for any threshold, and all bounds rise.
func TestTheThresholdIsABound(t *testing.T) {
	for _, d := range []time.Duration{0, 50 * time.Microsecond, 7 * time.Millisecond, 100 * time.Millisecond, time.Minute} {
		all, found := bounds(scale.Duration(d)), d == 0
		for i, b := range all {
			found = found || math.Abs(b-d.Seconds()) < 1e-12
			if i > 0 && b <= all[i-1] {
				t.Errorf("%v: %v do not rise", d, all)
			}
		}
		if !found {
			t.Errorf("%v is not among %v", d, all)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse(text, "text/plain; version=0.0.4", Default())
		if err != nil {
			return
		}
		c := s.since(counted{}).counts(scale.Duration(time.Second))
		if c.Busy < 0 || c.NotGood > math.MaxInt64 {
			t.Errorf("%+v", c)
		}
	})
}
