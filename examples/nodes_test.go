package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/traffictest"
)

// The stack as it is shipped, on two nodes: an agent on each reads files and has
// no socket, and the planner knows what tasks on both of them use.
func TestSwarmExampleMeasuresBothNodes(t *testing.T) {
	m := newMachine(t, "")
	worker := m.SwarmOfTwo(t)
	m.buildFlyball()
	m.carry("flyball:latest", worker)
	dir := m.copyOf("swarm")
	m.edit(filepath.Join(dir, "stack.yaml"), "- /var/run/docker.sock:", "- "+m.socket()+":", "- /sys/fs/cgroup:", "- "+m.Cgroups+":")
	m.docker(dir, "stack", "deploy", "--resolve-image", "never", "-c", "stack.yaml", "shop")
	t.Cleanup(func() { _ = exec.Command("docker", "stack", "rm", "shop").Run() })
	m.eventually("an answer through the balancer", patience, func() bool { return answers("http://127.0.0.1:8080/") })
	m.publish(dir)

	traffic := traffictest.Send(t, "127.0.0.1:8080", traffictest.Only(traffictest.Gets), 80, 0)
	m.eventually("two tasks, one on the worker, whose cores and memory are known", patience, func() bool {
		s := m.lastSeen()
		return s.Ready >= 2 && len(running(t, worker, "shop_app")) > 0 && len(running(t, m.Daemon, "shop_app")) > 0 &&
			s.fresh("cpuCores") > 0.01 && s.fresh("cpuUtilization") > 0.01 && s.fresh("memoryBytes") > 1e6 && s.fresh("networkReceiveRate") > 1000
	})
	traffic.End()
	for _, d := range []*dockertest.Daemon{m.Daemon, worker} {
		agents := running(t, d, "shop_agent")
		if len(agents) != 1 {
			t.Fatalf("%d agents on a node, want one", len(agents))
		}
		filesAlone(t, d, agents[0])
	}
}

// publish opens the dashboard by the command that the stack names for it.
func (m *machine) publish(dir string) {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "stack.yaml"))
	if err != nil {
		m.t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^#   docker (service update .*shop_dashboard)$`).FindSubmatch(text)
	if command == nil {
		m.t.Fatal("stack.yaml does not say how the dashboard is published")
	}
	m.docker(dir, append(strings.Fields(string(command[1])), "--detach")...)
}

// carry gives another engine an image, as a registry would.
func (m *machine) carry(image string, to *dockertest.Daemon) {
	m.t.Helper()
	saved, err := m.API.ImageSave(m.t.Context(), []string{image})
	if err != nil {
		m.t.Fatal(err)
	}
	defer saved.Close()
	var all bytes.Buffer
	if _, err := all.ReadFrom(saved); err != nil {
		m.t.Fatal(err)
	}
	loaded, err := to.API.ImageLoad(m.t.Context(), &all)
	if err != nil {
		m.t.Fatal(err)
	}
	defer loaded.Close()
	if _, err := new(bytes.Buffer).ReadFrom(loaded); err != nil {
		m.t.Fatal(err)
	}
}

// edit puts what this machine has in the place of what a file names: old, new
// and so on, each of which is there once.
func (m *machine) edit(file string, oldnew ...string) {
	m.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if n := strings.Count(string(text), oldnew[i]); n != 1 {
			m.t.Fatalf("%s: %q is there %d times", file, oldnew[i], n)
		}
	}
	if err := os.WriteFile(file, []byte(strings.NewReplacer(oldnew...).Replace(string(text))), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// running are the containers of a service on a node.
func running(t *testing.T, d *dockertest.Daemon, service string) []string {
	t.Helper()
	found, err := d.API.ContainerList(t.Context(), client.ContainerListOptions{Filters: client.Filters{}.Add("label", "com.docker.swarm.service.name="+service)})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, one := range found.Items {
		ids = append(ids, one.ID)
	}
	return ids
}

// filesAlone fails the test where a container has more than files to read.
func filesAlone(t *testing.T, d *dockertest.Daemon, id string) {
	t.Helper()
	found, err := d.API.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := found.Container
	if !c.HostConfig.ReadonlyRootfs || c.HostConfig.Privileged || fmt.Sprint(c.HostConfig.CapDrop) != "[ALL]" || len(c.HostConfig.CapAdd) > 0 || c.Config.User != "65532:65532" {
		t.Errorf("an agent has more than it needs: %+v, user %s", c.HostConfig, c.Config.User)
	}
	for _, mount := range c.Mounts {
		if strings.HasPrefix(mount.Destination, "/host/") && mount.RW || strings.Contains(mount.Source, "docker.sock") {
			t.Errorf("an agent is shown %+v", mount)
		}
	}
}

// sight is what a decision was made on.
type sight struct {
	Ready   int
	Signals []struct {
		Name, Trust string
		Value       float64
	}
}

// fresh is the value of a signal that is believed; -1: there is none.
func (s sight) fresh(name string) float64 {
	for _, signal := range s.Signals {
		if signal.Name == name && signal.Trust == "fresh" {
			return signal.Value
		}
	}
	return -1
}

// lastSeen is what the newest decision was made on, nothing while there is none.
func (m *machine) lastSeen() sight {
	m.t.Helper()
	var lines struct{ Decisions []struct{ Newest int64 } }
	var one struct{ Decision struct{ Seen sight } }
	if !m.api("decisions?limit=1", &lines) || len(lines.Decisions) == 0 || !m.api(fmt.Sprintf("decisions/%d", lines.Decisions[0].Newest), &one) {
		return sight{}
	}
	return one.Decision.Seen
}

// api asks the dashboard; false while it does not answer.
func (m *machine) api(what string, answer any) bool {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, "http://127.0.0.1:7070/api/v1/targets/shop/"+what, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer only-for-this-machine-admin")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(answer) == nil
}
