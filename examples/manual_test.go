package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/traffictest"
)

// The stack of docs/swarm.md, as it stands there, serves and scales.
func TestStackOfTheManual(t *testing.T) {
	m := newMachine(t, "")
	m.Swarm(t)
	m.buildFlyball()
	dir := t.TempDir()
	m.write(dir, "Containerfile", "FROM flyball:latest\nHEALTHCHECK NONE\nCMD [\"sample-app\", \"--address\", \"0.0.0.0:8080\", \"--linger\", \"2s\"]\n")
	m.docker(dir, "build", "-t", "shop/web:1", "-f", "Containerfile", ".")
	m.docker(dir, "tag", "flyball:latest", "flyball:1")
	manual, err := os.ReadFile("../docs/swarm.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(# docker stack deploy.*?)```").FindSubmatch(manual)
	if block == nil {
		t.Fatal("docs/swarm.md has no stack to deploy")
	}
	here := strings.NewReplacer("/var/run/docker.sock:", m.socket()+":", "published: 80,", "published: 18099,").Replace(string(block[1]))
	m.write(dir, "shop.yaml", here)
	m.docker(dir, "stack", "deploy", "--resolve-image", "never", "-c", "shop.yaml", "shop")
	t.Cleanup(func() { _ = exec.Command("docker", "stack", "rm", "shop").Run() })
	m.eventually("an answer through the balancer", patience, func() bool { return answers("http://127.0.0.1:18099/") })
	traffic := traffictest.Send(t, "127.0.0.1:18099", traffictest.Only(traffictest.Gets), 140, 0)
	m.eventually("a third task", patience, func() bool {
		return len(m.containers("label=com.docker.swarm.service.name=shop_web")) >= 3
	})
	traffic.End()
}

func (m *machine) write(dir, name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}
