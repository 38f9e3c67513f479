package docker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// projectEngine is an engine in memory with the containers of a project, each
// of which can be a template.
type projectEngine struct{ *fakeEngine }

func (projectEngine) Template(context.Context, string) (docker.Template, error) {
	return docker.Template{}, nil
}

var service = map[string]string{"service": "web"}

func shop() *Project {
	return &Project{
		Labels: service,
		Name: func(existing []string) string {
			highest := 0
			for _, name := range existing {
				var n int
				_, _ = fmt.Sscanf(name, "web-%d", &n)
				highest = max(highest, n)
			}
			return "web-" + strconv.Itoa(highest+1)
		},
		Mark:  func(string) map[string]string { return maps.Clone(service) },
		Fault: func(docker.Container) error { return nil },
		Up:    "up",
	}
}

// tellOfProject runs a story of a project of which n containers run at first.
func tellOfProject(t *testing.T, n int, play func(s *story)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &story{t: t, engine: newFakeEngine()}
		for i := range n {
			s.engine.found("web-"+strconv.Itoa(i+1), docker.Running)
		}
		cfg := Default()
		cfg.From = "web"
		var err error
		s.target, err = New("web", cfg, Options{
			Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: dir, Engine: projectEngine{s.engine}, Project: shop(),
		})
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

// found is a container that another hand made.
func (f *fakeEngine) found(name string, state docker.State) {
	f.set(func() {
		f.containers[name] = docker.Container{ID: "by-hand-" + name, Name: name, Labels: service, State: state, StartedAt: clock.System.Now()}
	})
}

// byHand is what another hand does to a container, and that it is told.
func (s *story) byHand(name string, what ...func(*docker.Container) docker.Event) {
	s.t.Helper()
	for _, do := range what {
		var event docker.Event
		if err := s.engine.change(name, func(c *docker.Container) {
			event = do(c)
			event.ID = c.ID
		}); err != nil {
			s.t.Fatal(err)
		}
		if event.Destroyed {
			s.engine.set(func() { delete(s.engine.containers, name) })
		}
		s.engine.events <- event
		synctest.Wait()
	}
}

func asked(*docker.Container) docker.Event { return docker.Event{Asked: true} }

func died(c *docker.Container) docker.Event {
	c.State = docker.Exited
	return docker.Event{}
}

func destroyed(*docker.Container) docker.Event { return docker.Event{Destroyed: true} }

func begun(c *docker.Container) docker.Event {
	c.State, c.StartedAt = docker.Running, clock.System.Now()
	return docker.Event{}
}

func (s *story) names() []string {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	return slices.Sorted(maps.Keys(s.engine.containers))
}

func conditions(s target.Status) []string {
	var all []string
	for _, c := range s.Conditions {
		all = append(all, c.Type)
	}
	return all
}

func TestProjectIsTakenOverAndCountedOn(t *testing.T) {
	tellOfProject(t, 2, func(s *story) {
		if status := s.after(time.Hour); status.SpecReplicas != 2 || working(status) != 2 {
			t.Errorf("nobody asked for anything, and now it is %+v", status)
		}
		s.ask(4)
		status := s.after(time.Second)
		if want := []string{"web-1", "web-2", "web-3", "web-4"}; working(status) != 4 || !slices.Equal(s.names(), want) {
			t.Errorf("%d take work, the containers are %v, want %v", working(status), s.names(), want)
		}
		s.ask(1)
		if status = s.after(time.Minute); working(status) != 1 || len(s.names()) != 1 {
			t.Errorf("%d take work, the containers are %v", working(status), s.names())
		}
	})
}

func TestCountThatAnotherHandResets(t *testing.T) {
	tellOfProject(t, 4, func(s *story) {
		s.after(time.Minute)
		for _, name := range []string{"web-2", "web-3", "web-4"} {
			s.byHand(name, asked)
			if got := working(s.after(0)); got > 3 {
				t.Error("a replica that was asked to end still takes work")
			}
			s.byHand(name, died, destroyed)
		}
		status := s.after(handPause / 2)
		if len(status.Replicas) != 1 || !slices.Equal(conditions(status), []string{scale.CountReset}) {
			t.Errorf("while the other hand is at work: %+v", status)
		}
		status = s.after(time.Second)
		if working(status) != 4 || !slices.Equal(conditions(status), []string{scale.CountReset}) {
			t.Errorf("restored it is %+v", status)
		}
		if status = s.after(toldFor); len(status.Conditions) > 0 {
			t.Errorf("still told: %+v", status.Conditions)
		}
	})
}

func TestServiceThatAnotherHandStops(t *testing.T) {
	tellOfProject(t, 2, func(s *story) {
		s.after(time.Minute)
		s.byHand("web-1", asked)
		s.byHand("web-2", asked, died)
		s.byHand("web-1", died)
		status := s.after(time.Hour)
		if len(status.Replicas) > 0 || !slices.Contains(conditions(status), ServiceDown) {
			t.Errorf("after it was stopped: %+v", status)
		}
		s.byHand("web-1", begun)
		status = s.after(2 * time.Second)
		if working(status) != 2 || slices.Contains(conditions(status), ServiceDown) || len(s.engine.created) > 0 {
			t.Errorf("after it was started: %+v, made %v", status, s.engine.created)
		}
		s.byHand("web-1", asked, died, destroyed)
		s.byHand("web-2", asked, died, destroyed)
		if status = s.after(time.Hour); len(s.names()) > 0 || !slices.Contains(conditions(status), ServiceDown) {
			t.Errorf("after it was taken away: %+v, %v", status, s.names())
		}
	})
}

// told is the message of a condition.
func told(s target.Status, condition string) string {
	for _, c := range s.Conditions {
		if c.Type == condition {
			return c.Message
		}
	}
	return ""
}

// What is told is what was done and what follows: nothing is brought back while
// somebody else must start the service first.
func TestWordsOfWhatAnotherHandDid(t *testing.T) {
	tellOfProject(t, 3, func(s *story) {
		s.after(time.Minute)
		for _, name := range []string{"web-1", "web-2", "web-3"} {
			s.byHand(name, asked, died)
		}
		status := s.after(time.Minute)
		if got, want := told(status, scale.CountReset), "another hand ended 3 of 3 replicas (docker compose stop and down do)"; got != want {
			t.Errorf("stopped: got %q, want %q", got, want)
		}
	})
	tellOfProject(t, 1, func(s *story) {
		s.after(time.Minute)
		for _, name := range []string{"web-2", "web-3", "web-4"} { // as up --scale web=4 does
			s.engine.found(name, docker.Created)
			s.byHand(name, begun)
			s.after(handPause / 4)
		}
		status := s.after(2 * time.Second)
		if got, want := told(status, scale.CountReset), "another hand started 3 more than the 1 replica asked for (docker compose up --scale does); brought back to 1"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Another autoscaler that wants more, or fewer, is left alone for longer and
// longer; an order of our own is not.
func TestAnotherAutoscalerIsNotFought(t *testing.T) {
	const again = "is there another autoscaler?"
	tellOfProject(t, 3, func(s *story) {
		s.after(time.Minute)
		restored := 0
		for range 400 { // forty minutes of one that wants 1
			status := s.after(6 * time.Second)
			if len(status.Replicas) < 3 {
				continue
			}
			restored++
			for _, name := range s.names()[1:] {
				s.byHand(name, asked, died, destroyed)
			}
		}
		if restored < 8 || restored > 20 {
			t.Errorf("the count was brought back %d times in 40 minutes, want often at first and every 5 minutes then", restored)
		}
		status := s.after(time.Second)
		if got := told(status, scale.CountReset); !strings.Contains(got, again) || strings.Contains(got, "compose up") || !strings.Contains(got, "; it is brought back to 3 at ") {
			t.Errorf("told %q", got)
		}
		s.ask(4)
		if status = s.after(5 * time.Second); working(status) != 4 {
			t.Errorf("an order waits: %+v", status)
		}
		if status = s.after(replicas.ContestPeace + time.Minute); len(status.Conditions) > 0 {
			t.Errorf("still told: %+v", status.Conditions)
		}
	})
	tellOfProject(t, 1, func(s *story) {
		s.after(time.Minute)
		ended := 0
		for i := range 400 { // one that wants 3
			for len(s.names()) < 3 {
				ended++
				name := fmt.Sprintf("web-%d", 100+2*i+len(s.names()))
				s.engine.found(name, docker.Created)
				s.byHand(name, begun)
			}
			s.after(6 * time.Second)
		}
		if ended < 16 || ended > 40 {
			t.Errorf("%d were ended in 40 minutes, want often at first and 2 every 5 minutes then", ended)
		}
		if got := told(s.after(time.Second), scale.CountReset); !strings.Contains(got, again) {
			t.Errorf("told %q", got)
		}
		if status := s.after(10 * time.Minute); working(status) != 1 {
			t.Errorf("left at %+v", status)
		}
	})
}

func TestSurplusOfAnotherHand(t *testing.T) {
	tellOfProject(t, 2, func(s *story) {
		s.after(time.Minute)
		s.engine.found("web-3", docker.Created)
		s.byHand("web-3", begun)
		if status := s.after(time.Second); working(status) != 2 || !slices.Contains(conditions(status), scale.CountReset) {
			t.Errorf("%+v", status)
		}
		if len(s.names()) != 2 {
			t.Errorf("the containers are %v", s.names())
		}
	})
}

// The last one is kept, and started again rather than copied, whether it was
// stopped or has died.
func TestLastContainerOfAProject(t *testing.T) {
	tellOfProject(t, 1, func(s *story) {
		first := s.after(time.Minute).Replicas[0].ID
		s.ask(0)
		if status := s.after(5 * time.Second); len(status.Replicas) > 0 || !slices.Equal(s.names(), []string{"web-1"}) {
			t.Errorf("at zero: %+v, %v", status, s.names())
		}
		s.ask(1) // before the next listing
		status := s.after(5 * time.Second)
		if working(status) != 1 || status.Replicas[0].ID == first || len(s.engine.created) > 0 {
			t.Errorf("back again: %+v, made %v; was %s", status, s.engine.created, first)
		}
		s.byHand("web-1", died)
		status = s.after(time.Minute)
		if working(status) != 1 || len(s.engine.created) > 0 || status.Replicas[0].Restarts != 1 || len(status.Conditions) > 0 {
			t.Errorf("after it died: %+v, made %v", status, s.engine.created)
		}
	})
}

// Whatever answer is lost, and whenever the engine goes: no more than asked
// for at a time, and nothing is taken for the work of another hand.
func TestProjectWithoutItsEngine(t *testing.T) {
	tellOfProject(t, 1, func(s *story) {
		s.after(time.Minute)
		s.engine.set(func() { s.engine.loseAnswer = true })
		s.ask(3)
		if status := s.after(5 * time.Second); working(status) != 3 || s.engine.most > 3 {
			t.Errorf("%d take work, %d at most: %v", working(status), s.engine.most, s.names())
		}
		s.byHand("web-2", asked, died) // as an engine does that ends
		s.awayFor(5*time.Second, func() {
			for name, c := range s.engine.containers {
				c.State = docker.Exited
				s.engine.containers[name] = c
			}
		})
		status := s.after(10 * time.Second)
		if working(status) != 3 || s.engine.most > 3 || len(status.Conditions) > 0 || len(s.names()) != 3 {
			t.Errorf("%+v; %d at most: %v", status, s.engine.most, s.names())
		}
	})
}

// A person who stops a service and starts it again, also twice, is no other
// autoscaler; and what is as it should be is not about to be brought back.
func TestAServiceThatIsStoppedAgainAndAgainIsNoContest(t *testing.T) {
	tellOfProject(t, 2, func(s *story) {
		s.after(time.Minute)
		s.byHand("web-2", asked, died, destroyed) // up -d, to the count of the file
		s.after(time.Minute)
		calm := func(when string, want int) {
			t.Helper()
			status := s.after(2 * time.Second)
			words := told(status, scale.CountReset)
			if working(status) != want || strings.Contains(words, "another autoscaler") || strings.Contains(words, "about to be") {
				t.Errorf("%s: %d work, and it says %q", when, working(status), words)
			}
			if left := s.after(toldFor).Conditions; len(left) > 0 {
				t.Errorf("%s: still told: %+v", when, left)
			}
		}
		for range 2 {
			for _, name := range s.names() {
				s.byHand(name, asked, died)
			}
			s.after(10 * time.Second)
			s.byHand("web-1", begun)
			calm("started again", 2)
		}
		for _, name := range s.names() {
			s.byHand(name, asked, died)
		}
		s.ask(1)
		if words := told(s.after(10*time.Second), scale.CountReset); !strings.Contains(words, "docker compose stop and down do") {
			t.Errorf("stopped, it says %q", words)
		}
		s.byHand("web-1", begun)
		calm("started again, to fewer", 1)
		s.byHand("web-1", asked, died, destroyed)
		s.after(10 * time.Second)
		for _, name := range s.names() {
			s.byHand(name, destroyed)
		}
		s.engine.found("web-1", docker.Created)
		s.byHand("web-1", begun)
		calm("made again", 1)
	})
}
