package docker_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// A program that is told to end while it ends, by the controller that follows,
// may end at once.
func TestContainerIsToldToEndOnceByTwoControllers(t *testing.T) {
	w := newWorld(t, func(cfg *docker.Config) {
		cfg.Env = map[string]string{"APP": `{"linger": "5s"}`}
		cfg.StopGracePeriod = scale.Duration(time.Minute)
	})
	w.Run()
	w.Set(1)
	w.Until("1 is ready", targettest.Ready(1))
	container := owned(t, w.daemon, w.dir)[0].ID
	w.Set(0)
	w.Until("it is told to end", func(target.Status) bool { return toldToEnd(t, w.daemon, container) > 0 })
	w.Leave()
	if n := len(owned(t, w.daemon, w.dir)); n != 1 {
		t.Fatalf("%d containers when the first controller has gone, want the one that ends", n)
	}
	cfg := webConfig(w.daemon)
	cfg.StopGracePeriod = scale.Duration(time.Minute)
	w.Target = open(t, cfg, w.dir, nil)
	w.Run()
	w.Until("none is left", targettest.Ready(0))
	if n := toldToEnd(t, w.daemon, container); n != 1 {
		t.Errorf("told to end %d times, want once", n)
	}
}

// toldToEnd counts the SIGTERM that a container got.
func toldToEnd(t *testing.T, d *dockertest.Daemon, container string) (n int) {
	t.Helper()
	got := d.API.Events(t.Context(), client.EventsListOptions{
		Since: strconv.FormatInt(time.Now().Add(-10*time.Minute).Unix(), 10), Until: strconv.FormatInt(time.Now().Unix()+1, 10),
		Filters: make(client.Filters).Add("container", container).Add("event", "kill"),
	})
	for {
		select {
		case m := <-got.Messages:
			if m.Actor.Attributes["signal"] == "15" {
				n++
			}
		case <-got.Err: // io.EOF: those were all
			return n
		}
	}
}
