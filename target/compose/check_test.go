package compose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/compose"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// What cannot have replicas is refused before anything is touched, with the
// field of the Compose file.
func TestWhatOnlyOneCanHaveIsRefused(t *testing.T) {
	for _, test := range []struct{ what, web, want string }{
		{"a port of the host", `ports: ["18080:8080"]`, "port 18080 of the host"},
		{"a name", "container_name: shop", "container_name: shop can be the name of one container only"},
		{"the host's network", "network_mode: host", "network_mode: with host replicas have no address"},
		{"a port that the engine chooses", `ports: ["8080"]`, ""},
		{"ports to choose from", `ports: ["18080-18085:8080"]`, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			p := newProject(t, v5, "services: {web: {image: \"web:1\", "+test.web+"}}")
			p.compose("up", "-d")
			cfg := p.config()
			refused(t, "by the file", cfg.Check(), test.want)
			// Without the file the container alone tells.
			p.write("services: {}")
			p.remove("compose.yaml")
			if err := cfg.Check(); (err != nil) != (test.want != "") {
				t.Errorf("without the file: %v", err)
			}
			p.write("services: {web: {image: \"web:1\"}}")
			if test.want == "" {
				return
			}
			w := p.world(nil)
			w.Run()
			w.Set(2)
			s := w.Until("it is told", targettest.Told(docker.TemplateMissing))
			t.Log(targettest.Condition(s, docker.TemplateMissing).Message)
			if all := p.containers(); len(all) != 1 {
				t.Errorf("%d containers, want the one there was", len(all))
			}
		})
	}
}

func refused(t *testing.T, how string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: refused: %v", how, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "service: ")):
		t.Errorf("%s: got %v, want a fault of service with %q", how, err, want)
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	p := newProject(t, v5, file)
	cfg := p.config()
	says := func(what, want string) {
		t.Helper()
		if found := cfg.Examine(t.Context()); len(found) != 1 || !strings.Contains(found[0].Message, want) {
			t.Errorf("%s: doctor is told %+v, want %q", what, found, want)
		}
		if err := cfg.Check(); err != nil {
			t.Errorf("%s is waited for, but refused: %v", what, err)
		}
	}
	says("a project that was not started", "project: there is no container of a project "+p.name)
	p.compose("up", "-d", "other")
	says("a service that was not started", "service: there is no container of a service web in project "+p.name+", only of other")
	p.compose("up", "-d")
	says("a service that runs", "can have replicas; its Compose file says 1")
	cfg.Files = []string{p.dir + "/nowhere.yaml"}
	if err := cfg.Check(); err == nil || !strings.HasPrefix(err.Error(), "files: ") {
		t.Errorf("a file that is not there: %v", err)
	}
	cfg.Files, cfg.Endpoint = nil, "unix:///nowhere.sock"
	says("an engine that is away", "docker engine unreachable")
}

func TestContainerThatDiesIsReplacedAtOnce(t *testing.T) {
	p := newProject(t, v5, file)
	p.compose("up", "-d")
	w := p.world(nil)
	w.Run()
	for _, n := range []int{3, 1} { // the only one too
		w.Set(n)
		victim := w.Until("they are ready", targettest.Ready(n)).Replicas[0].ID
		began := time.Now()
		p.kill(p.containers()[0].ID)
		w.Until("it is noticed", func(s target.Status) bool { return !targettest.Ready(n)(s) || !targettest.Has(s, victim) })
		noticed := time.Since(began)
		w.Until("as many are ready", targettest.Ready(n))
		t.Logf("of %d: noticed after %v, another one ready after %v", n, noticed, time.Since(began))
		if noticed > 2*time.Second {
			t.Errorf("noticed after %v", noticed)
		}
	}
	if all := p.containers(); len(all) != 1 {
		t.Errorf("%d containers are left, want 1", len(all))
	}
}

