package sampleapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// get asks the service without a network and returns what it answered.
func get(a *app, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.routes().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("hello")))
	return w
}

func TestSlotsAreServedFirstInFirstOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Slots, cfg.ServiceLaw = 2, Deterministic
		a := newApp(cfg, clock.System, silent())
		start := time.Now()
		finished := make([]time.Duration, 6)
		var all sync.WaitGroup
		for i := range finished {
			all.Go(func() {
				get(a, "GET", fmt.Sprintf("/%d", i))
				finished[i] = time.Since(start)
			})
			synctest.Wait() // so that requests arrive in order
		}
		all.Wait()
		for i, got := range finished {
			if want := time.Duration(i/2+1) * 80 * time.Millisecond; got != want {
				t.Errorf("request %d of 2 slots finished after %v, want %v", i, got, want)
			}
		}
	})
}

func TestServiceTimesFollowTheLaw(t *testing.T) {
	for _, test := range []struct {
		law    Law
		wantCV float64
	}{{Lognormal, 0.5}, {Exponential, 1}, {Deterministic, 0}} {
		t.Run(string(test.law), func(t *testing.T) {
			cfg := Default()
			cfg.ServiceLaw = test.law
			d := newDice(cfg)
			const n = 200_000
			var sum, squares float64
			for range n {
				s := d.serviceTime().Seconds()
				sum += s
				squares += s * s
			}
			mean := sum / n
			cv := math.Sqrt(math.Max(0, squares/n-mean*mean)) / mean
			if math.Abs(mean-0.08) > 0.001 || math.Abs(cv-test.wantCV) > 0.02 {
				t.Errorf("mean %v s and cv %v, want 0.08 s and %v", mean, cv, test.wantCV)
			}
		})
	}
}

func TestSeedAndReplicaDecideTheServiceTimes(t *testing.T) {
	draw := func(seed uint64, replica string) time.Duration {
		cfg := Default()
		cfg.Seed, cfg.Replica = seed, replica
		return newDice(cfg).serviceTime()
	}
	if a, b := draw(1, "web-a"), draw(1, "web-a"); a != b {
		t.Errorf("same seed, same replica: %v and %v", a, b)
	}
	if a, b := draw(1, "web-a"), draw(1, "web-b"); a == b {
		t.Errorf("two replicas move in step: both %v", a)
	}
	if a, b := draw(1, "web-a"), draw(2, "web-a"); a == b {
		t.Errorf("the seed changes nothing: both %v", a)
	}
}

func TestModes(t *testing.T) {
	for _, test := range []struct {
		mode                Mode
		wantRoot, wantCheck int
	}{
		{OK, 200, 200},
		{Error, 500, 200},
		{Unready, 200, 503},
	} {
		t.Run(string(test.mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(Default(), clock.System, silent())
				if got := get(a, "POST", "/fail?mode="+string(test.mode)).Code; got != http.StatusNoContent {
					t.Fatalf("POST /fail: %d", got)
				}
				if got := get(a, "POST", "/").Code; got != test.wantRoot {
					t.Errorf("/ answers %d, want %d", got, test.wantRoot)
				}
				if got := get(a, "GET", "/healthz").Code; got != test.wantCheck {
					t.Errorf("/healthz answers %d, want %d", got, test.wantCheck)
				}
			})
		})
	}
}

func TestUnknownModeIsRefused(t *testing.T) {
	a := newApp(Default(), clock.System, silent())
	w := get(a, "POST", "/fail?mode=sulk")
	if w.Code != 400 || !strings.Contains(w.Body.String(), "must be one of ok, hang") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestListenEarlyAnswers503UntilStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.ListenEarly, cfg.StartupDelay = true, scale.Duration(10*time.Second)
		a := newApp(cfg, clock.System, silent())
		for _, path := range []string{"/", "/healthz"} {
			if got := get(a, "GET", path).Code; got != 503 {
				t.Errorf("%s while starting: %d, want 503", path, got)
			}
		}
		time.Sleep(10 * time.Second)
		if got := get(a, "GET", "/healthz").Code; got != 200 {
			t.Errorf("/healthz once started: %d, want 200", got)
		}
	})
}

func TestFailRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.FailRate = 0.25
		a := newApp(cfg, clock.System, silent())
		failed := 0
		for range 2000 {
			if get(a, "GET", "/").Code == 500 {
				failed++
			}
		}
		if failed < 400 || failed > 600 {
			t.Errorf("%d of 2000 failed, want about 500", failed)
		}
	})
}

func TestMetricsCountRequestsByCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.ServiceLaw = Deterministic
		a := newApp(cfg, clock.System, silent())
		for range 3 {
			get(a, "GET", "/")
		}
		get(a, "GET", "/stream?chunks=x")
		text := get(a, "GET", "/metrics").Body.String()
		for _, want := range []string{
			"http_requests_total{code=\"200\"} 3\n",
			"http_requests_total{code=\"400\"} 1\n",
			"http_slots 4\n",
			"http_requests_in_flight 0\n",
			"http_request_duration_seconds_bucket{le=\"0.075\"} 1\n",
			"http_request_duration_seconds_bucket{le=\"0.1\"} 4\n",
			"http_request_duration_seconds_bucket{le=\"+Inf\"} 4\n",
			"http_request_duration_seconds_sum 0.24\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("metrics lack %q:\n%s", want, text)
			}
		}
	})
}

// running is a service on a real port.
type running struct {
	url  string
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, change func(*Config)) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.ServiceMean = scale.Duration(5 * time.Millisecond)
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{url: "http://" + listener.Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- newApp(cfg, clock.System, silent()).serve(ctx, listener) }()
	return r
}

