package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a source whose n-th probe goes as script says, from 0 on.
func scripted(t *testing.T, script func(n int) (time.Duration, error)) *Source {
	t.Helper()
	cfg := Default()
	cfg.URL = "http://web.test"
	s, err := New("latency", cfg, source.Env{Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int64
	s.ask = func(ctx context.Context) error {
		took, err := script(int(count.Add(1)) - 1)
		ctx, cancel := context.WithTimeout(ctx, cfg.Timeout.Std())
		defer cancel()
		select {
		case <-clock.System.After(took):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s
}

// after runs a source for a while and returns what it then says.
func after(t *testing.T, d time.Duration, s *Source) (map[string]scale.Sample, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-clock.System.After(d)
	synctest.Wait()
	samples, err := s.Collect(t.Context())
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	all := map[string]scale.Sample{}
	for _, s := range samples {
		all[s.Signal] = s
	}
	return all, err
}

func TestWhatTheProbesSay(t *testing.T) {
	const ms = time.Millisecond
	refused := errors.New("connection refused")
	for _, tc := range []struct {
		rule              string
		script            func(n int) (time.Duration, error)
		p95, average, p50 float64 // seconds; 0: no latency
		success           float64
		fails             bool
	}{
		{"all good", func(int) (time.Duration, error) { return 100 * ms, nil }, 0.1, 0.1, 0.1, 1, false},
		{"one of twenty is slow", func(n int) (time.Duration, error) {
			if n%20 == 7 {
				return 900 * ms, nil
			}
			return 100 * ms, nil
		}, 0.1, 0.14, 0.1, 1, false},
		{"two of twenty are slow", func(n int) (time.Duration, error) {
			if n%10 == 7 {
				return 900 * ms, nil
			}
			return 100 * ms, nil
		}, 0.9, 0.18, 0.1, 1, false},
		{"a fast failure does not look fast", func(n int) (time.Duration, error) {
			if n%2 == 0 {
				return ms, refused
			}
			return 100 * ms, nil
		}, 5, 2.55, 0.1, 0.5, false},
		{"too slow is at least the timeout", func(int) (time.Duration, error) { return time.Hour, nil }, 5, 5, 5, 0, true},
		{"refused says nothing of the latency", func(int) (time.Duration, error) { return ms, refused }, 0, 0, 0, 0, true},
		{"nor does a name without address", func(int) (time.Duration, error) {
			return 3 * time.Second, &net.DNSError{Err: "i/o timeout", Name: "web.test", IsTimeout: true}
		}, 0, 0, 0, 0, true},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := after(t, 60*time.Second+500*ms, scripted(t, tc.script))
				if (err != nil) != tc.fails {
					t.Errorf("the error is %v", err)
				}
				for name, want := range map[string]float64{"latency": tc.p95, "latencyAverage": tc.average, "latencyP50": tc.p50} {
					if s, there := got[name]; there != (want > 0) || math.Abs(s.Value-want) > 1e-6 {
						t.Errorf("%s: got %+v, want %v", name, s, want)
					}
				}
				s := got["latencySuccessRatio"]
				if s.Value != tc.success || clock.System.Now().Sub(s.At) > 1500*ms || s.Window < 18*time.Second || s.Window > 26*time.Second {
					t.Errorf("success: got %+v, want %v of the last 20 s or so", s, tc.success)
				}
				if tc.p95 > 0 && (got["latency"].Distribution.Count() != 20 || math.Abs(got["latency"].Distribution.Mean()-tc.average) > 1e-6) {
					t.Errorf("the distribution has %d values of mean %v", got["latency"].Distribution.Count(), got["latency"].Distribution.Mean())
				}
			})
		})
	}
}

// A service that hangs for 5 s is probed 5 times meanwhile, not once.
func TestProbesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := clock.System.Now()
		s := scripted(t, func(int) (time.Duration, error) {
			if since := clock.System.Now().Sub(began); since >= 10*time.Second && since < 14900*time.Millisecond {
				return 14900*time.Millisecond - since, nil
			}
			return 100 * time.Millisecond, nil
		})
		got, err := after(t, 20500*time.Millisecond, s)
		if v := got["latency"].Value; err != nil || v < 3.8 || v > 4.91 {
			t.Errorf("p95 is %v (%v), want about 4 s: the hang of 5 s was met by 5 of 20 probes", v, err)
		}
		if v := got["latencyAverage"].Value; v < 0.6 || v > 0.8 {
			t.Errorf("the average is %v, want about 0.7 s", v)
		}
	})
}

func TestFewProbesSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seconds, want := range map[int]int{3: 0, 4: 4} {
			got, err := after(t, time.Duration(seconds)*time.Second+500*time.Millisecond, scripted(t, func(int) (time.Duration, error) { return time.Millisecond, nil }))
			if err != nil || len(got) != want {
				t.Errorf("after %d s: %d samples, %v; want %d", seconds, len(got), err, want)
			}
		}
	})
}