// The engine ends and comes back: nothing is started twice, nothing is left.
func TestEngineThatGoesAwayIsWaitedFor(t *testing.T) {
	for _, policy := range []string{"no", "always"} {
		for _, how := range []string{"SIGTERM", "SIGKILL"} {
			t.Run(policy+" "+how, func(t *testing.T) {
				p := newProject(t, v5, strings.Replace(file, "image: web:1", "image: web:1\n    restart: '"+policy+"'", 1))
				p.compose("up", "-d")
				w := p.world(nil)
				w.Run()
				w.Set(3)
				w.Until("3 are ready", targettest.Ready(3))
				if how == "SIGTERM" {
					w.daemon.Stop(t)
				} else {
					w.daemon.Kill(t)
				}
				w.Until("it is told", targettest.Told(docker.EngineUnreachable))
				w.daemon.Start(t)
				back := time.Now()
				w.Until("3 are ready", func(s target.Status) bool { return targettest.Ready(3)(s) && len(s.Conditions) == 0 })
				t.Logf("right %v after the engine was back", time.Since(back))
				w.settled(3)
			})
		}
	}
}

// settled fails unless n containers run, for a while, and none is left over.
func (w *world) settled(n int) {
	w.t.Helper()
	for range 20 {
		time.Sleep(100 * time.Millisecond)
		if all := w.containers(); len(all) != n || len(w.names()) != n {
			w.t.Fatalf("%d containers, %d of them run, want %d", len(all), len(w.names()), n)
		}
	}
}

// A changed file and up: Compose makes the replicas anew, further ones are
// like the new ones.
func TestChangedFileIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, v version) {
		p := newProject(t, v, file)
		p.compose("up", "-d")
		w := p.world(nil)
		w.Run()
		w.Set(3)
		w.Until("3 are ready", targettest.Ready(3))
		before := p.containers()[0].Labels["com.docker.compose.config-hash"]
		p.write(strings.Replace(file, "green", "blue", 1))
		p.compose("up", "-d")
		w.Until("3 are ready", targettest.Ready(3))
		w.settled(3)
		for _, c := range p.containers() {
			if c.Labels["shop.colour"] != "blue" || c.Labels["com.docker.compose.config-hash"] == before {
				t.Errorf("%s is made like the old file: %v", c.Names[0], c.Labels)
			}
		}
	})
}

func TestCountSetUpByHandIsTakenBack(t *testing.T) {
	p := newProject(t, v5, file)
	p.compose("up", "-d")
	w := p.world(nil)
	w.Run()
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
	p.compose("up", "-d", "--scale", "web=4")
	s := w.Until("it is told", targettest.Told(scale.CountReset))
	t.Log(targettest.Condition(s, scale.CountReset).Message)
	w.Until("2 are left", targettest.Ready(2))
	w.settled(2)
}

// The next controller finds everything again, whatever happened meanwhile.
func TestNextControllerFindsWhatThereIs(t *testing.T) {
	p := newProject(t, v5, file)
	p.compose("up", "-d")
	w := p.world(nil)
	w.Run()
	w.Set(3)
	w.Until("3 are ready", targettest.Ready(3))
	w.Leave()
	p.compose("up", "-d") // to 1, while nobody looks
	w.Target = open(t, p.config(), w.dir, nil)
	w.Run()
	s := w.Until("3 are ready", func(s target.Status) bool { // who has not looked yet knows the 3 of before
		return targettest.Ready(3)(s) && len(w.names()) == 3
	})
	if s.SpecReplicas != 3 {
		t.Errorf("%d are asked for, want 3", s.SpecReplicas)
	}
	w.settled(3)
	other := open(t, p.config(), w.dir, nil)
	if err := other.Run(t.Context()); !errors.Is(err, docker.ErrInUse) {
		t.Errorf("a second controller: %v", err)
	}
}

// With published ports each replica has one that the engine chose.
func TestPublishedPorts(t *testing.T) {
	p := newProject(t, v5, strings.Replace(file, "image: web:1", "image: web:1\n    ports: ['8080']", 1))
	p.compose("up", "-d")
	w := p.world(func(c *compose.Config) { c.Address = docker.AtPublished })
	w.Run()
	w.Set(3)
	s := w.Until("3 are ready", targettest.Ready(3))
	var addresses []string
	for _, r := range s.Replicas {
		if !strings.HasPrefix(r.Address, "127.0.0.1:") {
			t.Errorf("reached at %s", r.Address)
		}
		addresses = append(addresses, r.Address)
	}
	if slices.Sort(addresses); len(slices.Compact(addresses)) != 3 {
		t.Errorf("reached at %v", addresses)
	}
}

func (p *project) kill(id string) {
	p.t.Helper()
	if _, err := dockertest.Engine(p.t).API.ContainerKill(p.t.Context(), id, client.ContainerKillOptions{}); err != nil {
		p.t.Fatal(err)
	}
}
