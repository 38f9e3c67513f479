package docker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// fakeEngine is an engine in memory that goes away and loses answers when it
// is told to: what a real one does too rarely for a test.
type fakeEngine struct {
	mu         sync.Mutex // guards what follows
	away       bool
	loseAnswer bool // of the next creation
	refuse     error
	containers map[string]docker.Container // by name
	events     chan docker.Event
	broken     chan error
	created    []string
	most       int // containers at a time
}

func newFakeEngine() *fakeEngine { return &fakeEngine{containers: map[string]docker.Container{}} }

// set changes it. What follows it notices when it goes away.
func (f *fakeEngine) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	if f.away && f.broken != nil {
		f.broken <- docker.ErrUnreachable
		f.broken = nil
	}
}

func (f *fakeEngine) reach() error {
	if f.away {
		return docker.ErrUnreachable
	}
	return nil
}

func (f *fakeEngine) Create(_ context.Context, name string, spec docker.Spec) (string, error) {
	time.Sleep(time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.reach(); err != nil {
		return "", err
	}
	if f.refuse != nil {
		return "", f.refuse
	}
	if _, taken := f.containers[name]; taken {
		return "", docker.ErrNameTaken
	}
	f.created = append(f.created, name)
	f.containers[name] = docker.Container{ID: "id-" + name, Name: name, Labels: spec.Labels, Image: spec.Image}
	f.most = max(f.most, len(f.containers))
	if f.loseAnswer {
		f.loseAnswer = false
		return "", docker.ErrUnreachable
	}
	return "id-" + name, nil
}

func (f *fakeEngine) change(id string, to func(*docker.Container)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.reach(); err != nil {
		return err
	}
	name := strings.TrimPrefix(id, "id-")
	c, found := f.containers[name]
	if !found {
		return docker.ErrGone
	}
	to(&c)
	f.containers[name] = c
	return nil
}

func (f *fakeEngine) Start(_ context.Context, id string) error {
	return f.change(id, func(c *docker.Container) { c.State, c.StartedAt = docker.Running, clock.System.Now() })
}

func (f *fakeEngine) Stop(_ context.Context, id string, _ time.Duration) error {
	return f.change(id, func(c *docker.Container) { c.State = docker.Exited })
}

func (f *fakeEngine) Remove(_ context.Context, id string) error {
	err := f.change(id, func(*docker.Container) {})
	if err == nil {
		f.set(func() { delete(f.containers, strings.TrimPrefix(id, "id-")) })
	}
	return err
}

func (f *fakeEngine) Inspect(_ context.Context, id string) (c docker.Container, err error) {
	err = f.change(id, func(found *docker.Container) { c = *found })
	return c, err
}

func (f *fakeEngine) List(context.Context, map[string]string) ([]docker.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.containers)), f.reach()
}

func (f *fakeEngine) Template(context.Context, string) (docker.Template, error) {
	return docker.Template{}, docker.ErrGone
}

func (f *fakeEngine) Events(context.Context, map[string]string) (<-chan docker.Event, <-chan error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events, f.broken = make(chan docker.Event), make(chan error, 1)
	return f.events, f.broken
}

// story is a target on a fake engine, in virtual time.
type story struct {
	t      *testing.T
	engine *fakeEngine
	target *Target
}

// tell runs a story. Replicas have no port: they are ready while they run.
func tell(t *testing.T, change func(*Config), play func(s *story)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Image = "web:1"
		if change != nil {
			change(&cfg)
		}
		s := &story{t: t, engine: newFakeEngine()}
		var err error
		s.target, err = New("web", cfg, Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: dir, Engine: s.engine})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.target.Run(ctx) }()
		synctest.Wait()
		play(s)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// after lets time pass and returns what is then.
func (s *story) after(d time.Duration) target.Status {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	status, err := s.target.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

func (s *story) ask(n int) {
	s.t.Helper()
	if err := s.target.SetReplicas(s.t.Context(), n); err != nil {
		s.t.Fatal(err)
	}
}

func working(s target.Status) int {
	n := 0
	for i := range s.Replicas {
		if s.Replicas[i].TakesWork() {
			n++
		}
	}
	return n
}

// The answer to a creation is lost: the container is there, and no second one
// is made for the same replica.
func TestLostAnswerStartsNothingTwice(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.engine.set(func() { s.engine.loseAnswer = true })
		s.ask(2)
		status := s.after(5 * time.Second)
		if working(status) != 2 || s.engine.most != 2 || len(s.engine.created) != 2 {
			t.Errorf("%d take work, %d containers at most, created %v; want 2 each", working(status), s.engine.most, s.engine.created)
		}
		if len(status.Conditions) > 0 || status.Replicas[0].Restarts > 0 {
			t.Errorf("a lost answer is taken for a failure: %+v", status)
		}
	})
}

// A replica that could not be made because the engine was away has not had
// its time to start.
func TestTimeWithoutTheEngineDoesNotCount(t *testing.T) {
	tell(t, func(cfg *Config) { cfg.StartTimeout = scale.Duration(10 * time.Second) }, func(s *story) {
		s.ask(1)
		if got := working(s.after(time.Second)); got != 1 {
			t.Fatalf("%d take work, want 1", got)
		}
		s.engine.set(func() { s.engine.loseAnswer = true })
		s.ask(2)
		time.Sleep(100 * time.Millisecond)
		s.engine.set(func() { s.engine.away = true })
		status := s.after(10 * time.Minute)
		if len(status.Replicas) != 2 || len(status.Conditions) != 1 || status.Conditions[0].Type != EngineUnreachable {
			t.Errorf("while the engine is away: %+v", status)
		}
		s.engine.set(func() { s.engine.away = false })
		status = s.after(5 * time.Second)
		if working(status) != 2 || len(status.Conditions) > 0 || s.engine.most != 2 {
			t.Errorf("once it is back: %+v; %d containers at most", status, s.engine.most)
		}
	})
}

// What is refused is asked for ever more rarely, and with its name at once.
func TestRefusalIsToldAtOnceAndBacksOff(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.engine.set(func() { s.engine.refuse = fmt.Errorf("%w: web:1", docker.ErrNoImage) })
		s.ask(3)
		status := s.after(100 * time.Millisecond)
		if len(status.Conditions) != 1 || status.Conditions[0].Type != ImageMissing {
			t.Errorf("told is %+v", status.Conditions)
		}
		failures := func() (n int) {
			_ = s.target.do(s.t.Context(), func(k *keeper) error { n = k.failures.inARow; return nil })
			return n
		}
		s.after(time.Hour)
		// 0.5, 1, 2, … 30 s: seven attempts in the first minute, two in each
		// further one.
		if n := failures(); n < 110 || n > 130 {
			t.Errorf("%d attempts in an hour, want about 125", n)
		}
		s.engine.set(func() { s.engine.refuse = nil })
		if got := working(s.after(31 * time.Second)); got != 3 {
			t.Errorf("%d take work once the image is there, want 3", got)
		}
	})
}
