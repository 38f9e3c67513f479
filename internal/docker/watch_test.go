package docker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// watched is what Watch reports, as a test reads it.
type watched struct {
	t       *testing.T
	updates chan docker.Update
}

func watch(t *testing.T, c *docker.Client, labels map[string]string) watched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := watched{t, make(chan docker.Update, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		docker.Watch(ctx, clock.System, c, labels, func(u docker.Update) { w.updates <- u })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// until waits for an update that fits and returns it with the time it took.
func (w watched) until(what string, fits func(docker.Update) bool) (docker.Update, time.Duration) {
	w.t.Helper()
	begin, deadline := time.Now(), time.After(time.Minute)
	for {
		select {
		case u := <-w.updates:
			if fits(u) {
				return u, time.Since(begin)
			}
		case <-deadline:
			w.t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

func TestWatchTellsWhatHappens(t *testing.T) {
	c, daemon := open(t)
	daemon.Image(t, "sick:1", `HEALTHCHECK --interval=1s --timeout=2s CMD ["/server", "healthy"]`)
	labels := mine(t, c)
	w := watch(t, c, labels)
	w.until("an empty listing", func(u docker.Update) bool { return u.Listed && len(u.All) == 0 })
	one := run(t, c, "watched", docker.Spec{Image: "sick:1", Labels: labels})
	run(t, c, "foreign", docker.Spec{Image: "web:1", Labels: map[string]string{"test": "other"}})
	defer remove(t, daemon, "foreign")
	is := func(state docker.State, health docker.Health) func(docker.Update) bool {
		return func(u docker.Update) bool {
			if u.One != nil && u.One.Name != "watched" {
				t.Errorf("told of %s, which is not watched", u.One.Name)
			}
			return u.One != nil && u.One.State == state && u.One.Health == health
		}
	}
	w.until("it runs", is(docker.Running, docker.HealthStarting))
	w.until("it is healthy", is(docker.Running, docker.Healthy))
	if _, err := daemon.API.ContainerKill(t.Context(), one.ID, client.ContainerKillOptions{}); err != nil {
		t.Fatal(err)
	}
	u, took := w.until("it has died", func(u docker.Update) bool { return u.One != nil && u.One.State == docker.Exited })
	t.Logf("told of a death after %v", took)
	if !strings.HasPrefix(u.One.Exit, "exit status 137") {
		t.Errorf("it ended by %q", u.One.Exit)
	}
	if err := c.Remove(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	w.until("it is gone", func(u docker.Update) bool { return u.Gone == one.ID })
}

func TestWatchListsAgainAfterTheEngineWasAway(t *testing.T) {
	c, daemon := open(t)
	labels := mine(t, c)
	w := watch(t, c, labels)
	run(t, c, "watched", docker.Spec{Image: "web:1", Labels: labels})
	for _, leave := range []func(testing.TB){daemon.Kill, daemon.Stop} {
		leave(t)
		w.until("the gap is told", func(u docker.Update) bool { return errors.Is(u.Err, docker.ErrUnreachable) })
		daemon.Start(t)
		u, took := w.until("a listing", func(u docker.Update) bool { return u.Listed })
		t.Logf("listed %v after the engine was back", took)
		if len(u.All) != 1 || u.All[0].State != docker.Exited {
			t.Errorf("listed %+v", u.All)
		}
		if err := c.Start(t.Context(), "watched"); err != nil {
			t.Fatal(err)
		}
		w.until("news of the start", func(u docker.Update) bool { return u.One != nil && u.One.State == docker.Running })
	}
}
