package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

var update = flag.Bool("update", false, "write the JSON Schema anew")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
			code = 1
		}
	}
	os.Exit(code)
}

// counts are what became of news, by outcome.
type counts struct {
	mu sync.Mutex // guards of
	of map[string]int
}

func (c *counts) add(_, outcome string, news int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[outcome] += news
}

func (c *counts) get(outcome string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[outcome]
}

func (c *counts) all() (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.of {
		sum += n
	}
	return sum
}

// rig is a notifier that runs on a bus of its own.
type rig struct {
	*Notifier
	t      *testing.T
	bus    *memory.Bus
	log    *lockedBuffer
	counts *counts
	stop   func() error
}

// run starts a notifier; change may alter it before that.
func run(t *testing.T, b *memory.Bus, cfg Config, change func(*Options, *Notifier)) *rig {
	t.Helper()
	if cfg.Source == "" {
		cfg.Source = DefaultSource
	}
	r := &rig{t: t, bus: b, log: &lockedBuffer{}, counts: &counts{of: map[string]int{}}}
	o := Options{Config: cfg, Bus: b, Clock: clock.System, Count: r.counts.add,
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&o, nil)
	}
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&n.opts, n)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	// What is published from now on is heard: a configuration is taken after all
	// subscriptions were made.
	if err := n.SetConfig(cfg); err != nil {
		t.Fatal(err)
	}
	r.Notifier = n
	var once sync.Once
	var end error
	r.stop = func() error {
		once.Do(func() { cancel(); end = <-ended })
		return end
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func start0() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func (r *rig) event(kind, target, message string, at time.Time) {
	r.t.Helper()
	subject := target
	if subject == "" {
		subject = "controller"
	}
	err := control.Events(r.bus, subject).Publish(context.Background(), record.Event{Type: kind, Target: target, At: at, Message: message})
	if err != nil {
		r.t.Fatal(err)
	}
}

// scaled publishes a decision and the change that follows it.
func (r *rig) scaled(target string, from, to int, at time.Time) {
	r.t.Helper()
	ctx := context.Background()
	d := record.Decided{Mode: scale.Apply, Decision: scale.Decision{Target: target, At: at, CurrentReplicas: from, DesiredReplicas: to, SetBy: "policy",
		Reason: scale.Because("Load", "{0} requests/s need {1 replica}", 90, float64(to))}}
	if err := control.Decisions(r.bus, target).Publish(ctx, d); err != nil {
		r.t.Fatal(err)
	}
	if err := control.Changes(r.bus, target).Publish(ctx, record.Applied{Target: target, At: at, From: from, To: to}); err != nil {
		r.t.Fatal(err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// got is a request as a receiver had it.
type got struct {
	path   string
	header http.Header
	body   []byte
}

// data is that of a CloudEvent in structured mode.
func (g got) data(t *testing.T) Data {
	t.Helper()
	var e struct{ Data Data }
	if err := json.Unmarshal(g.body, &e); err != nil {
		t.Fatalf("body %s: %v", g.body, err)
	}
	return e.Data
}

// receiver answers by a function and hands out what it was sent and answered
// with 2xx.
func receiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, nth int) bool) (url string, taken <-chan got) {
	t.Helper()
	var mu sync.Mutex
	nth, out := 0, make(chan got, 20_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		mine := nth
		nth++
		mu.Unlock()
		if answer == nil || answer(w, r, mine) {
			out <- got{r.URL.Path, r.Header, body}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, out
}

// take waits for what a receiver takes.
func take(t *testing.T, from <-chan got) got {
	t.Helper()
	select {
	case g := <-from:
		return g
	case <-time.After(40 * time.Second):
		t.Fatal("nothing came")
		return got{}
	}
}

func none() *scale.Duration { d := scale.Duration(0); return &d }

func cloudEvents(name, url string) Receiver {
	return Receiver{Name: name, CloudEvents: &CloudEvents{URL: scale.Secret(url)}}
}
