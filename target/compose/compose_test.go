package compose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/targettest"
)

// each runs a test with both programs.
func each(t *testing.T, test func(t *testing.T, v version)) {
	for _, v := range []version{v5, v1} {
		t.Run(string(v), func(t *testing.T) { test(t, v) })
	}
}

// What the project runs is what is there at first: nothing is started or
// ended before somebody asks for a count.
func TestServiceIsTakenOverAsItRuns(t *testing.T) {
	each(t, func(t *testing.T, v version) {
		p := newProject(t, v, file)
		p.compose("up", "-d", "--scale", "web=2")
		w := p.world(nil)
		if s := w.Status(); s.SpecReplicas != 2 || len(s.Replicas) != 2 {
			t.Errorf("before Run: %+v", s)
		}
		w.Run()
		if s := w.Until("2 are ready", targettest.Ready(2)); s.SpecReplicas != 2 {
			t.Errorf("%d are asked for, want 2", s.SpecReplicas)
		}
		if got := len(p.names()); got != 2 {
			t.Errorf("%d run, want 2", got)
		}
	})
}

// ps, up and down of Compose see replicas as their own.
func TestReplicasAreComposesOwn(t *testing.T) {
	each(t, func(t *testing.T, v version) {
		p := newProject(t, v, file)
		p.compose("up", "-d")
		w := p.world(nil)
		w.Run()
		w.Set(3)
		w.Until("3 are ready", targettest.Ready(3))
		if got, want := p.names(), []string{"web" + p.sep() + "1", "web" + p.sep() + "2", "web" + p.sep() + "3"}; !slices.Equal(got, want) {
			t.Errorf("names %v, want %v", got, want)
		}
		if ps := p.compose("ps"); strings.Count(ps, p.name+p.sep()+"web") != 3 {
			t.Errorf("ps shows not all of 3")
		}
		w.sameAsFirst()
		// Up with the count that there is leaves all of them as they are.
		before := p.ids()
		p.compose("up", "-d", "--scale", "web=3")
		if after := p.ids(); !slices.Equal(before, after) {
			t.Errorf("up has made %v of %v", after, before)
		}
		w.Leave()
		if left, err := docker.Leftover(w.dir, "web"); err != nil || left.Up == "" {
			t.Errorf("got %+v, %v: whoever ends what is left must know whose they are", left, err)
		}
		p.compose("down", "--timeout", "1")
		if left := p.containers(); len(left) > 0 {
			t.Errorf("down has left %v", left)
		}
	})
}

// Up by hand sets the count of the file; it is told, and put right.
func TestCountThatWasResetIsRestored(t *testing.T) {
	each(t, func(t *testing.T, v version) {
		p := newProject(t, v, file)
		p.compose("up", "-d")
		w := p.world(nil)
		w.Run()
		w.Set(4)
		w.Until("4 are ready", targettest.Ready(4))
		p.compose("up", "-d")
		began := time.Now()
		s := w.Until("it is told", targettest.Told(scale.CountReset))
		t.Log(targettest.Condition(s, scale.CountReset).Message)
		w.Until("4 are ready again", targettest.Ready(4))
		t.Logf("restored %v after up", time.Since(began))
		if s := w.Status(); s.SpecReplicas != 4 || targettest.Condition(s, scale.CountReset).Type == "" || targettest.Condition(s, scale.CrashLoop).Type != "" {
			t.Errorf("%+v", s)
		}
	})
}

// A service that another hand stops is not started again behind its back, and
// what to do is told; down finds nobody in its way.
func TestServiceThatIsStoppedStaysDown(t *testing.T) {
	each(t, func(t *testing.T, v version) {
		p := newProject(t, v, file)
		p.compose("up", "-d")
		w := p.world(nil)
		w.Run()
		w.Set(3)
		w.Until("3 are ready", targettest.Ready(3))
		p.compose("down")
		s := w.Until("it is told", targettest.Told(docker.ServiceDown))
		if m := targettest.Condition(s, docker.ServiceDown).Message; !strings.Contains(m, "docker compose -p "+p.name+" up -d web") {
			t.Errorf("the message does not say what to do: %s", m)
		}
		time.Sleep(2 * time.Second)
		if left := p.containers(); len(left) > 0 {
			t.Errorf("down has left %v", left)
		}
		p.compose("up", "-d")
		w.Until("3 are ready again", targettest.Ready(3))
		w.Until("it is over", func(s target.Status) bool { return targettest.Condition(s, docker.ServiceDown).Type == "" })
	})
}

// The last container is what others are made like.
func TestLastContainerIsKept(t *testing.T) {
	p := newProject(t, v5, file)
	p.compose("up", "-d")
	w := p.world(nil)
	w.Run()
	w.Set(3)
	w.Until("3 are ready", targettest.Ready(3))
	w.Set(0)
	w.Until("none is left", targettest.Ready(0))
	if all := p.containers(); len(all) != 1 {
		t.Errorf("%d containers at zero, want 1 that is stopped", len(all))
	}
	w.Leave()
	w.Run()
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
	if all := p.containers(); len(all) != 2 {
		t.Errorf("%d containers, want 2", len(all))
	}
}

