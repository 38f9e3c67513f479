package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// examples are stacks for whoever has the sources and no Flyball yet.
func examples() map[string]Options {
	compose, swarm := Default(Compose, Environments()[0]), Default(Swarm, Environments()[0])
	compose.BuildContext = "../.."
	compose.KnownSecrets, swarm.KnownSecrets = true, true
	compose.ServePolicy = true // to be seen; a stack of one's own has it where it is asked for
	return map[string]Options{"compose": compose, "swarm": swarm}
}

// open are the secrets of the examples, which everybody knows.
func open() Material {
	return Material{
		RedisPassword: "only-for-this-machine-redis", Token: "only-for-this-machine-admin",
		PrometheusToken: "only-for-this-machine-prometheus", GrafanaPassword: "only-for-this-machine-grafana",
	}
}

// Everybody knows their secrets: what these open is reached from this machine
// alone. A swarm publishes on every address of a node.
func TestExamplesPublishNothingThatHasASecret(t *testing.T) {
	for name := range examples() {
		text, err := os.ReadFile(filepath.Join("../../examples", name, Main(name)))
		if err != nil {
			t.Fatal(err)
		}
		published := 0
		for service, s := range servicesIn(t, []File{{Data: text}}) {
			ports, _ := s["ports"].([]any)
			for _, port := range ports {
				published++
				short, _ := port.(string)
				if service != "balancer" && !strings.HasPrefix(short, "127.0.0.1:") {
					t.Errorf("%s: %s is published by %v", name, service, port)
				}
			}
		}
		if want := map[string]int{"compose": 3, "swarm": 1}[name]; published != want {
			t.Errorf("%s: %d ports are published, want %d", name, published, want)
		}
	}
}

func TestExamplesAreRendered(t *testing.T) {
	for name, o := range examples() {
		files, err := Render(o, open())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			golden(t, filepath.Join("../../examples", name, f.Path), f.Data)
		}
		if text := string(files[0].Data); strings.Count(text, "docker.sock") != 2 || !strings.Contains(text, "- /var/run/docker.sock:/var/run/docker.sock\n") {
			t.Errorf("%s: the socket is not mounted once, in short form", name)
		}
		for service, s := range servicesOf(t, parsed(t, o)) {
			if s["read_only"] != true || !has(s["cap_drop"], "ALL") || s["user"] == nil {
				t.Errorf("%s %s has more than it needs: %v", name, service, s)
			}
		}
	}
}