// real is a source that probes a server often, and runs until the test ends.
func real(t *testing.T, change func(*Config)) *Source {
	t.Helper()
	cfg := Default()
	cfg.Interval, cfg.Timeout, cfg.Samples = scale.Duration(20*time.Millisecond), scale.Duration(time.Second), 5
	change(&cfg)
	s, err := New("latency", cfg, source.Env{Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// until waits for samples, or for an error when one is wanted.
func until(t *testing.T, s *Source, what string, holds func(map[string]float64, error) bool) {
	t.Helper()
	deadline := clock.System.Now().Add(20 * time.Second)
	for {
		values := map[string]float64{}
		samples, err := s.Collect(t.Context())
		for _, s := range samples {
			values[s.Signal] = s.Value
		}
		if holds(values, err) {
			return
		}
		if clock.System.Now().After(deadline) {
			t.Fatalf("waited 20 s in vain until %s; last: %v, %v", what, values, err)
		}
		<-clock.System.After(10 * time.Millisecond)
	}
}

func TestRealServers(t *testing.T) {
	var requests, connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		switch {
		case r.URL.Path == "/hang":
			<-r.Context().Done()
		case r.Method == "HEAD" && r.Header.Get("X-Key") == "k":
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			fmt.Fprint(w, "all is well")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pemOf(server), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		says   string // "": good
	}{
		"good": {func(c *Config) { c.ExpectBody = "well" }, ""},
		"another method": {func(c *Config) {
			c.Method, c.ExpectStatus = "HEAD", []int{204}
			c.Headers = map[string]secret{"X-Key": "k"}
		}, ""},
		"a redirect is one":  {func(c *Config) { c.URL += "/moved" }, ""},
		"another text":       {func(c *Config) { c.ExpectBody = "ill" }, "does not hold the text"},
		"another status":     {func(c *Config) { c.ExpectStatus = []int{201, 202} }, "answered 200, want one of [201 202]"},
		"unknown authority":  {func(c *Config) { c.TLS.CAFile = "" }, "certificate"},
		"any certificate":    {func(c *Config) { c.TLS.CAFile, c.TLS.InsecureSkipVerify = "", true }, ""},
		"no answer in time":  {func(c *Config) { c.URL += "/hang"; c.Timeout = scale.Duration(50 * time.Millisecond) }, "no complete answer within 50ms"},
		"nobody listens":     {func(c *Config) { c.URL = "http://127.0.0.1:1" }, "connection refused"},
		"a name of nobody":   {func(c *Config) { c.URL = "http://no-such-host.invalid" }, "no-such-host.invalid"},
		"a fresh connection": {func(c *Config) { c.FreshConnection = true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before, asked := connections.Load(), requests.Load()
			s := real(t, func(c *Config) { c.URL, c.TLS.CAFile = server.URL, ca; tc.change(c) })
			until(t, s, "the window says so", func(v map[string]float64, err error) bool {
				if reused := requests.Load() - asked - (connections.Load() - before); name == "good" && reused < 1 {
					return false // a connection serves again once an answer came before the next probe
				}
				if tc.says == "" {
					return err == nil && v["latencySuccessRatio"] == 1 && v["latency"] > 0 && v["latency"] < 1
				}
				ratio, there := v["latencySuccessRatio"]
				return there && ratio == 0 && err != nil && strings.Contains(err.Error(), tc.says)
			})
			if fresh := connections.Load() - before; name == "a fresh connection" && fresh < 5 {
				t.Errorf("%d connections for %d requests", fresh, requests.Load()-asked)
			}
		})
	}
}

func TestWhatIsWrongHereIsNoFailureOfTheService(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	s := real(t, func(c *Config) { c.URL, c.BearerTokenFile = "http://127.0.0.1:1", file })
	until(t, s, "the file is missed", func(v map[string]float64, err error) bool {
		return len(v) == 0 && err != nil && strings.Contains(err.Error(), "bearerTokenFile")
	})
}

func TestConformance(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	sourcetest.Run(t, sourcetest.Harness{
		New: func(t *testing.T) source.Source {
			if err := os.WriteFile(token, []byte("t"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := real(t, func(c *Config) { c.URL, c.BearerTokenFile = server.URL, token })
			until(t, s, "there are samples", func(v map[string]float64, err error) bool { return err == nil && len(v) == 4 })
			return s
		},
		Now: clock.System.Now, Signals: []string{"latency", "latencyAverage", "latencyP50", "latencySuccessRatio"},
		Break: func(t *testing.T, s source.Source) {
			if err := os.Remove(token); err != nil {
				t.Fatal(err)
			}
			until(t, s.(*Source), "the fault was noticed", func(_ map[string]float64, err error) bool { return err != nil })
		},
	})
}

func TestConfigurationsThatAreWrong(t *testing.T) {
	for body, says := range map[string]string{
		`{}`:                                       "url: must begin with http://",
		`{"url":"http://h","method":"GE T"}`:       "method: must be one such as GET",
		`{"url":"http://h","samples":2}`:           "samples: must be 5 to 1000, got 2",
		`{"url":"http://h","interval":"1ms"}`:      "interval: must be at least 10ms",
		`{"url":"http://h","timeout":"0s"}`:        "timeout: must be above 0",
		`{"url":"http://h","timeout":"10m"}`:       "at most 100 intervals (1s)",
		`{"url":"http://h","expectStatus":[20]}`:   "expectStatus[0]: must be 100 to 599",
		`{"url":"http://h","tls":{"keyFile":"a"}}`: "tls.certFile",
	} {
		cfg := Default()
		if err := json.Unmarshal([]byte(body), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want it to say %q", body, err, says)
		}
	}
}