// sep is what stands between the parts of a name.
func (p *project) sep() string {
	if p.v == v1 {
		return "_"
	}
	return "-"
}

func (p *project) ids() []string {
	var all []string
	for _, c := range p.containers() {
		all = append(all, c.ID)
	}
	return all
}

// sameAsFirst compares the copies with the container that Compose made.
func (w *world) sameAsFirst() {
	w.t.Helper()
	all := w.containers()
	for i, c := range all {
		want, got := all[0].Labels, c.Labels
		for _, key := range []string{"com.docker.compose.config-hash", "com.docker.compose.project.config_files", "com.docker.compose.oneoff", "shop.colour"} {
			if got[key] != want[key] || got[key] == "" {
				w.t.Errorf("%s has label %s=%q, want %q", c.Names[0], key, got[key], want[key])
			}
		}
		if n := got["com.docker.compose.container-number"]; n != string(rune('1'+i)) {
			w.t.Errorf("%s has number %s", c.Names[0], n)
		}
		inspected, err := w.daemon.API.ContainerInspect(w.t.Context(), c.ID, inspectOptions)
		if err != nil {
			w.t.Fatal(err)
		}
		network := inspected.Container.NetworkSettings.Networks[w.name+"_default"]
		if network == nil || !slices.Contains(network.Aliases, "shop") || !slices.Contains(network.Aliases, "web") {
			w.t.Errorf("%s is in networks %+v", c.Names[0], inspected.Container.NetworkSettings.Networks)
		}
		if m := inspected.Container.HostConfig.Memory; m != 64<<20 {
			w.t.Errorf("%s may use %d bytes", c.Names[0], m)
		}
	}
}

var inspectOptions = client.ContainerInspectOptions{}

// A container that up has recreated goes on with its anonymous volume; each further
// one has a volume of its own, whoever made it, which goes with it.
func TestAnonymousVolumesAreNotShared(t *testing.T) {
	each(t, func(t *testing.T, v version) {
		p := newProject(t, v, withVolume("v1"))
		p.compose("up", "-d")
		first := p.volumes()
		p.write(withVolume("v2"))
		p.compose("up", "-d")
		if recreated := p.volumes(); len(first) != 1 || !slices.Equal(first, recreated) {
			t.Fatalf("up has not done what this is about: it recreates the container with %v, which had %v", recreated, first)
		}
		w := p.world(nil)
		w.Run()
		w.Set(3)
		w.Until("3 are ready", targettest.Ready(3))
		p.compose("up", "-d", "--scale", "web=4", "--no-recreate")
		all := p.volumes()
		if different := slices.Compact(slices.Sorted(slices.Values(all))); len(all) < 3 || len(different) != len(all) || !slices.Contains(all, first[0]) {
			t.Errorf("%d containers have the volumes %v, want one each, of which the first is %v", len(all), different, first)
		}
		w.Until("the fourth has gone again", func(target.Status) bool { return len(p.names()) == 3 })
		w.Set(1)
		w.Until("1 is ready", targettest.Ready(1))
		w.Until("the others are gone", func(target.Status) bool { return len(p.containers()) == 1 })
		kept := p.volumes()
		for _, name := range all {
			_, err := p.daemon.API.VolumeInspect(t.Context(), name, client.VolumeInspectOptions{})
			if stays := name == first[0] || slices.Contains(kept, name); (err == nil) != stays {
				t.Errorf("volume %s: %v; stays: %v", name, err, stays)
			}
		}
	})
}

// withVolume is a file whose service has an anonymous volume.
func withVolume(version string) string {
	return strings.Replace(file, "shop.colour: green}\n", "shop.colour: green, version: "+version+"}\n    volumes: [/data]\n", 1)
}

// volumes are those of the containers of service web that run, by name of the
// container.
func (p *project) volumes() []string {
	p.t.Helper()
	var all []string
	for _, c := range p.containers() {
		for _, m := range c.Mounts {
			if m.Destination == "/data" && c.State == container.StateRunning {
				all = append(all, m.Name)
			}
		}
	}
	return all
}

// While another controller may have the service, nothing is started in the place
// of what has died, and nothing is taken away; what exists is told on and on.
func TestAServiceThatAnotherMayHaveIsOnlyLookedAt(t *testing.T) {
	p := newProject(t, v5, shop)
	p.compose("up", "-d", "--scale", "web=3")
	w := p.world(nil)
	w.Run()
	w.Until("3 are ready", targettest.Ready(3))
	w.Target.Alone(false)
	p.compose("stop", "--timeout", "0", "web")
	p.compose("up", "-d", "--scale", "web=2", "--no-recreate")
	w.Until("the 2 of the other are ready", targettest.Ready(2))
	w.Set(1)
	for range 10 {
		time.Sleep(time.Second)
		if names := p.names(); len(names) != 2 || !targettest.Ready(2)(w.Status()) {
			t.Fatalf("%v run, told %+v; want the 2 of the other left alone", names, w.Status().Replicas)
		}
	}
	w.Target.Alone(true)
	w.Until("it goes on", targettest.Ready(1))
}