func TestShutdownFinishesRequestsInProgress(t *testing.T) {
	r := start(t, func(cfg *Config) {
		cfg.ServiceLaw, cfg.ServiceMean = Deterministic, scale.Duration(300*time.Millisecond)
	})
	answered := make(chan error, 1)
	arrived := make(chan struct{})
	go func() {
		body := io.MultiReader(strings.NewReader("x"), callback(func() { close(arrived) }))
		resp, err := http.Post(r.url, "text/plain", body)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		answered <- err
	}()
	<-arrived
	waitFor(t, "the request is in progress", func() bool {
		resp, err := http.Get(r.url + "/metrics")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(text), "http_requests_in_flight 1\n")
	})
	r.stop()
	if err := <-answered; err != nil {
		t.Errorf("request in progress at shutdown: %v", err)
	}
	if err := <-r.done; err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	if _, err := http.Get(r.url); err == nil {
		t.Error("still answers after shutdown")
	}
}

// callback calls itself when it is read, and is then at its end.
type callback func()

func (c callback) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

func TestStreamArrivesInPieces(t *testing.T) {
	r := start(t, nil)
	resp, err := http.Get(r.url + "/stream?chunks=3&interval=1ms")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "data:  1\n\ndata:  2\n\ndata:  3\n\nevent: end\ndata: 3\n\n"; string(body) != want {
		t.Errorf("got %q, want %q", body, want)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
}

func TestWebSocketEchoesAndSaysGoodBye(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, r.url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := conn.Read(ctx); err != nil || string(got) != "ping" {
		t.Fatalf("echo: %q, %v", got, err)
	}
	r.stop()
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("at shutdown: %v, want going away", err)
	}
	if err := <-r.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestCrashCutsConnections(t *testing.T) {
	r := start(t, func(cfg *Config) { cfg.ServiceMean = scale.Duration(time.Hour) })
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get(r.url)
		if err == nil {
			resp.Body.Close()
		}
		answered <- err
	}()
	if resp, err := http.Post(r.url+"/fail?mode=crash", "", nil); err == nil {
		resp.Body.Close()
	}
	if err := <-r.done; !errors.Is(err, ErrCrash) {
		t.Errorf("Run: %v, want ErrCrash", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request in progress was answered")
	}
}

func TestSlotIsNotLostWithAClientThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Slots, cfg.ServiceLaw = 1, Deterministic
		a := newApp(cfg, clock.System, silent())
		var all sync.WaitGroup
		all.Go(func() { get(a, "GET", "/first") })
		synctest.Wait()
		waiting, leave := context.WithCancel(t.Context())
		all.Go(func() {
			r := httptest.NewRequest("GET", "/second", nil).WithContext(waiting)
			a.routes().ServeHTTP(httptest.NewRecorder(), r)
		})
		synctest.Wait()
		leave()
		start := time.Now()
		if got := get(a, "GET", "/third").Code; got != 200 {
			t.Errorf("the third request: %d", got)
		}
		if took := time.Since(start); took != 160*time.Millisecond {
			t.Errorf("the third request took %v, want 160ms: the first one's service and its own", took)
		}
		all.Wait()
		if text := a.metrics.text(); !strings.Contains(text, "http_requests_total{code=\"499\"} 1\n") {
			t.Errorf("the client that left is not counted:\n%s", text)
		}
	})
}

func TestRunListensAfterTheStartupDelay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.Address, cfg.StartupDelay = listener.Addr().String(), scale.Duration(200*time.Millisecond)
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	start := time.Now()
	go func() { done <- Run(ctx, cfg, clock.System, silent()) }()
	waitFor(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", cfg.Address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("listens after %v", took)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// Asked to stop it still answers for a while, says that it is not ready, and ends
// connections with its answers.
func TestLingersBeforeItStops(t *testing.T) {
	cfg := Default()
	cfg.Linger, cfg.ServiceMean = scale.Duration(2*time.Second), 0
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- newApp(cfg, clock.System, silent()).serve(ctx, listener) }()
	url := "http://" + listener.Addr().String()
	cancel()
	waitFor(t, "it says that it leaves", func() bool {
		answer, err := http.Get(url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusServiceUnavailable
	})
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !answer.Close {
		t.Errorf("answers %s, connection ends %v; want 200 and an end", answer.Status, answer.Close)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunCrashesWhenToldTo(t *testing.T) {
	cfg := Default()
	cfg.Address, cfg.CrashAfter = "127.0.0.1:0", scale.Duration(10*time.Millisecond)
	if err := Run(t.Context(), cfg, clock.System, silent()); !errors.Is(err, ErrCrash) {
		t.Errorf("got %v, want ErrCrash", err)
	}
}

func TestRunFailsAtStartWhenToldTo(t *testing.T) {
	cfg := Default()
	cfg.StartFail = true
	if err := Run(t.Context(), cfg, clock.System, silent()); !errors.Is(err, ErrStartFail) {
		t.Errorf("got %v, want ErrStartFail", err)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	err := Config{Address: "8080", ServiceLaw: "uniform", ServiceCV: math.NaN(), FailRate: 2, Mode: "ok"}.Validate()
	for _, want := range []string{"address", "slots", "serviceLaw: must be one of lognormal, exponential, deterministic", "serviceCV", "failRate", "shutdownTimeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %q", err, want)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	env := map[string]string{"PORT": "20001", "FLYBALL_REPLICA": "web-1"}
	cfg := FromEnvironment(func(key string) string { return env[key] })
	if cfg.Address != "127.0.0.1:20001" || cfg.Replica != "web-1" {
		t.Errorf("got %q and %q", cfg.Address, cfg.Replica)
	}
}

// waitFor polls until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
