package docker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
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
	refusal    error                       // of the next start
	listing    time.Duration               // from what a listing sees to its answer
	containers map[string]docker.Container // by name
	events     chan docker.Event
	broken     chan error
	created    []string
	most       int           // containers at a time
	stubborn   time.Duration // from the stop signal to the end of a container
	told       int           // stop signals
	lost       chan struct{} // closed when the engine forgets whom it is to kill; nil: never
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
		return "", fmt.Errorf("create container %s: %w", name, f.refuse)
	}
	if _, taken := f.containers[name]; taken {
		return "", docker.ErrNameTaken
	}
	f.created = append(f.created, name)
	id := "id" + strconv.Itoa(len(f.created))
	f.containers[name] = docker.Container{ID: id, Name: name, Labels: spec.Labels, Image: spec.Image, StopGrace: 10 * time.Second}
	f.most = max(f.most, len(f.containers))
	if f.loseAnswer {
		f.loseAnswer = false
		return "", docker.ErrUnreachable
	}
	return id, nil
}

// change changes a container, by ID or name.
func (f *fakeEngine) change(id string, to func(*docker.Container)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.reach(); err != nil {
		return err
	}
	for name, c := range f.containers {
		if id == name || id == c.ID {
			to(&c)
			f.containers[name] = c
			return nil
		}
	}
	return docker.ErrGone
}

func (f *fakeEngine) Start(_ context.Context, id string) error {
	if err := f.refused(); err != nil {
		return err
	}
	return f.change(id, func(c *docker.Container) { c.State, c.StartedAt = docker.Running, clock.System.Now() })
}

// refused is why this start is refused, once.
func (f *fakeEngine) refused() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.refusal
	f.refusal = nil
	return err
}

// Stop tells a container to end, in the engine's own time: who asked and goes
// away changes nothing. An engine that is lost meanwhile forgets to kill it.
func (f *fakeEngine) Stop(ctx context.Context, id string, grace time.Duration) error {
	err := f.change(id, func(c *docker.Container) {
		if id = c.ID; c.State == docker.Running {
			f.told++
			go f.tell(docker.Event{ID: c.ID, Asked: true})
		}
	})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-time.After(min(f.stubborn, cmp.Or(grace, 10*time.Second))):
			_ = f.change(id, func(c *docker.Container) { c.State = docker.Exited }) // unless it was taken away
			f.tell(docker.Event{ID: id})
		case <-f.lost:
		}
	}()
	select {
	case <-ended:
		return nil
	case <-f.lost:
		return docker.ErrUnreachable
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell tells whoever follows what happens, if anybody does.
func (f *fakeEngine) tell(event docker.Event) {
	f.mu.Lock()
	events := f.events
	f.mu.Unlock()
	select {
	case events <- event:
	case <-time.After(time.Second):
	}
}

func (f *fakeEngine) Remove(ctx context.Context, id string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var name string
	err := f.change(id, func(c *docker.Container) { name = c.Name })
	if err == nil {
		f.set(func() { delete(f.containers, name) })
	}
	return err
}

func (f *fakeEngine) Inspect(_ context.Context, id string) (c docker.Container, err error) {
	err = f.change(id, func(found *docker.Container) { c = *found })
	return c, err
}

func (f *fakeEngine) List(context.Context, map[string]string) ([]docker.Container, error) {
	f.mu.Lock()
	all, err, takes := slices.Collect(maps.Values(f.containers)), f.reach(), f.listing
	f.mu.Unlock()
	time.Sleep(takes)
	return all, err
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
	log    bytes.Buffer

	cfg Config
	dir string
	end func() // of the controller that looks after it
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
		s := &story{t: t, engine: newFakeEngine(), cfg: cfg, dir: dir}
		s.begin()
		play(s)
		s.end()
	})
}

// begin has another controller look after the replicas, by what the one before
// has written down.
func (s *story) begin() {
	s.t.Helper()
	var err error
	s.target, err = New("web", s.cfg, Options{Clock: clock.System, Log: slog.New(slog.NewTextHandler(&s.log, nil)), StateDir: s.dir, Engine: s.engine})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error)
	go func() { done <- s.target.Run(ctx) }()
	s.end = func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
	synctest.Wait()
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

// said is how many lines of the log hold the words.
func (s *story) said(words string) int { return strings.Count(s.log.String(), words) }

// awayFor takes the engine away, and lets something happen meanwhile.
func (s *story) awayFor(d time.Duration, meanwhile func()) {
	s.engine.set(func() { s.engine.away = true })
	time.Sleep(d)
	if meanwhile != nil {
		s.engine.set(meanwhile)
	}
	s.engine.set(func() { s.engine.away = false })
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

// A listing takes its time: what it saw may have been taken away since. It is
// not brought back, which would make a container of its name a second time.
//
//	0 ms made, answer lost │ 10 away │ 50 back │ 110 listing sees it ───────────► 2110 told
//	                                           │ 501 start refused, taken away
func TestOldListingBringsNothingBack(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.engine.set(func() {
			s.engine.loseAnswer, s.engine.listing = true, 2*time.Second
			s.engine.refusal = errors.New("task already exists")
		})
		s.ask(1)
		time.Sleep(10 * time.Millisecond)
		s.awayFor(40*time.Millisecond, nil)
		if status := s.after(time.Minute); working(status) != 1 || s.engine.most != 1 {
			t.Errorf("%d take work, %d containers at most; want 1 each", working(status), s.engine.most)
		}
		slices.Sort(s.engine.created)
		if names := slices.Compact(slices.Clone(s.engine.created)); len(names) != 2 || len(s.engine.created) != 2 {
			t.Errorf("made were %v, want two of different names", s.engine.created)
		}
	})
}

// A container that another hand takes away while it is being made is made
// again by whoever makes it. Its replica has ended by then: what was made goes
// with it.
//
//	0 ms made, answer lost │ 110 seen │ 310 seen to be gone │ 501 made again, taken away
func TestContainerMadeForAReplicaThatEndedGoesWithIt(t *testing.T) {
	tell(t, nil, func(s *story) {
		s.engine.set(func() { s.engine.loseAnswer = true })
		s.ask(1)
		time.Sleep(10 * time.Millisecond)
		s.awayFor(40*time.Millisecond, nil)
		time.Sleep(100 * time.Millisecond)
		s.awayFor(50*time.Millisecond, func() { clear(s.engine.containers) })
		status := s.after(3 * time.Second)
		if names := slices.Collect(maps.Keys(s.engine.containers)); working(status) != 1 || len(names) != 1 {
			t.Errorf("%d take work, there are %v; want 1 each", working(status), names)
		}
		if len(s.engine.created) != 3 {
			t.Errorf("made were %v, want one of them again, and one in its place", s.engine.created)
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
			_ = s.target.do(s.t.Context(), func(k *keeper) error { n = k.failures.InARow; return nil })
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
